/**
 * The inner loops over runs of entries in one table, in 32-bit halves.
 *
 * @module
 */

import { type FlagHalves, LO_HUGE, LO_PRESENT } from "./entry.ts";
import type { EntryMasks } from "./flag_change.ts";

// Engines keep an index in an integer register if it fits in a signed 32-bit integer. A table past 4 GiB of memory gets
// its own view, so that its indices are small again.
const SMALL_INDEX = 2 ** 30;

/**
 * Counts the empty entries before the first that is not empty.
 *
 * @param words Physical memory as 32-bit words.
 * @param slot Index of the first entry's low half.
 * @param count Number of entries to look at.
 * @returns Their number, at most `count`.
 */
export function emptyEntries(words: Uint32Array, slot: number, count: number): number {
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

/**
 * Counts the leaves before the first entry that maps no page.
 *
 * @param words Physical memory as 32-bit words.
 * @param slot Index of the first entry's low half.
 * @param count Number of entries to look at.
 * @param level Level of the table, 1 to 3.
 * @returns Their number, at most `count`.
 */
export function leafEntries(words: Uint32Array, slot: number, count: number, level: number): number {
  if (slot >= SMALL_INDEX) return leafEntries(words.subarray(slot, slot + count * 2), 0, count, level);
  const leaf = level === 1 ? LO_PRESENT : LO_PRESENT | LO_HUGE;
  const start = slot | 0;
  const end = (start + count * 2) | 0;
  let at = start;
  // Four at a time take three quarters of the time.
  for (; at < ((end - 6) | 0); at = (at + 8) | 0) {
    if ((words[at] & words[at + 2] & words[at + 4] & words[at + 6] & leaf) !== leaf) break;
  }
  for (; at < end; at = (at + 2) | 0) {
    if ((words[at] & leaf) !== leaf) return (at - start) >> 1;
  }
  return count;
}

/**
 * Counts the leaves, starting with the first, whose frames are consecutive, within 4 GiB, and whose flags are equal.
 *
 * @param words Physical memory as 32-bit words.
 * @param slot Index of the first entry's low half; the entry is a leaf.
 * @param count Number of entries to look at, at least one.
 * @param step Number of bytes from one frame to the next: the size of a page.
 * @returns Their number, at most `count`.
 */
export function consecutiveEntries(words: Uint32Array, slot: number, count: number, step: number): number {
  if (slot >= SMALL_INDEX) return consecutiveEntries(words.subarray(slot, slot + count * 2), 0, count, step);
  const start = slot | 0;
  const end = (start + count * 2) | 0;
  const stride = step | 0;
  let lo = words[start] | 0;
  const hi = words[start + 1] | 0;
  for (let at = (start + 2) | 0; at < end; at = (at + 2) | 0) {
    lo = (lo + stride) | 0;
    if ((lo & -stride) === 0) return (at - start) >> 1; // 4 GiB further, the high half would be another
    if ((words[at] | 0) !== lo || (words[at + 1] | 0) !== hi) return (at - start) >> 1;
  }
  return count;
}

/**
 * Changes the flags of entries.
 *
 * @param words Physical memory as 32-bit words.
 * @param slot Index of the first entry's low half.
 * @param count Number of entries.
 * @param masks What to keep and what to set.
 * @returns The number of entries that are different now.
 */
export function changeEntries(words: Uint32Array, slot: number, count: number, masks: EntryMasks): number {
  if (slot >= SMALL_INDEX) return changeEntries(words.subarray(slot, slot + count * 2), 0, count, masks);
  const end = (slot + count * 2) | 0;
  const keepLo = masks.keepLo | 0;
  const keepHi = masks.keepHi | 0;
  const setLo = masks.setLo | 0;
  const setHi = masks.setHi | 0;
  let changed = 0;
  for (let at = slot | 0; at < end; at = (at + 2) | 0) {
    const oldLo = words[at] | 0;
    const oldHi = words[at + 1] | 0;
    const lo = (oldLo & keepLo) | setLo;
    const hi = (oldHi & keepHi) | setHi;
    words[at] = lo;
    words[at + 1] = hi;
    if (lo !== oldLo || hi !== oldHi) changed = (changed + 1) | 0;
  }
  return changed;
}
