/**
 * Unmaps ranges of pages and changes their flags: finds every leaf of the range first, then writes to runs of entries
 * at once.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { hexAddr } from "../hex.ts";
import { canonical } from "../memory/addresses.ts";
import { entryFlags, entryFrame, LEVEL_SPAN, PAGE_SIZES, type PageSize } from "./entry.ts";
import { changeEntries, consecutiveEntries, leafEntries } from "./entry_runs.ts";
import { type EntryMasks, entryMasks, type FlagChange } from "./flag_change.ts";
import { entriesLeft, type LeafLevel, type Range } from "./page_range.ts";
import { type Tables, walkToEnd } from "./tables.ts";

/** A run of pages that were unmapped: contiguous in both address spaces, with the same size and flags. */
export interface UnmappedRun {
  /** Virtual address of the first page. */
  readonly virt: bigint;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of `pageSize`. */
  readonly size: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** Flags of each leaf entry, as bits of the entry. */
  readonly flags: bigint;
}

/** Consecutive leaves of one table. */
interface LeafSpan {
  readonly level: LeafLevel;
  /** Low 48 bits of the first page's address. */
  readonly low: number;
  /** Index of the first entry's low half. */
  readonly slot: number;
  /** Number of entries. */
  readonly count: number;
}

/**
 * Unmaps every page of a range. Everything is checked before anything is written; tables are kept.
 *
 * @param tables The tables.
 * @param range The range.
 * @returns What was mapped, as merged runs, ascending.
 * @throws {LoadError} "page-not-mapped" or "table-out-of-memory".
 * @throws {RangeError} If a page lies only partly in the range.
 */
export function unmapRun(tables: Tables, range: Range): readonly UnmappedRun[] {
  const { words } = tables;
  const consecutive = (slot: number, count: number, level: LeafLevel): number => {
    return consecutiveEntries(words, slot, count, PAGE_SIZES[level - 1]);
  };
  const spans = findLeaves(tables, range, "unmap", consecutive);
  const runs = mergeRuns(tables, spans);
  for (const { slot, count } of spans) words.fill(0, slot, slot + count * 2);
  return runs;
}

/**
 * Changes the flags of every page of a range. Everything is checked before anything is written.
 *
 * @param tables The tables.
 * @param range The range.
 * @param flags The flags that replace those of each leaf, or those to clear and to set.
 * @returns The number of leaf entries that are different now.
 * @throws {LoadError} "page-not-mapped" or "table-out-of-memory".
 * @throws {TypeError} If flags are not a `bigint`.
 * @throws {RangeError} If a page lies only partly in the range, or if a bit of a page's physical address is set.
 */
export function updateRun(tables: Tables, range: Range, flags: bigint | FlagChange): number {
  const masks: (EntryMasks | undefined)[] = [];
  entryMasks(flags, 2); // refuses what no page can have, even if the range is empty
  const { words } = tables;
  const spans = findLeaves(tables, range, "update", (slot, count, level) => leafEntries(words, slot, count, level));
  for (const { level } of spans) masks[level] ??= entryMasks(flags, level);
  let changed = 0;
  for (const { level, slot, count } of spans) changed += changeEntries(words, slot, count, masks[level]!);
  return changed;
}

/**
 * Finds the leaves of a range, which must be mapped from end to end by pages that lie in it. Of the entries from a leaf
 * to the end of its table, `leavesIn` returns how many are in the same span.
 */
function findLeaves(
  tables: Tables,
  { low, size }: Range,
  verb: "unmap" | "update",
  leavesIn: (slot: number, count: number, level: LeafLevel) => number,
): readonly LeafSpan[] {
  const spans: LeafSpan[] = [];
  for (let done = 0; done < size;) {
    const at = low + done;
    const { level: found, slot, mapped } = walkToEnd(tables, at);
    if (!mapped) throw new LoadError("page-not-mapped", { field: "address", value: canonical(at) });
    const level = found as LeafLevel;
    const step = LEVEL_SPAN[level];
    if (at % step !== 0 || size - done < step) {
      const page = hexAddr(canonical(at - at % step));
      throw new RangeError(
        `Cannot ${verb} ${hexAddr(size)} bytes at ${hexAddr(canonical(low))}: ` +
          `the page of ${hexAddr(step)} bytes at ${page} lies only partly in the range`,
      );
    }
    const count = leavesIn(slot, entriesLeft(at, size - done, level), level);
    spans.push({ level, low: at, slot, count });
    done += count * step;
  }
  return spans;
}

/** Merges spans of consecutive frames across tables. */
function mergeRuns({ words, entries }: Tables, spans: readonly LeafSpan[]): readonly UnmappedRun[] {
  const runs: { virt: bigint; phys: number; size: number; pageSize: PageSize; flags: bigint }[] = [];
  for (const { level, low, slot, count } of spans) {
    const pageSize = PAGE_SIZES[level - 1];
    const phys = entryFrame(words[slot], words[slot + 1], level);
    const flags = entryFlags(entries[slot / 2], level);
    const size = count * pageSize;
    const last = runs.at(-1);
    const joins = last?.pageSize === pageSize && last.flags === flags && last.phys + last.size === phys;
    if (joins) last.size += size;
    else runs.push({ virt: canonical(low), phys, size, pageSize, flags });
  }
  return runs;
}
