/**
 * How much memory page tables take.
 *
 * @module
 */

import { low48, PAGE_SIZE } from "../../core/memory/addresses.ts";
import { LEVEL_SPAN, PAGE_SIZES } from "../../core/paging/entry.ts";
import type { FrameRange, PageRange } from "./map_pages.ts";

/**
 * Returns the size of the page tables that ranges need if none of them exists yet.
 *
 * @param ranges The pages, one range after another.
 * @param address Virtual address of the first page. Default: the start of a level-4 entry.
 * @returns A number of bytes; too high if several ranges share a table.
 */
export function tableBytes(ranges: readonly PageRange[], address = 0n): number {
  let tables = 0;
  let low = low48(address);
  for (const { size, pageSize = PAGE_SIZE } of ranges) {
    for (const [level, span] of LEVEL_SPAN.entries()) {
      // A table covers as much as one entry of the level above.
      if (level < 2 || span <= pageSize || size === 0) continue;
      tables += Math.floor((low + size - 1) / span) - Math.floor(low / span) + 1;
    }
    low += size;
  }
  return tables * PAGE_SIZE;
}

/**
 * Splits a range of physical memory that starts at 0 into pages, the largest first.
 *
 * @param size Number of bytes, a multiple of 4096.
 * @param alignment A multiple of every page size that the virtual address of the first page allows, such as that
 * address.
 * @param largestPage Size of the largest pages to use, in bytes.
 * @returns At most one range of each page size.
 */
export function largestPages(size: number, alignment: number, largestPage: number): readonly Required<FrameRange>[] {
  const ranges: Required<FrameRange>[] = [];
  let phys = 0;
  for (const pageSize of PAGE_SIZES.toReversed()) {
    if (pageSize > largestPage || alignment % pageSize !== 0) continue;
    const bytes = size - phys - (size - phys) % pageSize;
    if (bytes > 0) ranges.push({ phys, size: bytes, pageSize });
    phys += bytes;
  }
  return ranges;
}
