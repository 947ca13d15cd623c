/**
 * The inner loops over runs of entries in one table, in 32-bit halves.
 *
 * @module
 */

import type { FlagHalves } from "./entry.ts";

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
