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
import { type FlagHalves, LEVEL_SPAN, LO_PRESENT } from "./entry.ts";
import { emptyEntries, writeRun } from "./entry_runs.ts";
import { entriesLeft, type FrameRange, type LeafLevel, type Range } from "./page_range.ts";
import { isLeaf, slotIn, tableBelow, type Tables } from "./tables.ts";

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
export function mapRun(
  tables: Tables,
  frames: FrameLedger,
  range: FrameRange,
  leaf: FlagHalves,
  parents: number,
): void {
  const fresh = takeTableFrames(tables, frames, countMissingTables(tables, range));
  const { level, low, size, phys } = range;
  const step = LEVEL_SPAN[level];
  for (let done = 0; done < size;) {
    const table = ensureTable(tables, fresh, low + done, level, parents);
    const slot = slotIn(table, level, low + done);
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
  { low, size }: Range,
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
      const slot = slotIn(table, 1, low + done);
      writeRun(tables.words, slot, run.size / PAGE_SIZE, run.phys, PAGE_SIZE, leaf);
      done += run.size;
      if (done === spanEnd) break;
      run = take(done, (spanEnd - done) / PAGE_SIZE);
    }
  }
  return runs;
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
  { low, size, level }: Pick<FrameRange, "low" | "size" | "level">,
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
  const { words } = tables;
  let table = tables.rootTable;
  for (let upper = 4;; upper--) {
    const slot = slotIn(table, upper, low);
    const empty = (words[slot] | words[slot + 1]) === 0;
    if (upper === level || empty) return { level: upper, slot };
    if ((words[slot] & LO_PRESENT) === 0 || isLeaf(words[slot], upper)) throw alreadyMapped(low);
    table = tableBelow(tables, slot);
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
  const { words } = tables;
  let table = tables.rootTable;
  for (let upper = 4; upper > level; upper--) {
    const slot = slotIn(table, upper, low);
    if ((words[slot] | words[slot + 1]) === 0) {
      const frame = fresh.pop()!;
      words[slot] = (frame % 2 ** 32) | parents;
      words[slot + 1] = Math.floor(frame / 2 ** 32);
    } else {
      words[slot] |= parents;
    }
    table = tableBelow(tables, slot);
  }
  return table;
}
