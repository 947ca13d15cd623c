/**
 * Seals the pages of all `PT_GNU_RELRO` headers of a kernel: each page once, however many headers cover it.
 *
 * @module
 */

import { coverage } from "../../core/address_space/coverage.ts";
import { lowerHalf, type RangeIndex, rangeIndex, upperHalf } from "../../core/address_space/range_index.ts";
import { PF_W } from "../../core/elf/constants.ts";
import type { Segment } from "../../core/elf/program_header.ts";
import { amended, LoadError } from "../../core/errors.ts";
import { alignUp, canonical, low48, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import { WRITABLE } from "../../core/paging/entry.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import { bytesOf, type LowRange, pagesOf } from "./page_ranges.ts";

/** How many bytes of pages to seal between pauses. It divides 2^47, where the non-canonical hole begins. */
const BATCH = 2 ** 23;

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
  const sealed = coverage();
  let sealedPages = 0;
  for (const header of headers) {
    const { start, end } = pagesOf(header, context);
    for (const part of sealed.add(BigInt(start), BigInt(end))) {
      sealedPages += await sealRange(Number(part.start), Number(part.end), () => header.index, context);
    }
  }
  return { sealedPages, kept: [] };
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
  const union = coverage();
  const ranges: (LowRange & { readonly index: number })[] = [];
  for (const header of headers) {
    if (header.p_memsz === 0n) continue;
    const { start, end } = bytesOf(header, context);
    ranges.push({ start, end, index: header.index });
    union.add(BigInt(start), BigInt(end));
    const pausing = context.pause();
    if (pausing) await pausing;
  }
  ranges.sort((a, b) => a.start - b.start);
  const runs = union.ranges().map(({ start, end }) => ({ start: Number(start), end: Number(end) }));
  const writable = writableSegments(context);
  const kept: KeptPage[] = [];
  let sealedPages = 0;

  const indexOf = (page: number): number => ranges.find(({ end }) => end > page)!.index;
  const seal = async (start: number, end: number): Promise<void> => {
    sealedPages += await sealRange(start, end, indexOf, context);
  };
  let covering = 0;
  /** Handles a page that a run covers in part; called with ascending pages. */
  const sealPart = async (page: number, run: number): Promise<void> => {
    if (!holdsWritableData(page, runs, run, writable)) return await seal(page, page + PAGE_SIZE);
    while (ranges[covering].end <= page) covering++;
    const { index } = ranges[covering];
    const virt = canonical(page);
    if (!context.addressSpace.pageTable.translate(virt).mapped) {
      throw new LoadError("page-not-mapped", { index, field: "address", value: virt });
    }
    kept.push({ virt, index });
  };

  let next = 0; // the first page that no earlier run has bytes in
  for (const [at, run] of runs.entries()) {
    const lastPart = pageStart(run.end);
    let page = Math.max(next, pageStart(run.start));
    if (page < run.start) {
      await sealPart(page, at);
      page += PAGE_SIZE;
    }
    if (page < lastPart) {
      await seal(page, lastPart);
      page = lastPart;
    }
    if (page < run.end) await sealPart(page, at);
    next = alignUp(run.end);
    const pausing = context.pause(); // pages that stay writable take time too
    if (pausing) await pausing;
  }
  return { sealedPages, kept };
}

/** Seals pages and returns how many lost write permission; `indexOf` finds a header that covers one. */
async function sealRange(
  start: number,
  end: number,
  indexOf: (page: number) => number,
  { addressSpace: { pageTable }, pause }: PluginContext,
): Promise<number> {
  let sealed = 0;
  for (let page = start; page < end;) {
    const size = Math.min(end - page, BATCH - page % BATCH);
    try {
      sealed += pageTable.updateFlags(canonical(page), { clear: WRITABLE }, { size });
    } catch (error) {
      if (!(error instanceof LoadError) || error.code !== "page-not-mapped") throw error;
      throw amended(error, { detail: { index: indexOf(low48(error.detail.value as bigint)) } });
    }
    page += size;
    const pausing = pause();
    if (pausing) await pausing;
  }
  return sealed;
}

/** Whether a writable segment has bytes in a page outside the runs, of which `first` is the first that may reach it. */
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
