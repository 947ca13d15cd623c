/**
 * Maps runs of pages: checks all that is in the way, takes every frame that new tables need, then fills whole runs of
 * tables at once.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, PAGE_SIZE } from "../memory/addresses.ts";
import type { FrameLedger, FrameRun } from "../memory/frame_allocator.ts";
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
 * Maps a run; nothing is written before everything is checked.
 *
 * @param tables The tables.
 * @param frames Where frames for new tables come from.
 * @param range The pages and their frames.
 * @param leaf Flags of the leaves.
 * @param parents Flags, in bits 0 to 31, that every entry above is to have at least.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export function mapRun(tables: Tables, frames: FrameLedger, range: Range, leaf: FlagHalves, parents: number): void {
  const fresh = takeTableFrames(frames, countMissingTables(tables, range));
  const { level, low, size, phys } = range;
  const step = LEVEL_SPAN[level];
  for (let done = 0; done < size;) {
    const table = ensureTable(tables, fresh, low + done, level, parents);
    const slot = tables.slot(table, level, low + done);
    const count = entriesLeft(low + done, size - done, level);
    writeRun(tables, slot, count, phys + done, step, leaf);
    done += count * step;
  }
}

/** How many entries of the table that holds `low`'s entry belong to a range of `size` bytes from there. */
function entriesLeft(low: number, size: number, level: LeafLevel): number {
  const step = LEVEL_SPAN[level];
  const index = Math.floor(low / step) % TABLE_ENTRIES;
  return Math.min(size / step, TABLE_ENTRIES - index);
}

function countMissingTables(tables: Tables, { low, size, level }: Range): number {
  const { words } = tables;
  const step = LEVEL_SPAN[level];
  const counted = [-1, -1, -1, -1, -1];
  let missing = 0;
  for (let done = 0; done < size;) {
    const at = low + done;
    const count = entriesLeft(at, size - done, level);
    const end = walkDown(tables, at, level);
    if (end.level === level) {
      for (let slot = end.slot, last = slot + count * 2; slot < last; slot += 2) {
        if ((words[slot] | words[slot + 1]) !== 0) throw alreadyMapped(at + ((slot - end.slot) / 2) * step);
      }
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

/** The entry for an address in the table of `level`, or the empty entry above where the way down ends. */
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

/** Takes frames for tables in the allocator's order, last one first, to be popped. */
function takeTableFrames(frames: FrameLedger, count: number): number[] {
  const taken: number[] = [];
  while (taken.length < count) {
    const run: FrameRun | undefined = frames.allocateRun(count - taken.length, "table");
    if (!run) throw new LoadError("frames-exhausted", { field: "frames left for page tables", value: taken.length });
    for (let phys = run.phys; phys < run.phys + run.size; phys += PAGE_SIZE) taken.push(phys);
  }
  return taken.reverse();
}

/** The table of `level` that covers an address; tables on the way are made, or given the parent flags they lack. */
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

/**
 * The inner loop: fills entries of one table. Halves stay 32-bit integers; a carry shows as an address of zero.
 *
 * @param tables The tables.
 * @param slot Index in the words of the first entry's low half.
 * @param count Number of entries.
 * @param phys Physical address of the first frame.
 * @param step Bytes from one frame to the next.
 * @param leaf Flags of the entries.
 */
export function writeRun(
  tables: Tables,
  slot: number,
  count: number,
  phys: number,
  step: number,
  leaf: FlagHalves,
): void {
  const { words } = tables;
  const flags = leaf.lo | 0;
  let address = phys | 0;
  let hi = Math.floor(phys / 2 ** 32) | leaf.hi;
  for (let at = slot, end = slot + count * 2; at < end; at += 2) {
    words[at] = address | flags;
    words[at + 1] = hi;
    address = (address + step) | 0;
    if (address === 0) hi++;
  }
}
