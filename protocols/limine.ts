/**
 * Recognizes kernels for the Limine boot protocol: a base revision tag, or requests, in the loaded image.
 *
 * @module
 */

import { PT_LOAD } from "../core/elf/constants.ts";
import type { FileModel } from "../core/file/file_model.ts";
import { REQUEST_SIZE, requestName } from "./limine/magic.ts";
import { findTags, type LimineTag } from "./limine/tags.ts";
import type { Protocol, Recognizer } from "./protocol.ts";

/** A place in a kernel for Limine. */
export interface LiminePlace {
  /** File offset. */
  readonly offset: number;
  /** Virtual address as linked. */
  readonly address: bigint;
  /** Index of the program header that loads it. */
  readonly index: number;
}

/** A base revision tag. */
export interface LimineRevisionTag extends LiminePlace {
  /** The base revision that the kernel asks for. */
  readonly revision: bigint;
}

/** A request. */
export interface LimineRequest extends LiminePlace {
  /** Its name; absent if the specification does not have it. */
  readonly name?: string;
  /** The third and fourth word of its id. */
  readonly id: readonly [bigint, bigint];
  /** Its revision; 0 if that is past the segment's file bytes. */
  readonly revision: bigint;
  /** Whether it ends past its segment's file bytes, where memory is zeroed. */
  readonly reachesBss: boolean;
  /** Whether a marker keeps loaders from seeing it: it lies before the last start or after the first end marker. */
  readonly outside?: "before the start marker" | "after the end marker";
  /** Whether an earlier request has the same id. */
  readonly isDuplicate: boolean;
}

/** What a kernel says to a loader that speaks the Limine boot protocol. */
export interface LimineProtocol extends Protocol<"limine"> {
  /** The base revision that the kernel asks for; 0 if it has no tag. */
  readonly baseRevision: bigint;
  /** Every base revision tag, by address. A kernel has at most one. */
  readonly revisionTags: readonly LimineRevisionTag[];
  /** Every start marker, by address; the last counts. */
  readonly startMarkers: readonly LiminePlace[];
  /** Every end marker, by address; the first counts. */
  readonly endMarkers: readonly LiminePlace[];
  /** Every request at an aligned address, by address. */
  readonly requests: readonly LimineRequest[];
}

/** Recognizes the Limine boot protocol in ELF64 files. */
export const limine: Recognizer<LimineProtocol> = { parts: ["image"], recognize };

function recognize(file: FileModel): LimineProtocol | undefined {
  if (!file.elf?.wide || file.elf.bigEndian) return undefined;
  const loads = file.elf.programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
  const tags = findTags(file, loads);
  const of = (kind: LimineTag["kind"]): readonly LimineTag[] => tags.filter((tag) => tag.kind === kind);
  const revisionTags = of("base-revision").map((tag): LimineRevisionTag => ({ ...place(tag), revision: tag.word(2) }));
  const [startMarkers, endMarkers] = [of("start").map(place), of("end").map(place)];
  const requests = describeRequests(of("request"), startMarkers, endMarkers);
  const first = [...revisionTags, ...requests].reduce<LiminePlace | undefined>(
    (least, each) => least && least.address <= each.address ? least : each,
    undefined,
  );
  if (!first) return undefined;
  const baseRevision = revisionTags.at(-1)?.revision ?? 0n;
  const summary = summarize(revisionTags, requests);
  return {
    name: "limine",
    offset: first.offset,
    summary,
    baseRevision,
    revisionTags,
    startMarkers,
    endMarkers,
    requests,
  };
}

function place({ offset, address, index }: LimineTag): LiminePlace {
  return { offset, address, index };
}

function describeRequests(
  tags: readonly LimineTag[],
  starts: readonly LiminePlace[],
  ends: readonly LiminePlace[],
): readonly LimineRequest[] {
  const seen = new Set<string>();
  const end = ends.at(0);
  const start = starts.findLast(({ address }) => !end || address < end.address);
  return tags.map((tag) => {
    const id = [tag.word(2), tag.word(3)] as const;
    const isDuplicate = seen.has(String(id));
    seen.add(String(id));
    const name = requestName(id);
    const outside = end && tag.address > end.address
      ? { outside: "after the end marker" } as const
      : start && tag.address < start.address
      ? { outside: "before the start marker" } as const
      : {};
    return {
      ...(name === undefined ? {} : { name }),
      id,
      ...place(tag),
      revision: tag.word(4),
      reachesBss: tag.fileSize < REQUEST_SIZE,
      ...outside,
      isDuplicate,
    };
  });
}

/** The most requests that the summary names. */
const MOST_NAMES = 12;

function summarize(revisionTags: readonly LimineRevisionTag[], requests: readonly LimineRequest[]): string {
  const revision = revisionTags.length === 0
    ? "no base revision tag, which means revision 0"
    : `base revision ${revisionTags.map((tag) => tag.revision).join(" and ")}`;
  const count = requests.length === 1 ? "1 request" : `${requests.length || "no"} requests`;
  const names = requests.slice(0, MOST_NAMES).map(({ name, id }) => {
    return name ?? `unknown id ${id.map((word) => `0x${word.toString(16)}`).join(" ")}`;
  });
  const more = requests.length > MOST_NAMES ? [`${requests.length - MOST_NAMES} more`] : [];
  const list = requests.length === 0 ? "" : ` (${[...names, ...more].join(", ")})`;
  const outside = requests.filter((request) => request.outside).length;
  return `Limine: ${revision}, ${count}${list}${outside === 0 ? "" : `, ${outside} outside the markers`}`;
}
