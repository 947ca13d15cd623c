/**
 * Seals the pages of all `PT_GNU_RELRO` headers of a kernel: each page once, however many headers cover it.
 *
 * @module
 */

import { coverage } from "../../core/address_space/coverage.ts";
import { lowerHalf, type RangeIndex, rangeIndex, upperHalf } from "../../core/address_space/range_index.ts";
import { PF_W } from "../../core/elf/constants.ts";
import type { Segment } from "../../core/elf/program_header.ts";
import { LoadError } from "../../core/errors.ts";
import { alignUp, canonical, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import { WRITABLE } from "../../core/paging/entry.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import { bytesOf, type LowRange, pagesOf } from "./page_ranges.ts";

/** How many pages to seal between pauses. */
const BATCH = 512;

/** A page that also holds writable data. */
export interface KeptPage {
  /** Virtual address of the page. */
  readonly virt: bigint;
  /** Index of a header that covers it. */
  readonly index: number;
}

/** What was done. */
export interface Sealed {
  /** Number of pages that lost write permission. */
  readonly sealedPages: number;
  /** The pages that stayed writable, ascending. */
  readonly kept: readonly KeptPage[];
}

/**
 * Seals every page of every header. A page that an earlier header covers is sealed already.
 *
 * @param headers The headers, in table order.
 * @param context The load.
 * @returns What was done.
 * @throws {LoadError} "page-not-mapped", "address-overflow" or "address-not-canonical", with the header's index.
 */
export async function sealEach(headers: readonly Segment[], context: PluginContext): Promise<Sealed> {
  const pages = sealer(context);
  const sealed = coverage();
  for (const header of headers) {
    const { start, end } = pagesOf(header, context);
    for (const part of sealed.add(BigInt(start), BigInt(end))) {
      for (let page = Number(part.start); page < part.end; page += PAGE_SIZE) {
        pages.seal(page, header.index);
        if (pages.isBatch()) await context.pause();
      }
    }
  }
  return { sealedPages: pages.count(), kept: [] };
}

/**
 * Seals the pages of all headers together, except those with bytes of a writable segment that no header covers.
 *
 * @param headers The headers, in table order.
 * @param context The load.
 * @returns What was done.
 * @throws {LoadError} "page-not-mapped", "address-overflow" or "address-not-canonical", with a header's index.
 */
export async function sealUnion(headers: readonly Segment[], context: PluginContext): Promise<Sealed> {
  const pages = sealer(context);
  const ranges = headers.filter(({ p_memsz }) => p_memsz > 0n).map((header) => {
    return { ...bytesOf(header, context), index: header.index };
  }).sort((a, b) => a.start - b.start);
  const union = coverage();
  for (const { start, end } of ranges) union.add(BigInt(start), BigInt(end));
  const runs = union.ranges().map(({ start, end }) => ({ start: Number(start), end: Number(end) }));
  const writable = writableSegments(context);
  const kept: KeptPage[] = [];
  let next = 0; // the first page that no earlier run has bytes in
  let covering = 0;
  for (const [at, run] of runs.entries()) {
    for (let page = Math.max(next, pageStart(run.start)); page < run.end; page += PAGE_SIZE) {
      while (ranges[covering].end <= page) covering++;
      const { index } = ranges[covering];
      if (holdsWritableData(page, runs, at, writable)) kept.push({ virt: pages.mapped(page, index), index });
      else pages.seal(page, index);
      if (pages.isBatch()) await context.pause();
    }
    next = alignUp(run.end);
  }
  return { sealedPages: pages.count(), kept };
}

/** Whether a writable segment has bytes in a page that lie outside the runs; the first that may reach it is given. */
function holdsWritableData(
  page: number,
  runs: readonly LowRange[],
  first: number,
  writable: RangeIndex,
): boolean {
  const end = page + PAGE_SIZE;
  let from = page;
  for (let at = first; at < runs.length && runs[at].start < end && from < end; at++) {
    if (overlaps(writable, from, runs[at].start)) return true;
    from = Math.max(from, runs[at].end);
  }
  return overlaps(writable, from, end);
}

function overlaps({ reaching }: RangeIndex, start: number, end: number): boolean {
  if (end <= start) return false;
  const last = BigInt(end - 1);
  const range = reaching(upperHalf(last), lowerHalf(last));
  return range !== undefined && range.end > BigInt(start);
}

function writableSegments({ segments }: PluginContext): RangeIndex {
  const loads = segments.filter(({ p_flags }) => (p_flags & PF_W) !== 0).map(({ load }) => load);
  return rangeIndex(
    loads.filter((load) => load !== undefined).map(({ start, memSize }) => {
      return { start: BigInt(start), end: BigInt(start + memSize) };
    }),
  );
}

/** Takes the write permission from pages, given the low 48 bits of their addresses. */
interface Sealer {
  /** Returns the address of a page. Throws "page-not-mapped" if it is not mapped, with the index of its header. */
  readonly mapped: (page: number, index: number) => bigint;
  /** Seals a page. Throws like `mapped`. */
  readonly seal: (page: number, index: number) => void;
  /** Whether it is time for a pause. */
  readonly isBatch: () => boolean;
  /** The number of pages that lost write permission. */
  readonly count: () => number;
}

function sealer({ addressSpace: { pageTable } }: PluginContext): Sealer {
  let [looked, sealed] = [0, 0];
  const flagsOf = (virt: bigint, index: number): bigint => {
    const leaf = pageTable.translate(virt);
    if (!leaf.mapped) throw new LoadError("page-not-mapped", { index, field: "address", value: virt });
    looked++;
    return leaf.flags;
  };
  return {
    mapped: (page, index) => {
      const virt = canonical(page);
      flagsOf(virt, index);
      return virt;
    },
    seal: (page, index) => {
      const virt = canonical(page);
      const flags = flagsOf(virt, index);
      if ((flags & WRITABLE) === 0n) return;
      pageTable.updateFlags(virt, flags & ~WRITABLE);
      sealed++;
    },
    isBatch: () => looked % BATCH === 0,
    count: () => sealed,
  };
}
