/**
 * The base revision and the requests, as Limine finds them in the image that it has loaded.
 *
 * @module
 */

import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { MAX_REQUESTS, requestName } from "../../protocols/limine/magic.ts";
import { findTags, type LimineTag } from "../../protocols/limine/tags.ts";
import type { LimineImage } from "./image.ts";

/** A request as the rules look at it. */
export interface FoundRequest {
  /** Its name; absent if it is not in the specification. */
  readonly name?: string;
  /** Its virtual address as linked. */
  readonly address: bigint;
  /** Its file offset, if it is in file bytes. */
  readonly offset?: number;
  /** Index of the program header that loads it. */
  readonly index?: number;
  /** Reads a word of it, by its number. */
  readonly word: (number: number) => bigint;
}

/** The base revision and the requests of a kernel. */
export interface RequestsView {
  /** The base revision by which Limine loads it: at most the newest that it supports. */
  readonly revision: number;
  /** The first and the second base revision tag, if the second one makes Limine refuse. */
  readonly revisionTwice?: readonly [LimineTag, LimineTag];
  /** The requests that Limine sees. */
  readonly requests: readonly FoundRequest[];
  /** The first and the second request with one id, if Limine compares them. */
  readonly requestTwice?: readonly [FoundRequest, FoundRequest];
  /** The first request too many. */
  readonly tooMany?: FoundRequest;
  /** An address in the section `.limine_reqs` that is outside the image. */
  readonly listedOutside?: bigint;
  /** The address from which on Limine does not look. */
  readonly scanEnd: bigint;
}

/** Section with pointers to the requests, for kernels of base revision 0. */
const LIST_SECTION = ".limine_reqs";

/** Sizes of the tags in bytes: that of a request is its id. */
const TAG_SIZES: Readonly<Record<LimineTag["kind"], bigint>> = {
  "base-revision": 24n,
  start: 32n,
  end: 16n,
  request: 32n,
};

/**
 * Finds the base revision and the requests.
 *
 * @param view The file, with segments that Limine loads.
 * @returns What Limine finds.
 */
export function readRequests(view: LimineImage): RequestsView {
  const { model, loads, start } = view;
  const scanEnd = scanEndOf(view);
  const tags = findTags(model, loads, start).filter((tag) => isSeen(view, tag, scanEnd));
  const revision = readRevision(view, tags);
  const listed = revision.revision === 0 ? listedRequests(view, scanEnd) : undefined;
  return { ...revision, ...(listed ?? scanRequests(tags)), scanEnd };
}

/**
 * Works out where Limine's scan ends: it takes the bss of one segment off the size of the image.
 *
 * @param view The file, with segments that Limine loads.
 * @returns The address after the last byte that it looks at, as linked.
 */
export function scanEndOf({ loads, start, end, version }: LimineImage): bigint {
  const reachesEnd = ({ p_vaddr, p_memsz }: ProgramHeader): boolean => p_vaddr + p_memsz === end;
  const last = version.isChecked ? loads.findLast(reachesEnd) : loads.at(-1);
  const bss = last ? last.p_memsz - last.p_filesz : 0n;
  return start + BigInt.asUintN(64, end - start - bss);
}

function isSeen({ start, version }: LimineImage, { kind, address }: LimineTag, scanEnd: bigint): boolean {
  if (version.isChecked) return address + TAG_SIZES[kind] <= scanEnd;
  return address - start < (scanEnd - start) / 8n * 8n;
}

function readRevision(
  { version }: LimineImage,
  tags: readonly LimineTag[],
): Pick<RequestsView, "revision" | "revisionTwice"> {
  const { newestRevision, isChecked } = version;
  let revision = 0;
  let tag: LimineTag | undefined;
  for (const each of tags) {
    if (each.kind === "end") break;
    if (each.kind === "start") [revision, tag] = [0, undefined];
    if (each.kind !== "base-revision") continue;
    if (tag && (isChecked || revision !== 0)) return { revision, revisionTwice: [tag, each] };
    tag = each;
    revision = each.word(2) > BigInt(newestRevision) ? newestRevision : Number(each.word(2));
  }
  return { revision };
}

function scanRequests(tags: readonly LimineTag[]): Pick<RequestsView, "requests" | "requestTwice" | "tooMany"> {
  const found = new Map<string, FoundRequest>();
  for (const tag of tags) {
    if (tag.kind === "end") break;
    if (tag.kind === "start") found.clear();
    if (tag.kind !== "request") continue;
    const request = describeRequest(tag);
    if (found.size === MAX_REQUESTS) return { requests: [...found.values()], tooMany: request };
    const id = `${tag.word(2)} ${tag.word(3)}`;
    const first = found.get(id);
    if (first) return { requests: [...found.values()], requestTwice: [first, request] };
    found.set(id, request);
  }
  return { requests: [...found.values()] };
}

function describeRequest(request: Omit<FoundRequest, "name">): FoundRequest {
  const name = requestName([request.word(2), request.word(3)]);
  return name === undefined ? request : { ...request, name };
}

/** The requests of a kernel that lists them in a section; `undefined` if there is no such section. */
function listedRequests(
  view: LimineImage,
  scanEnd: bigint,
): Pick<RequestsView, "requests" | "tooMany" | "listedOutside"> | undefined {
  const section = view.model.elf?.sections.find(({ name }) => name === LIST_SECTION);
  if (!section) return undefined;
  const bytes = view.bytes(section.sh_offset, Math.min(Number(section.sh_size), 8 * MAX_REQUESTS + 8));
  const list = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const requests: FoundRequest[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const address = list.getBigUint64(at, true);
    if (address === 0n) break;
    const request = describeRequest(requestAt(view, address));
    if (requests.length === MAX_REQUESTS) return { requests, ...(view.version.isChecked ? { tooMany: request } : {}) };
    const isInside = address >= view.start && address + TAG_SIZES.request <= scanEnd;
    if (view.version.isChecked && !isInside) return { requests, listedOutside: address };
    requests.push(request);
  }
  return { requests };
}

function requestAt(view: LimineImage, address: bigint): Omit<FoundRequest, "name"> {
  const words = (number: number): bigint => imageWord(view, address + BigInt(8 * number));
  return { address, word: words };
}

/**
 * Reads a word of the loaded image.
 *
 * @param view The file.
 * @param address Its virtual address as linked.
 * @returns The word as it is in the file; 0 if it is in no segment's file bytes.
 */
export function imageWord({ loads, bytes }: LimineImage, address: bigint): bigint {
  const load = loads.find(({ p_vaddr, p_filesz }) => p_vaddr <= address && address + 8n <= p_vaddr + p_filesz);
  const word = load ? bytes(load.p_offset + (address - load.p_vaddr), 8) : new Uint8Array();
  return word.length < 8 ? 0n : new DataView(word.buffer, word.byteOffset, 8).getBigUint64(0, true);
}
