/**
 * The tables on the way from the root to an entry, for searches that go through all of them.
 *
 * @module
 */

import { HI_NO_EXECUTE, LO_USER, LO_WRITABLE, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import type { EntryPlace, UnknownTable } from "./table_items.ts";
import type { TableLevel, TableSet } from "./table_set.ts";

/** Number of pages of 4 KiB that an entry is for, by level; index 0 is unused. */
export const ENTRY_PAGES: readonly number[] = [0, 1, 2 ** 9, 2 ** 18, 2 ** 27, 2 ** 36];

/** Number of bytes in a page that the numbers of pages count. */
export const PAGE_BYTES = 4096;

/** A table on the way. */
export interface PathTable {
  /** Its physical address. */
  frame: number;
  /** Its entries, two words each. */
  words: Uint32Array;
  /** Index of the entry to look at next. */
  next: number;
  /** Number of the first page that it covers, without sign extension. */
  page: number;
  /** The permissions to write and for user mode that all levels above grant, as bits of an entry. */
  grantedLo: number;
  /** `HI_NO_EXECUTE` if a level above forbids execution. */
  grantedHi: number;
  /** Whether anything was found in it. */
  found: boolean;
}

/** The tables on the way, by their level; index 0 is unused. Those below the current level are leftovers. */
export type TablePath = readonly PathTable[];

const NO_WORDS = new Uint32Array(0);

/**
 * Starts at the root.
 *
 * @param tables The tables.
 * @returns The path with the root alone; `undefined` if the root's memory is not known.
 */
export function rootPath({ root, levels, pages }: TableSet): TablePath | undefined {
  const words = pages.words(root);
  if (!words) return undefined;
  const nothing = { frame: -1, words: NO_WORDS, next: 0, page: 0, grantedLo: 0, grantedHi: 0, found: false };
  const path: PathTable[] = Array.from({ length: levels + 1 }, () => ({ ...nothing }));
  path[levels] = { ...nothing, frame: root, words, grantedLo: LO_WRITABLE | LO_USER };
  return path;
}

/**
 * Goes down to the table that an entry points to.
 *
 * @param path The path.
 * @param level Level of the table that the entry is in.
 * @param index Index of the entry.
 * @param frame Physical address of the table that it points to.
 * @param words The entries of that table.
 */
export function goDown(path: TablePath, level: number, index: number, frame: number, words: Uint32Array): void {
  const above = path[level];
  const below = path[level - 1];
  below.frame = frame;
  below.words = words;
  below.next = 0;
  below.page = above.page + index * ENTRY_PAGES[level];
  below.grantedLo = above.grantedLo & above.words[index * 2];
  below.grantedHi = above.grantedHi | (above.words[index * 2 + 1] & HI_NO_EXECUTE);
  below.found = false;
}

/**
 * Finds a table on the way to an entry.
 *
 * @param path The path.
 * @param level Level of the table that the entry is in.
 * @param frame Physical address of a table.
 * @returns The level at which that table is used on the way; `undefined` if it is not.
 */
export function levelOnPath(path: TablePath, level: number, frame: number): TableLevel | undefined {
  for (let each = level; each < path.length; each++) if (path[each].frame === frame) return each as TableLevel;
  return undefined;
}

// The 64 bits of one address, and their halves: writing halves is cheaper than arithmetic on a bigint.
const quad = new BigUint64Array(1);
const halves = new Uint32Array(quad.buffer);

/**
 * Turns the number of a page into its address.
 *
 * @param page The number, without sign extension.
 * @param levels Number of levels of the tables.
 * @returns The canonical address, of 64 bits.
 */
export function pageAddress(page: number, levels: number): bigint {
  const unused = levels === 5 ? 64 - 57 : 64 - 48;
  halves[0] = page << 12;
  halves[1] = ((page / 2 ** 20) << unused) >> unused;
  return quad[0];
}

/**
 * Describes where an entry is.
 *
 * @param path The path to its table.
 * @param level Level of the table.
 * @param index Index of the entry.
 * @returns The place.
 */
export function entryPlace(path: TablePath, level: number, index: number): EntryPlace {
  const { frame, page } = path[level];
  const covered = ENTRY_PAGES[level];
  return {
    level: level as TableLevel,
    table: frame,
    index,
    virt: pageAddress(page + index * covered, path.length - 1),
    size: covered * PAGE_BYTES,
  };
}

/**
 * Describes a table in unknown memory.
 *
 * @param level Level of the table.
 * @param table Its physical address.
 * @param page Number of the first page that it covers.
 * @param levels Number of levels of the tables.
 * @returns The item of a listing.
 */
export function unknownTable(level: number, table: number, page: number, levels: number): UnknownTable {
  const size = ENTRY_PAGES[level] * TABLE_ENTRIES * PAGE_BYTES;
  return { kind: "unknown", level: level as TableLevel, table, virt: pageAddress(page, levels), size };
}

/**
 * Names a table at a level by one number.
 *
 * @param frame Physical address of the table.
 * @param level The level.
 * @returns A number that no other table and level have.
 */
export function tableKey(frame: number, level: number): number {
  return frame / 512 + level; // frames are multiples of 4096, so three bits are free
}
