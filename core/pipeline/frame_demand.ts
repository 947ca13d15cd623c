/**
 * How many frames the segments will take, computed from the program headers alone.
 *
 * @module
 */

import { isMisaligned, type LoadRange, type Segment } from "../elf/program_header.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { LEVEL_SPAN } from "../paging/entry.ts";
import type { Rules } from "../rules.ts";
import { bssPages } from "./bss_pages.ts";
import type { Checked } from "./context.ts";

/**
 * Counts the frames for page tables, bss and copies. Exact under the default rules, an upper bound under others.
 *
 * @param rules The rule set.
 * @param checked The segments, the pages that they share, and the pages that they must not share.
 * @returns A number of frames.
 */
export function frameDemand(
  rules: Rules,
  { segments, sharedPages, unsharedPages }: Pick<Checked, "segments" | "sharedPages" | "unsharedPages">,
): number {
  const loads = segments.map(({ load }) => load).filter((load) => load !== undefined);
  let frames = 1 + sharedPages.size; // the level-4 table, and a frame for each merged page
  for (const load of loads) frames += freshPages(load, rules, sharedPages);
  for (const ranges of unsharedPages.values()) {
    for (const { start, end } of ranges) frames += (end - start) / PAGE_SIZE;
  }
  return frames + tableDemand(loads, rules);
}

/** The number of pages of one segment that get their own frames, apart from merged pages. */
function freshPages(load: LoadRange, rules: Rules, sharedPages: Checked["sharedPages"]): number {
  const pages = (first: number, end: number): number => {
    if (end <= first) return 0;
    const last = end - PAGE_SIZE;
    return (end - first) / PAGE_SIZE - Number(sharedPages.has(first)) -
      Number(last !== first && sharedPages.has(last));
  };
  const copied = rules.copiesMisaligned && isMisaligned(load);
  const bss = bssPages(load, rules);
  const isCopied = bss?.partial !== undefined && !copied && !sharedPages.has(bss.partial);
  return (copied ? pages(pageStart(load.start), alignUp(load.start + load.fileSize)) : 0) + Number(isCopied) +
    (bss ? pages(bss.first, bss.end) : 0);
}

/** The number of page tables of levels 3, 2 and 1; a table that covers several segments counts once. */
function tableDemand(loads: readonly LoadRange[], rules: Rules): number {
  const ascending = loads.toSorted((a, b) => a.start - b.start);
  let tables = 0;
  for (const level of [2, 3, 4] as const) {
    let counted = -1;
    for (const load of ascending) {
      const end = endOf(load, rules);
      if (end <= load.start) continue;
      const first = Math.floor(load.start / LEVEL_SPAN[level]);
      const last = Math.floor((end - 1) / LEVEL_SPAN[level]);
      tables += Math.max(0, last - Math.max(first, counted + 1) + 1);
      counted = Math.max(counted, last);
    }
  }
  return tables;
}

/** The end of the last page that a segment touches. */
function endOf(load: LoadRange, rules: Rules): number {
  const { start, fileOffset, fileSize } = load;
  const misaligned = rules.copiesMisaligned && isMisaligned(load);
  const filePages = misaligned
    ? alignUp(start + fileSize) - pageStart(start)
    : alignUp(fileOffset + fileSize) - pageStart(fileOffset);
  const hasFilePages = fileSize > 0 || rules.mapsEmptyFilePart;
  return Math.max(hasFilePages ? pageStart(start) + filePages : 0, bssPages(load, rules)?.end ?? 0);
}

/**
 * The size of all pages that may still need their own frames: an upper bound for a plugin that writes to segments,
 * because each page is unshared at most once.
 *
 * @param rules The rule set.
 * @param segments The segments.
 * @returns A number of bytes.
 */
export function unshareDemand({ ownership }: Pick<Rules, "ownership">, segments: readonly Segment[]): number {
  return segments.reduce((sum, { load }) => {
    if (!load) return sum;
    const { start, memSize, fileOffset, fileSize } = load;
    const filePages = fileSize > 0 ? alignUp(fileOffset + fileSize) - pageStart(fileOffset) : 0;
    const pages = ownership === "mark" ? Math.max(filePages, alignUp(start + memSize) - pageStart(start)) : filePages;
    return sum + pages;
  }, 0);
}
