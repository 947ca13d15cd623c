/**
 * Which pages of the file segments must not share: those that one of them may write to.
 *
 * @module
 */

import { PF_W } from "../../elf/constants.ts";
import { isMisaligned } from "../../elf/program_header.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../../memory/addresses.ts";
import { bssPages } from "../../pipeline/bss_pages.ts";
import type { Checked, FilePages } from "../../pipeline/context.ts";
import type { Rules } from "../../rules.ts";
import type { Loaded } from "./report_addresses.ts";

/**
 * Finds, for each writable segment, the file pages that another segment maps too: linkers put the end of the text and
 * the start of the data into one page of the file, mapped at two addresses. Pages that are copied for other reasons do
 * not count.
 *
 * @param loads The segments that are loaded.
 * @param rules The rule set.
 * @param sharedPages Pages of the address space to be merged.
 * @returns The pages by header index, ascending; only segments that have any.
 */
export function findUnsharedPages(
  loads: readonly Loaded[],
  rules: Rules,
  sharedPages: Checked["sharedPages"],
): ReadonlyMap<number, readonly FilePages[]> {
  if (!loads.some(({ p_flags }) => (p_flags & PF_W) !== 0)) return NOTHING;
  const pages = loads.map((segment) => mappedFilePages(segment, rules, sharedPages));
  const common = commonRanges(pages.filter(({ start, end }) => start < end));
  if (common.length === 0) return NOTHING;
  const found = new Map<number, readonly FilePages[]>();
  loads.forEach(({ index, p_flags }, at) => {
    if ((p_flags & PF_W) === 0 || pages[at].start >= pages[at].end) return;
    const own = cut(common, pages[at]);
    if (own.length > 0) found.set(index, own);
  });
  return found;
}

const NOTHING: ReturnType<typeof findUnsharedPages> = new Map();

/** The file pages that are mapped in place: without merged pages, and without the one that bss-fixup copies. */
function mappedFilePages({ load }: Loaded, rules: Rules, sharedPages: Checked["sharedPages"]): FilePages {
  const { start: low, fileOffset, fileSize } = load;
  if (fileSize === 0 || isMisaligned(load)) return { start: 0, end: 0 };
  const toFile = pageStart(fileOffset) - pageStart(low);
  const lastPage = pageStart(low + fileSize - 1);
  const first = sharedPages.has(pageStart(low)) ? 1 : 0;
  const last = sharedPages.has(lastPage) || bssPages(load, rules)?.partial === lastPage ? 1 : 0;
  return { start: pageStart(fileOffset) + first * PAGE_SIZE, end: alignUp(lastPage + 1) + toFile - last * PAGE_SIZE };
}

/** The parts of the file that at least two of the ranges cover, ascending and merged. */
function commonRanges(ranges: readonly FilePages[]): readonly FilePages[] {
  const isAscending = ranges.every(({ start }, at) => at === 0 || ranges[at - 1].start <= start);
  const common: { start: number; end: number }[] = [];
  let covered = 0; // the end of what earlier ranges cover
  for (const { start, end } of isAscending ? ranges : ranges.toSorted((a, b) => a.start - b.start)) {
    const commonEnd = Math.min(end, covered);
    covered = Math.max(end, covered);
    if (start >= commonEnd) continue;
    const last = common.at(-1);
    if (last && last.end >= start) last.end = Math.max(last.end, commonEnd);
    else common.push({ start, end: commonEnd });
  }
  return common;
}

/** The parts of ascending ranges that lie within another range. */
function cut(ascending: readonly FilePages[], { start, end }: FilePages): readonly FilePages[] {
  let low = 0;
  for (let high = ascending.length; low < high;) {
    const middle = (low + high) >> 1;
    if (ascending[middle].end > start) high = middle;
    else low = middle + 1;
  }
  const parts: FilePages[] = [];
  for (let at = low; at < ascending.length && ascending[at].start < end; at++) {
    parts.push({ start: Math.max(start, ascending[at].start), end: Math.min(end, ascending[at].end) });
  }
  return parts;
}
