/**
 * Page tables in physical memory, as 32-bit words: finding and reading entries.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, level4Index, PAGE_SIZE } from "../memory/addresses.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import { entryFrame, HI_FRAME, LEVEL_SPAN, LO_HUGE, LO_PRESENT, TABLE_ENTRIES } from "./entry.ts";

/** A set of tables under one level-4 table. */
export interface Tables {
  /** Physical address of the level-4 table. */
  readonly root: number;
  /** Zeroed frames that a failed call took for tables; the next call uses them first. */
  readonly spareFrames: number[];
  /** Physical memory as 32-bit words; an entry is two words, low half first. */
  readonly words: Uint32Array;
  /** The same memory as whole entries. */
  readonly entries: BigUint64Array;
  /** Physical address of the first word, divided by 4. */
  readonly firstWord: number;
  /** Index into `words` of the level-4 table. Tables are identified by the index of their first word. */
  readonly rootTable: number;
  /** Index into `words` of the last frame. */
  readonly lastTable: number;
}

/**
 * Opens the tables in a memory.
 *
 * @param memory The memory. The host must be little-endian, as JavaScript hosts are in practice.
 * @param root Physical address of the level-4 table.
 * @returns The tables.
 */
export function openTables({ base, size, buffer }: PhysicalMemory, root: number): Tables {
  return {
    root,
    spareFrames: [],
    words: new Uint32Array(buffer),
    entries: new BigUint64Array(buffer),
    firstWord: base / 4,
    rootTable: (root - base) / 4,
    lastTable: (size - PAGE_SIZE) / 4,
  };
}

/**
 * Finds the entry that an address selects in a table.
 *
 * @param table Index of the table's first word.
 * @param level Level of the table, 4 to 1.
 * @param low Low 48 bits of the address.
 * @returns The index of the entry's low half in `words`.
 */
export function slotIn(table: number, level: number, low: number): number {
  return table + (Math.floor(low / LEVEL_SPAN[level as 1 | 2 | 3 | 4]) & (TABLE_ENTRIES - 1)) * 2;
}

/**
 * Whether a present entry maps a page instead of pointing to a table. Bit 7 of a level-4 entry is reserved.
 *
 * @param lo Bits 0 to 31 of the entry.
 * @param level Its level, 4 to 1.
 * @returns True if it maps a page.
 */
export function isLeaf(lo: number, level: number): boolean {
  return level === 1 || (level < 4 && (lo & LO_HUGE) !== 0);
}

/**
 * Finds the table that an entry points to.
 *
 * @param tables The tables.
 * @param slot Index of the entry's low half in `words`.
 * @returns The index of the table's first word in `words`.
 * @throws {LoadError} "table-out-of-memory" if the table lies outside memory.
 */
export function tableBelow(tables: Tables, slot: number): number {
  const { words, firstWord, lastTable } = tables;
  const low = (words[slot] >>> 12) << 10; // bits 12 to 31 of the address, divided by 4
  const high = words[slot + 1] & HI_FRAME;
  const table = (high === 0 ? low : high * 2 ** 30 + low) - firstWord; // below 4 GiB: integers, which are faster
  if (table < 0 || table > lastTable) throw outOfMemory((table + firstWord) * 4);
  return table;
}

/** Separate from the code that runs for every entry, so that engines can inline that. */
function outOfMemory(value: number): LoadError {
  return new LoadError("table-out-of-memory", { field: "a page-table entry's address", value });
}

/** The entry where the walk for an address ended. */
export interface WalkEnd {
  /** Level of the table that the entry is in, 4 to 1. */
  readonly level: number;
  /** Index of its low half in `words`. */
  readonly slot: number;
  /** Whether it is present, and so maps the address. */
  readonly mapped: boolean;
}

/**
 * Walks to the entry that maps an address, or shows that nothing does.
 *
 * @param tables The tables.
 * @param low Low 48 bits of the virtual address.
 * @returns The leaf, or the first entry on the way that is not present.
 * @throws {LoadError} "table-out-of-memory" if an entry points outside memory.
 */
export function walkToEnd(tables: Tables, low: number): WalkEnd {
  const { words } = tables;
  const upper = (low / 2 ** 30) | 0; // bits 30 to 47
  const lower = low | 0; // bits 0 to 31
  let slot = tables.rootTable + (upper >>> 9) * 2;
  if ((words[slot] & LO_PRESENT) === 0) return { level: 4, slot, mapped: false };
  slot = tableBelow(tables, slot) + (upper & 511) * 2;
  if ((words[slot] & LO_PRESENT) === 0) return { level: 3, slot, mapped: false };
  if ((words[slot] & LO_HUGE) !== 0) return { level: 3, slot, mapped: true };
  slot = tableBelow(tables, slot) + ((lower >>> 21) & 511) * 2;
  if ((words[slot] & LO_PRESENT) === 0) return { level: 2, slot, mapped: false };
  if ((words[slot] & LO_HUGE) !== 0) return { level: 2, slot, mapped: true };
  slot = tableBelow(tables, slot) + ((lower >>> 12) & 511) * 2;
  return { level: 1, slot, mapped: (words[slot] & LO_PRESENT) !== 0 };
}

/**
 * Whether a level-4 entry points to the level-4 table itself.
 *
 * @param tables The tables.
 * @param index Index of the entry.
 * @returns True if it is present and does.
 */
export function isRecursive({ words, root, rootTable }: Tables, index: number): boolean {
  const slot = rootTable + index * 2;
  return (words[slot] & LO_PRESENT) !== 0 && entryFrame(words[slot], words[slot + 1], 1) === root;
}

/**
 * Refuses a range that touches a level-4 entry that points to the level-4 table itself. Mapping there would write
 * page-table entries into tables of another level.
 *
 * @param tables The tables.
 * @param low Low 48 bits of the range's first address.
 * @param size Number of bytes; the range must end at or below 2^48.
 * @throws {LoadError} "range-recursive".
 */
export function refuseRecursive(tables: Tables, low: number, size: number): void {
  const last = level4Index(low + Math.max(size, 1) - 1);
  for (let index = level4Index(low); index <= last; index++) {
    if (!isRecursive(tables, index)) continue;
    const value = canonical(Math.max(low, index * LEVEL_SPAN[4]));
    throw new LoadError("range-recursive", { field: "address", value });
  }
}
