/**
 * Page tables in physical memory, as 32-bit words: finding and reading entries.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, level4Index, PAGE_SIZE } from "../memory/addresses.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import { entryFrame, HI_NO_EXECUTE, LEVEL_SPAN, LO_HUGE, LO_PRESENT, LO_USER, LO_WRITABLE } from "./entry.ts";
import { TABLE_ENTRIES } from "./entry.ts";

/** A set of tables under one level-4 table. */
export interface Tables {
  /** Physical address of the level-4 table. */
  readonly root: number;
  /** Zeroed frames that a failed call took for tables; the next call uses them first. */
  readonly spareFrames: number[];
  /** Physical memory as 32-bit words; an entry is two words, low half first. */
  readonly words: Uint32Array;
  /** Returns the index into `words` of the entry that an address (its low 48 bits) selects in a table of a level. */
  readonly slot: (table: number, level: number, low: number) => number;
  /** Returns the physical address of the table that the entry at `slot` points to. Throws if that is outside memory. */
  readonly child: (slot: number) => number;
  /** Whether the entry at `slot`, of that level, maps a page instead of pointing to a table. */
  readonly isLeaf: (slot: number, level: number) => boolean;
}

/**
 * Opens the tables in a memory.
 *
 * @param memory The memory. The host must be little-endian, as JavaScript hosts are in practice.
 * @param root Physical address of the level-4 table.
 * @returns The tables.
 */
export function openTables(memory: PhysicalMemory, root: number): Tables {
  const { base } = memory;
  const lastFrame = base + memory.size - PAGE_SIZE;
  const words = new Uint32Array(memory.buffer);
  return {
    root,
    spareFrames: [],
    words,
    slot: (table, level, low) =>
      (table - base) / 4 + (Math.floor(low / LEVEL_SPAN[level as 1 | 2 | 3 | 4]) & (TABLE_ENTRIES - 1)) * 2,
    child: (slot) => {
      const table = entryFrame(words[slot], words[slot + 1], 1);
      if (table < base || table > lastFrame) {
        throw new LoadError("table-out-of-memory", { field: "a page-table entry's address", value: table });
      }
      return table;
    },
    isLeaf: (slot, level) => level === 1 || (level < 4 && (words[slot] & LO_HUGE) !== 0),
  };
}

/** The entry where the walk for an address ended. */
export interface WalkEnd {
  /** Level of the table that the entry is in, 4 to 1. */
  readonly level: number;
  /** Index of its low half in `words`. */
  readonly slot: number;
  /** Whether it is present, and thus maps the address. */
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
  const { words, slot: slotOf, child, isLeaf } = tables;
  let table = tables.root;
  for (let level = 4;; level--) {
    const slot = slotOf(table, level, low);
    const mapped = (words[slot] & LO_PRESENT) !== 0;
    if (!mapped || isLeaf(slot, level)) return { level, slot, mapped };
    table = child(slot);
  }
}

/**
 * What the levels above a table grant combined: the AND of `WRITABLE` and `USER_ACCESSIBLE`, the OR of `NO_EXECUTE`.
 */
export interface Granted {
  /** `LO_WRITABLE` and `LO_USER`, as far as every level grants them. */
  readonly lo: number;
  /** `HI_NO_EXECUTE`, or 0. */
  readonly hi: number;
}

/** A part of a table: consecutive entries that are leaves or empty, between entries that point to tables. */
export interface TableSpan {
  /** Level of the table. */
  readonly level: 1 | 2 | 3 | 4;
  /** Low 48 bits of the first address that its first entry covers. */
  readonly low: number;
  /** Index of the first entry's low half in `words`. */
  readonly slot: number;
  /** Number of entries. */
  readonly count: number;
  /** What the levels above grant. */
  readonly granted: Granted;
}

/** A table, visited before its content. */
export interface TableVisit {
  /** Level of the table, 4 to 1. */
  readonly level: 1 | 2 | 3 | 4;
  /** Physical address of its frame. */
  readonly frame: number;
  /** Low 48 bits of the first address that it covers. */
  readonly low: number;
}

/**
 * Visits every table, and every span of leaves and empty entries between tables, in ascending order of addresses.
 *
 * @param tables The tables.
 * @param visit Where to start; the level-4 table by default. The other values are for recursion.
 * @param granted What the levels above grant.
 * @returns The tables and spans, one by one.
 */
export function* visitTables(
  tables: Tables,
  visit: TableVisit = { level: 4, frame: tables.root, low: 0 },
  granted: Granted = { lo: LO_WRITABLE | LO_USER, hi: 0 },
): Generator<TableVisit | TableSpan> {
  const { words, slot: slotOf, child, isLeaf } = tables;
  const { level, frame, low } = visit;
  const span = LEVEL_SPAN[level];
  const start = slotOf(frame, level, low);
  const piece = (from: number, to: number): TableSpan => {
    return { level, low: low + from * span, slot: start + from * 2, count: to - from, granted };
  };
  yield visit;
  let from = 0;
  for (let index = 0; level > 1 && index < TABLE_ENTRIES; index++) {
    const slot = start + index * 2;
    if ((words[slot] & LO_PRESENT) === 0 || isLeaf(slot, level)) continue;
    if (index > from) yield piece(from, index);
    from = index + 1;
    const below: TableVisit = { level: (level - 1) as 1 | 2 | 3, frame: child(slot), low: low + index * span };
    yield* visitTables(tables, below, {
      lo: granted.lo & words[slot],
      hi: granted.hi | (words[slot + 1] & HI_NO_EXECUTE),
    });
  }
  if (from < TABLE_ENTRIES) yield piece(from, TABLE_ENTRIES);
}

/**
 * Whether a level-4 entry points to the level-4 table itself.
 *
 * @param tables The tables.
 * @param index Index of the entry.
 * @returns True if it is present and does.
 */
export function isRecursive({ root, words, slot: slotOf }: Tables, index: number): boolean {
  const slot = slotOf(root, 4, index * LEVEL_SPAN[4]);
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
