/**
 * Maps runs of pages: checks that nothing is in the way, takes every frame for new tables, then fills runs of entries
 * at once.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, PAGE_SIZE } from "../memory/addresses.ts";
import type { FrameOwner, FrameRun } from "../memory/frame_allocator.ts";
import type { FrameLedger } from "../memory/frame_ledger.ts";
import { type FlagHalves, LEVEL_SPAN, LO_PRESENT, type PageSize, TABLE_ENTRIES } from "./entry.ts";
import type { Tables } from "./tables.ts";

/** A level whose entries can map pages. */
export type LeafLevel = 1 | 2 | 3;

/** A range of pages that has been checked. */
export interface Range {
  /** Low 48 bits of the first address. */
  readonly low: number;
  /** Physical address of the first frame. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** Level of the tables whose entries map such pages. */
  readonly level: LeafLevel;
}

/**
 * Maps a run. Everything is checked before anything is written.
 *
 * @param tables The tables.
 * @param frames Where frames for new tables come from.
 * @param range The pages and their frames.
 * @param leaf Flags of the leaves.
 * @param parents Flags, in bits 0 to 31, that every entry above the leaves must have at least.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export function mapRun(tables: Tables, frames: FrameLedger, range: Range, leaf: FlagHalves, parents: number): void {
  const fresh = takeTableFrames(tables, frames, countMissingTables(tables, range));
  const { level, low, size, phys } = range;
  const step = LEVEL_SPAN[level];
  for (let done = 0; done < size;) {
    const table = ensureTable(tables, fresh, low + done, level, parents);
    const slot = tables.slot(table, level, low + done);
    const count = entriesLeft(low + done, size - done, level);
    writeRun(tables.words, slot, count, phys + done, step, leaf);
    done += count * step;
  }
}

/** A run of pages that were mapped onto fresh frames; contiguous in both address spaces. */
export interface FreshRun {
  /** Its offset in the range, in bytes. */
  readonly offset: number;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
}

/**
 * Maps 4 KiB pages onto fresh zeroed frames. Like in the original, each frame is taken before the tables that its page
 * needs, so frames are allocated in the same order. Only the first page of a level-1 table can need new tables.
 *
 * @param tables The tables.
 * @param frames Where frames come from.
 * @param range The pages.
 * @param leaf Flags of the leaves.
 * @param parents Flags, in bits 0 to 31, that every entry above the leaves must have at least.
 * @param owner What the frames are for.
 * @returns The runs that were mapped.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted"; pages mapped before the error stay mapped.
 */
export function mapFresh(
  tables: Tables,
  frames: FrameLedger,
  { low, size }: Pick<Range, "low" | "size">,
  leaf: FlagHalves,
  parents: number,
  owner: FrameOwner,
): readonly FreshRun[] {
  const runs: FreshRun[] = [];
  const take = (offset: number, count: number): FreshRun => {
    const run = frames.allocateRun(count, owner);
    if (!run) throw new LoadError("frames-exhausted", { field: owner, value: size - offset });
    const mapped = { offset, phys: run.phys, size: run.size };
    runs.push(mapped);
    return mapped;
  };
  for (let done = 0; done < size;) {
    const at = low + done;
    const spanEnd = done + entriesLeft(at, size - done, 1) * PAGE_SIZE;
    let run = take(done, 1);
    const fresh = takeTableFrames(
      tables,
      frames,
      countMissingTables(tables, { low: at, size: spanEnd - done, level: 1 }),
    );
    const table = ensureTable(tables, fresh, at, 1, parents);
    for (;;) {
      const slot = tables.slot(table, 1, low + done);
      writeRun(tables.words, slot, run.size / PAGE_SIZE, run.phys, PAGE_SIZE, leaf);
      done += run.size;
      if (done === spanEnd) break;
      run = take(done, (spanEnd - done) / PAGE_SIZE);
    }
  }
  return runs;
}

/** The number of entries, from that of `low` to the end of its table, that a range of `size` bytes covers. */
function entriesLeft(low: number, size: number, level: LeafLevel): number {
  const step = LEVEL_SPAN[level];
  const index = Math.floor(low / step) % TABLE_ENTRIES;
  return Math.min(size / step, TABLE_ENTRIES - index);
}

/**
 * Counts the tables that are missing for a range of pages.
 *
 * @param tables The tables.
 * @param range The pages.
 * @returns The number of tables.
 * @throws {LoadError} "page-already-mapped".
 */
