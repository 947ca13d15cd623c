/**
 * How the page at an address came about: which segment it is for, and what it was made from.
 *
 * @module
 */

import { PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { hasMemoryIn, type KernelLayout, type LoadedHeader } from "./kernel_layout.ts";
import type { CopyCause } from "./presence.ts";

/** How a page of a segment came about. */
export type PageOrigin =
  | {
    /** The frame is the file's own. */
    readonly how: "in-place";
    /** The segment. */
    readonly load: LoadedHeader;
  }
  | {
    /** The frame is a fresh one for bss. */
    readonly how: "zeroed";
    /** The segment. */
    readonly load: LoadedHeader;
  }
  | CopiedPage;

/** A page whose frame is a copy. */
export interface CopiedPage {
  /** The frame is a copy. */
  readonly how: "copied";
  /** The segment; the first in the table, if there are several in the page. */
  readonly load: LoadedHeader;
  /** Why it was copied. */
  readonly because: CopyCause;
  /** The other segments that the cause is about. */
  readonly others: readonly LoadedHeader[];
  /** The segments whose page it replaced, with their permissions. */
  readonly replaced?: readonly LoadedHeader[];
  /** What it was filled with. */
  readonly content: CopyContent;
}

/** What a copy was filled with. */
export type CopyContent =
  | {
    /** "segments": the bytes of the segments alone, in a page of zeros. "zeros": nothing. */
    readonly kind: "segments" | "zeros";
  }
  | {
    /** A whole page of the file, up to where a bss begins. */
    readonly kind: "page";
    /** The segment that the page of the file was mapped for. */
    readonly load: LoadedHeader;
    /** File offset of what its first byte was copied from. */
    readonly fileOffset: number;
    /** Low 48 bits of the address where zeros begin. */
    readonly zeroFrom: number;
  };

/**
 * Finds how a page came about. The answer is only given if the frame is the one that this segment's page would have.
 *
 * @param layout The kernel.
 * @param page Low 48 bits of the page's address.
 * @param frame Physical address of its frame.
 * @param owner What the frame is for.
 * @returns How it came about; `undefined` if it is no segment's page.
 */
export function pageOrigin(
  layout: KernelLayout,
  page: number,
  frame: number,
  owner: FrameOwner | null,
): PageOrigin | undefined {
  if (owner !== "file" && owner !== "copy" && owner !== "bss") return undefined;
  const loads = layout.loads.filter((load) => hasPage(load, page));
  if (owner === "copy" && layout.rules.mergesSharedPages) {
    const [load, ...others] = loads.filter((each) => hasMemoryIn(each, page));
    if (others.length > 0) return { how: "copied", load, because: "merged", others, content: { kind: "segments" } };
  }
  for (const load of loads.toReversed()) { // of headers that have the same page, the later one replaced it
    if (owner === "file") {
      if (isInFilePages(load, page) && frame === inPlace(layout, load, page)) return { how: "in-place", load };
    } else if (owner === "bss") {
      if (isInBss(load, page)) return { how: "zeroed", load };
    } else return copyOf(layout, load, page, loads);
  }
  return undefined;
}

function hasPage(load: LoadedHeader, page: number): boolean {
  return isInFilePages(load, page) || load.bss?.partial === page || isInBss(load, page);
}

function isInFilePages({ filePages: { start, end } }: LoadedHeader, page: number): boolean {
  return page >= start && page < end;
}

function isInBss({ bss }: LoadedHeader, page: number): boolean {
  return bss !== undefined && page >= bss.first && page < bss.end;
}

/** The file offset of the page that a page would be mapped to in place. */
function filePageOf({ fileOffset, start }: LoadedHeader, page: number): number {
  return pageStart(fileOffset) + (page - pageStart(start));
}

function inPlace({ kernel: { addressSpace: { file } } }: KernelLayout, load: LoadedHeader, page: number): number {
  return file.phys + filePageOf(load, page);
}

function copyOf(
  layout: KernelLayout,
  load: LoadedHeader,
  page: number,
  loads: readonly LoadedHeader[],
): PageOrigin {
  const { rules } = layout;
  const copied = { how: "copied", load, others: [] } as const;
  const whole = { kind: "page", load, fileOffset: filePageOf(load, page), zeroFrom: page + PAGE_SIZE } as const;
  if (load.misaligned && rules.copiesMisaligned && isInFilePages(load, page)) {
    return { ...copied, because: "misaligned", content: { kind: "segments" } };
  }
  const zeroed = loads.filter(({ bss }) => bss?.partial === page);
  if (zeroed.length > 0) return rules.bssAlwaysCopies ? lastCopy(zeroed, loads) : firstCopy(zeroed, loads, page);
  if (!isInFilePages(load, page)) return { ...copied, because: "written", content: { kind: "zeros" } };
  const others = rules.unsharesWritable && load.writable ? sharersOf(layout, load, whole.fileOffset) : [];
  return others.length > 0
    ? { ...copied, because: "shared", others, content: { kind: "segments" } }
    : { ...copied, because: "written", content: whole };
}

/** The rules that copy the page for each bss that begins in it: the last one counts. */
function lastCopy(zeroed: readonly LoadedHeader[], loads: readonly LoadedHeader[]): CopiedPage {
  const load = zeroed[zeroed.length - 1];
  const { start, fileOffset, fileSize } = load;
  const source = pageStart(fileOffset + fileSize - 1);
  return {
    how: "copied",
    load,
    because: "bss",
    others: [],
    replaced: loads.filter((each) => each !== load),
    content: { kind: "page", load, fileOffset: source, zeroFrom: start + fileSize },
  };
}

/** The rules that copy a page once: each bss that begins in it zeroes the rest of it. */
function firstCopy(zeroed: readonly LoadedHeader[], loads: readonly LoadedHeader[], page: number): CopiedPage {
  const [load] = zeroed;
  const base = loads.find((each) => isInFilePages(each, page));
  const zeroFrom = Math.min(...zeroed.map(({ start, fileSize }) => start + fileSize));
  const content: CopyContent = base
    ? { kind: "page", load: base, fileOffset: filePageOf(base, page), zeroFrom }
    : { kind: "zeros" };
  return { how: "copied", load, because: "bss", others: [], content };
}

/** The other segments that map a page of the file in place, or would if they could not write to it. */
function sharersOf({ loads }: KernelLayout, load: LoadedHeader, filePage: number): readonly LoadedHeader[] {
  return loads.filter((other) => {
    if (other === load || other.misaligned || other.fileSize === 0) return false;
    const page = pageStart(other.start) + filePage - pageStart(other.fileOffset);
    if (!isInFilePages(other, page) || other.bss?.partial === page) return false;
    return loads.every((each) => each === other || !hasMemoryIn(each, page)); // it is not merged
  });
}
