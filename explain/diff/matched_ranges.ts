/**
 * Which pages of two address spaces are compared with each other, and in which order.
 *
 * @module
 */

import { ET_DYN, PT_LOAD } from "../../core/elf/constants.ts";
import { low48, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { ExplainedKernel } from "../explained.ts";
import type { MatchedAddress } from "./kernel_difference.ts";
import { addressOfPage, ALL_PAGES, HALF_PAGES } from "./page_cursor.ts";

/** Pages of A and of B that are compared one by one. */
export interface MatchedRange {
  /** Number of the first page in A; absent if A's pages there are compared elsewhere. */
  readonly a?: number;
  /** Number of the first page in B; absent if B's pages there are compared elsewhere. */
  readonly b?: number;
  /** Number of pages. */
  readonly pages: number;
}

/** How addresses are matched. */
export interface Matching {
  /** What is added to an address in A's segments for the address in B, modulo 2^64; 0 for plain addresses. */
  readonly distance: bigint;
  /** Whether addresses in segments are matched by those that they were linked for. */
  readonly linked: boolean;
  /** The ranges, those of segments first. */
  readonly ranges: readonly MatchedRange[];
}

/** Consecutive numbers, without the last. */
interface Range {
  readonly start: number;
  readonly end: number;
}

const SPACE = 2 * HALF_PAGES;

/**
 * Matches the pages of two address spaces: those of the segments of two position-independent kernels by the addresses
 * that they were linked for, and all others by equal addresses.
 *
 * @param a The kernel on side A, if it is one.
 * @param b The kernel on side B, if it is one.
 * @param absolute Whether to match equal addresses in any case.
 * @returns The ranges of pages. Each page of A is in one, and each of B.
 */
export function matchPages(
  a: ExplainedKernel | undefined,
  b: ExplainedKernel | undefined,
  absolute: boolean,
): Matching {
  const areMovable = a?.fileHeader.e_type === ET_DYN && b?.fileHeader.e_type === ET_DYN;
  const between = areMovable && !absolute ? BigInt.asUintN(64, b.virtualAddressOffset - a.virtualAddressOffset) : 0n;
  const linked = between !== 0n && between % BigInt(PAGE_SIZE) === 0n;
  const distance = linked ? between : 0n;
  const shift = low48(distance) / PAGE_SIZE;
  const segments = joined([
    ...(a ? segmentPages(a, 0n) : []),
    ...(b ? segmentPages(b, distance) : []),
  ]);
  const first = segments.flatMap(({ start, end }) => matchSegment(start, end, shift));
  return { distance, linked, ranges: [...first, ...matchRest(first)] };
}

/** The pages of a kernel's segments, less a distance, in an address space of four levels without its hole. */
function segmentPages(kernel: ExplainedKernel, distance: bigint): readonly Range[] {
  return kernel.programHeaders.filter(({ p_type }) => p_type === PT_LOAD).flatMap((phdr) => {
    const { p_vaddr, p_memsz, p_filesz } = phdr;
    const low = low48(p_vaddr + kernel.virtualAddressOffset - distance);
    const start = Math.floor(low / PAGE_SIZE);
    // Some rule sets map the bytes of a file beyond p_memsz, and one page more for bss that ends with a page.
    const size = p_memsz > p_filesz ? p_memsz : p_filesz;
    const pages = Math.min(SPACE, Math.ceil(low % PAGE_SIZE / PAGE_SIZE + Number(size) / PAGE_SIZE) + 1);
    const end = start + pages;
    return end <= SPACE ? [{ start, end }] : [{ start, end: SPACE }, { start: 0, end: Math.min(end - SPACE, start) }];
  });
}

/** Joins ranges that touch. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const found: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((one, other) => one.start - other.start)) {
    const last = found.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else if (end > start) found.push({ start, end });
  }
  return found;
}

/** Splits a range where one side's pages leave their half of the address space. */
function matchSegment(start: number, end: number, shift: number): readonly MatchedRange[] {
  const found: MatchedRange[] = [];
  for (let at = start; at < end;) {
    const b = (at + shift) % SPACE;
    const pages = Math.min(end - at, HALF_PAGES - at % HALF_PAGES, HALF_PAGES - b % HALF_PAGES);
    found.push({ a: withHole(at), b: withHole(b), pages });
    at += pages;
  }
  return found;
}

function withHole(page: number): number {
  return page < HALF_PAGES ? page : page + ALL_PAGES - SPACE;
}

/** All pages that are in no segment, by equal addresses. */
function matchRest(matched: readonly MatchedRange[]): readonly MatchedRange[] {
  const taken = (side: "a" | "b") => {
    return joined(matched.flatMap(({ [side]: start, pages }) => {
      return start === undefined ? [] : [{ start, end: start + pages }];
    }));
  };
  const a = taken("a");
  const b = taken("b");
  const isInA = ascendingSearch(a);
  const isInB = ascendingSearch(b);
  const edges = new Set([0, ALL_PAGES, ...[...a, ...b].flatMap(({ start, end }) => [start, end])]);
  const sorted = [...edges].sort((one, other) => one - other);
  return sorted.slice(0, -1).flatMap((start, at) => {
    const inA = isInA(start);
    const inB = isInB(start);
    if (inA && inB) return [];
    return [{ ...(inA ? {} : { a: start }), ...(inB ? {} : { b: start }), pages: sorted[at + 1] - start }];
  });
}

/** Prepares to tell whether pages are in ranges, if asked in ascending order. */
function ascendingSearch(ranges: readonly Range[]): (page: number) => boolean {
  let at = 0;
  return (page) => {
    while (at < ranges.length && ranges[at].end <= page) at++;
    return at < ranges.length && ranges[at].start <= page;
  };
}

/**
 * The addresses of a page.
 *
 * @param pageA Its number in A.
 * @param pageB Its number in B.
 * @returns The addresses.
 */
export function matchedPage(pageA: number, pageB: number): MatchedAddress {
  const address = addressOfPage(pageA);
  return pageA === pageB ? { address } : { address, addressInB: addressOfPage(pageB) };
}