export function countMissingTables(
  tables: Tables,
  { low, size, level }: Pick<Range, "low" | "size" | "level">,
): number {
  const step = LEVEL_SPAN[level];
  const counted = [-1, -1, -1, -1, -1];
  let missing = 0;
  for (let done = 0; done < size;) {
    const at = low + done;
    const count = entriesLeft(at, size - done, level);
    const end = walkDown(tables, at, level);
    if (end.level === level) {
      const empty = emptyEntries(tables.words, end.slot, count);
      if (empty < count) throw alreadyMapped(at + empty * step);
    }
    for (let upper = end.level; upper > level; upper--) {
      const entry = Math.floor(at / LEVEL_SPAN[upper as 2 | 3 | 4]);
      if (counted[upper] === entry) continue;
      counted[upper] = entry;
      missing++;
    }
    done += count * step;
  }
  return missing;
}

/** Finds the entry for an address in the table of `level`, or the empty entry at a higher level where the walk ends. */
function walkDown(tables: Tables, low: number, level: LeafLevel): { readonly level: number; readonly slot: number } {
  const { words, slot: slotOf, child, isLeaf } = tables;
  let table = tables.root;
  for (let upper = 4;; upper--) {
    const slot = slotOf(table, upper, low);
    const empty = (words[slot] | words[slot + 1]) === 0;
    if (upper === level || empty) return { level: upper, slot };
    if ((words[slot] & LO_PRESENT) === 0 || isLeaf(slot, upper)) throw alreadyMapped(low);
    table = child(slot);
  }
}

function alreadyMapped(low: number): LoadError {
  return new LoadError("page-already-mapped", { field: "page", value: canonical(low) });
}

/**
 * Takes frames for tables and returns them in reverse order, to be popped. If there are too few, they are kept as
 * spares.
 */
function takeTableFrames(tables: Tables, frames: FrameLedger, count: number): number[] {
  const { spareFrames } = tables;
  const taken: number[] = spareFrames.splice(0, count);
  while (taken.length < count) {
    const run: FrameRun | undefined = frames.allocateRun(count - taken.length, "table");
    if (!run) {
      spareFrames.unshift(...taken);
      throw new LoadError("frames-exhausted", { field: "page tables", value: (count - taken.length) * PAGE_SIZE });
    }
    for (let phys = run.phys; phys < run.phys + run.size; phys += PAGE_SIZE) taken.push(phys);
  }
  return taken.reverse();
}

/**
 * Finds the table of `level` that covers an address. Missing tables on the way are created; existing entries get the
 * parent flags they lack.
 */
function ensureTable(tables: Tables, fresh: number[], low: number, level: LeafLevel, parents: number): number {
  const { words, slot: slotOf, child } = tables;
  let table = tables.root;
  for (let upper = 4; upper > level; upper--) {
    const slot = slotOf(table, upper, low);
    if ((words[slot] | words[slot + 1]) === 0) {
      const frame = fresh.pop()!;
      words[slot] = (frame % 2 ** 32) | parents;
      words[slot + 1] = Math.floor(frame / 2 ** 32);
    } else {
      words[slot] |= parents;
    }
    table = child(slot);
  }
  return table;
}

// The inner loops. Engines keep an index in an integer register if it fits in a signed 32-bit integer. A table past 4
// GiB of memory gets its own view, so that its indices are small again.
const SMALL_INDEX = 2 ** 30;

/** The number of empty entries before the first that is not, at most `count`. */
function emptyEntries(words: Uint32Array, slot: number, count: number): number {
  if (slot >= SMALL_INDEX) return emptyEntries(words.subarray(slot, slot + count * 2), 0, count);
  const start = slot | 0;
  const end = (start + count * 2) | 0;
  for (let at = start; at < end; at = (at + 1) | 0) {
    if (words[at] !== 0) return (at - start) >> 1;
  }
  return count;
}

/**
 * Fills entries of one table. Halves stay 32-bit integers; a carry out of the low half leaves it zero.
 *
 * @param words Physical memory as 32-bit words.
 * @param slot Index of the first entry's low half.
 * @param count Number of entries.
 * @param phys Physical address of the first frame.
 * @param step Number of bytes from one frame to the next.
 * @param leaf Flags of the entries.
 */
export function writeRun(
  words: Uint32Array,
  slot: number,
  count: number,
  phys: number,
  step: number,
  leaf: FlagHalves,
): void {
  if (slot >= SMALL_INDEX) return writeRun(words.subarray(slot, slot + count * 2), 0, count, phys, step, leaf);
  const end = (slot + count * 2) | 0;
  const stride = step | 0;
  const flags = leaf.lo | 0;
  let address = phys | 0;
  let hi = Math.floor(phys / 2 ** 32) | leaf.hi;
  for (let at = slot | 0; at < end; at = (at + 2) | 0) {
    words[at] = address | flags;
    words[at + 1] = hi;
    address = (address + stride) | 0;
    if (address === 0) hi = (hi + 1) | 0;
  }
}
