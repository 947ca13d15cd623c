/**
 * Finds the first two segments that Limine does not load together: it compares each with every other one.
 *
 * @module
 */

import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { HIGHER_HALF, type LimineImage } from "./image.ts";

/** Two segments that Limine does not load together. */
export interface Conflict {
  /** Whether they share bytes, or a page with different flags, or the second one's end is above 2^64. */
  readonly kind: "overlap" | "flags" | "overflow";
  /** The one that Limine looks at. */
  readonly outer: ProgramHeader;
  /** The one that it compares it with. */
  readonly inner: ProgramHeader;
}

const PAGE = 4096n;

/** A segment's addresses, modulo 2^64. */
interface Extent {
  readonly header: ProgramHeader;
  readonly start: bigint;
  readonly end: bigint;
  readonly firstPage: bigint;
  readonly endPage: bigint;
  readonly flags: number;
}

/**
 * Finds the first conflict in the order in which Limine compares segments.
 *
 * @param view The file. Segments in the lower half that Limine would refuse are left out.
 * @returns The conflict; `undefined` if there is none.
 */
export function firstConflict(
  { loads, isRelocatable, version }: Pick<LimineImage, "loads" | "isRelocatable" | "version">,
): Conflict | undefined {
  const extents = loads.filter(({ p_vaddr }) => isRelocatable || p_vaddr >= HIGHER_HALF).map(extentOf);
  const isOver = (extent: Extent): boolean => version.isChecked && overflows(extent.header);
  // The first segment is compared with all, and so meets an end above 2^64 wherever it is.
  const outer = extents.some(isOver) ? extents[0] : extents[firstThat(extents)];
  if (!outer) return undefined;
  if (isOver(outer)) return { kind: "overflow", outer: outer.header, inner: outer.header };
  for (const inner of extents) {
    if (inner === outer) continue;
    if (isOver(inner)) return { kind: "overflow", outer: outer.header, inner: inner.header };
    const kind = conflictOf(outer, inner);
    if (kind) return { kind, outer: outer.header, inner: inner.header };
  }
  return undefined;
}

/** Whether a segment's end is above 2^64. */
export function overflows({ p_vaddr, p_memsz }: ProgramHeader): boolean {
  return p_vaddr + p_memsz >= 2n ** 64n;
}

function extentOf(header: ProgramHeader): Extent {
  const { p_vaddr: start, p_memsz, p_flags } = header;
  const end = BigInt.asUintN(64, start + p_memsz);
  const endPage = BigInt.asUintN(64, end + PAGE - 1n) / PAGE * PAGE;
  return { header, start, end, firstPage: start / PAGE * PAGE, endPage, flags: p_flags & 7 };
}

function conflictOf(outer: Extent, inner: Extent): "overlap" | "flags" | undefined {
  const startsIn = inner.start >= outer.start && inner.start < outer.end;
  const endsIn = inner.end > outer.start && inner.end <= outer.end;
  if (startsIn || endsIn) return "overlap";
  const { firstPage, endPage } = outer;
  const sharesFirst = firstPage >= inner.firstPage && firstPage < inner.endPage;
  const sharesLast = endPage > inner.firstPage && endPage <= inner.endPage;
  return (sharesFirst || sharesLast) && outer.flags !== inner.flags ? "flags" : undefined;
}

/** The index of the first segment that is in conflict with another one; -1 if none is. Not quadratic. */
function firstThat(extents: readonly Extent[]): number {
  const starts = sorted(extents.map(({ start }) => start));
  const ends = sorted(extents.map(({ end }) => end));
  const kinds = [...new Set(extents.map(({ flags }) => flags))];
  const byFlags = kinds.map((kind) => [kind, pagesOf(extents.filter(({ flags }) => flags === kind))] as const);
  const sharesWith = (flags: number, page: bigint, reach: bigint): boolean => {
    return byFlags.some(([other, pages]) => other !== flags && pages.reach(page) >= reach);
  };
  return extents.findIndex(({ start, end, firstPage, endPage, flags }) => {
    const own = start < end ? 1 : 0;
    return below(starts, end) - below(starts, start) > own || below(ends, end + 1n) - below(ends, start + 1n) > own ||
      sharesWith(flags, firstPage, firstPage + 1n) || (endPage > 0n && sharesWith(flags, endPage - 1n, endPage));
  });
}

/** Answers up to where pages reach that begin at or below an address. */
function pagesOf(extents: readonly Extent[]): { readonly reach: (page: bigint) => bigint } {
  const ordered = extents.toSorted((a, b) => compare(a.firstPage, b.firstPage));
  const firsts = ordered.map(({ firstPage }) => firstPage);
  let most = 0n;
  const reaches = ordered.map(({ endPage }) => most = endPage > most ? endPage : most);
  return { reach: (page) => reaches[below(firsts, page + 1n) - 1] ?? -1n };
}

function sorted(values: readonly bigint[]): readonly bigint[] {
  return values.toSorted(compare);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How many of the values, in ascending order, are below a value. */
function below(values: readonly bigint[], value: bigint): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
