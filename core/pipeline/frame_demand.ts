/**
 * How many frames a load will take, told from the program headers alone.
 *
 * @module
 */

import type { LoadRange } from "../elf/program_header.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { LEVEL_SPAN } from "../paging/entry.ts";

/**
 * Counts the frames for page tables, bss and copies. The count is an upper bound: it takes every first and last page
 * for a copy, and knows which tables segments share.
 *
 * @param loads The ranges to load.
 * @param copies Whether the segment of a range is copied into fresh frames.
 * @returns A number of frames.
 */
export function frameDemand(loads: readonly LoadRange[], copies: (load: LoadRange) => boolean): number {
  let frames = 1; // the level-4 table
  for (const load of loads) {
    const fresh = copies(load) ? load.memSize : Math.max(0, load.memSize - load.fileSize);
    frames += Math.ceil(fresh / PAGE_SIZE) + 3;
  }
  const ascending = loads.toSorted((a, b) => a.start - b.start);
  for (const level of [2, 3, 4] as const) {
    let counted = -1;
    for (const load of ascending) {
      const first = Math.floor(load.start / LEVEL_SPAN[level]);
      const last = Math.floor(lastPage(load) / LEVEL_SPAN[level]);
      frames += Math.max(0, last - Math.max(first, counted + 1) + 1);
      counted = Math.max(counted, last);
    }
  }
  return frames;
}

/** The last page that a range may touch; one more than it needs, for rules with an inclusive end. */
function lastPage({ start, memSize, fileSize, fileOffset }: LoadRange): number {
  const filePages = alignUp(fileOffset + fileSize) - pageStart(fileOffset);
  return pageStart(Math.max(start + memSize, pageStart(start) + filePages));
}
