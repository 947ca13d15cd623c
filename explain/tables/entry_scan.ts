/**
 * Loops over the entries of one table, in 32-bit halves.
 *
 * @module
 */

import {
  entryFrame,
  frameBits,
  HI_FRAME,
  HI_NO_EXECUTE,
  LO_HUGE,
  LO_PRESENT,
  TABLE_ENTRIES,
} from "../../core/paging/entry.ts";

/** What an entry does. */
export type EntryKind = "absent" | "page" | "table" | "reserved";

/** Bits of an entry that maps a page which must be 0 (Intel SDM vol. 3, tables 4-16 and 4-18), by level. */
const PAGE_RESERVED: readonly number[] = [0, 0, 0x1f_e000, 0x3fff_e000];

/**
 * Tells what an entry does.
 *
 * @param lo Bits 0 to 31 of the entry.
 * @param level Level of the table that it is in, 5 to 1.
 * @returns "reserved" if it is present and has bits set that must be 0.
 */
export function entryKind(lo: number, level: number): EntryKind {
  if ((lo & LO_PRESENT) === 0) return "absent";
  if (level === 1) return "page";
  if ((lo & LO_HUGE) === 0) return "table";
  return level < 4 && (lo & PAGE_RESERVED[level]) === 0 ? "page" : "reserved";
}

/**
 * Finds the next entry that is present.
 *
 * @param words The table.
 * @param from Index of the first entry to look at.
 * @returns Its index; 512 if there is none.
 */
export function nextPresent(words: Uint32Array, from: number): number {
  for (let index = from; index < TABLE_ENTRIES; index++) {
    if ((words[index * 2] & LO_PRESENT) !== 0) return index;
  }
  return TABLE_ENTRIES;
}

/**
 * Reads an entry whole.
 *
 * @param words The table.
 * @param index Index of the entry.
 * @returns Its 64 bits.
 */
export function entryAt(words: Uint32Array, index: number): bigint {
  return (BigInt(words[index * 2 + 1]) << 32n) | BigInt(words[index * 2]);
}

/** An entry that points to a table. */
export interface PointingEntry {
  /** Its index. */
  readonly index: number;
  /** Physical address of the table that it points to. */
  readonly frame: number;
}

/**
 * Lists the entries that point to tables.
 *
 * @param words The table.
 * @param level Level of the table, 5 to 1.
 * @returns The entries, ascending; none at level 1.
 */
export function* tablesBelow(words: Uint32Array, level: number): Generator<PointingEntry, void, undefined> {
  for (let index = nextPresent(words, 0); index < TABLE_ENTRIES; index = nextPresent(words, index + 1)) {
    const lo = words[index * 2];
    if (entryKind(lo, level) === "table") yield { index, frame: entryFrame(lo, words[index * 2 + 1], 1) };
  }
}

/** The bits by which pages are compared, as the halves of an entry. */
export interface PageMasks {
  readonly lo: number;
  readonly hi: number;
}

/**
 * The bits in which the pages of a run must not differ, but for the address.
 *
 * @param level Level of the table.
 * @param grantedLo The permissions to write and for user mode that the levels above grant, as bits of an entry.
 * @param grantedHi `HI_NO_EXECUTE` if a level above forbids execution.
 * @param leafFlags Whether they must not differ in any flag.
 * @returns The bits.
 */
export function pageMasks(level: number, grantedLo: number, grantedHi: number, leafFlags: boolean): PageMasks {
  if (leafFlags) return { lo: -1, hi: -1 };
  const size = level === 1 ? 0 : LO_HUGE | PAGE_RESERVED[level];
  return { lo: frameBits(level) | LO_PRESENT | size | grantedLo, hi: HI_FRAME | (~grantedHi & HI_NO_EXECUTE) };
}

/**
 * Counts the pages, starting with the first, whose frames are consecutive, within 4 GiB, and that do not differ
 * otherwise.
 *
 * @param words The table.
 * @param index Index of the first entry, which maps a page.
 * @param level Level of the table, 1 to 3.
 * @param masks The bits to compare.
 * @returns Their number, at least 1.
 */
export function continuedPages(words: Uint32Array, index: number, level: number, masks: PageMasks): number {
  const maskLo = masks.lo | 0;
  const maskHi = masks.hi | 0;
  const step = 1 << (level * 9 + 3);
  const hi = words[index * 2 + 1] & maskHi;
  let lo = words[index * 2] & maskLo;
  let next = index + 1;
  for (; next < TABLE_ENTRIES; next++) {
    lo = (lo + step) | 0;
    if ((lo & -step) === 0) break; // 4 GiB further, the high half would be another
    if ((words[next * 2] & maskLo) !== lo || (words[next * 2 + 1] & maskHi) !== hi) break;
  }
  return next - index;
}
