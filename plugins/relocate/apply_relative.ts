/**
 * Applies runs of `R_X86_64_RELATIVE` entries without a symbol, which make up nearly all relocations of a kernel: in
 * 32-bit halves, and with one search for a page and a segment as long as the words stay in both.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { NO_PAGE, type WordWindow } from "../../core/address_space/word_window.ts";
import { LOW48_END, LOW48_HIGHER_HALF, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { RelocationTarget } from "./relocation_target.ts";
import { R_X86_64_RELATIVE } from "./relocation_types.ts";

const RELA_SIZE = 24;
const RELA_WORDS = 6;
const WORD = 8;
const PAGE_MASK = PAGE_SIZE - 1;
const TWO_32 = 2 ** 32;

/**
 * Applies entries up to the first that is anything else, or that needs a check which is not made here. Each is read
 * just before it is applied, because earlier ones may have changed it.
 *
 * @param first Low 48 bits of the address of the first entry.
 * @param count Number of entries.
 * @param target The memory.
 * @returns The number of entries that were applied.
 * @throws {LoadError} What unsharing a page throws.
 */
export function applyRelative(first: number, count: number, target: RelocationTarget): number {
  const { offset, rules: { wrapsRelocatedValues }, bytesInSegment, segments, window } = target;
  const { view, wordsAt, readable, writable } = window;
  const half = first < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  const base = BigInt.asUintN(64, offset);
  const baseHigh = upperHalf(base) | 0;
  const baseLow = lowerHalf(base) | 0;
  const carryOut = offset < 0n ? 1 : 0; // of a sum from 0 to 2^64 - 1
  // The page that the next entry starts in, unless it must be found again.
  let isKnown = false;
  let within = 0;
  let tableWord = 0;
  let tableWords: Int32Array = new Int32Array();
  const split = new Int32Array(RELA_WORDS);
  // The part of a page that lies in a segment: its first linked address, the last place of a word in it, and its offset.
  let partHigh = 0;
  let partLow = 0;
  let partLast = -1;
  let part = NO_PAGE;
  let partWords: Int32Array = tableWords;
  let partWord = 0;
  let misaligned = 0;

  for (let done = 0; done < count; done++, within += RELA_SIZE) {
    if (!isKnown || within >= PAGE_SIZE) {
      const at = first + done * RELA_SIZE;
      if (at + PAGE_SIZE >= half) return done; // the page after it may be in the hole
      within = at & PAGE_MASK;
      const table = readable(at - within);
      if (table === NO_PAGE) return done;
      tableWords = wordsAt(table);
      tableWord = table >>> 2;
      isKnown = true;
    }
    let source = tableWords;
    let entry = tableWord + (within >>> 2);
    if (within > PAGE_SIZE - RELA_SIZE || (within & 3) !== 0) {
      if (!copyEntry(split, window, first + done * RELA_SIZE)) return done;
      source = split;
      entry = 0;
    }
    if (source[entry + 2] !== R_X86_64_RELATIVE || source[entry + 3] !== 0) return done;

    const addendLow = source[entry + 4];
    const addendHigh = source[entry + 5];
    const low = (addendLow + baseLow) | 0;
    const high = (addendHigh + baseHigh + (low >>> 0 < addendLow >>> 0 ? 1 : 0)) | 0;
    const carried = ((addendHigh & baseHigh) | ((addendHigh | baseHigh) & ~high)) >>> 31;
    if (carried !== carryOut && !wrapsRelocatedValues) return done;

    const placeLow = source[entry];
    const placeHigh = source[entry + 1];
    let inPart = (placeLow - partLow) >>> 0;
    if (placeHigh !== partHigh || inPart > partLast) {
      const segment = segments.reaching(placeHigh >>> 0, placeLow >>> 0);
      if (segment?.place === undefined) return done;
      const inSegment = ((placeHigh >>> 0) - segment.high) * TWO_32 + ((placeLow >>> 0) - segment.low);
      const lastInSegment = segment.size - bytesInSegment;
      if (inSegment > lastInSegment) return done;
      const place = segment.place + inSegment;
      const inPage = place & PAGE_MASK;
      if (inPage > PAGE_SIZE - WORD) return done;
      const page = writable(place - inPage);
      if (page === NO_PAGE) return done;
      isKnown = false; // the table may lie in the page that just got its own frame
      inPart = Math.min(inPage, inSegment);
      partLow = (placeLow - inPart) | 0;
      partHigh = placeLow >>> 0 < inPart ? (placeHigh - 1) | 0 : placeHigh;
      partLast = Math.min(PAGE_SIZE - WORD - inPage, lastInSegment - inSegment) + inPart;
      partLast = Math.min(partLast, TWO_32 - 1 - (partLow >>> 0)); // what lies past 2^32 is found anew each time
      part = page + inPage - inPart;
      partWords = wordsAt(part);
      partWord = part >>> 2;
      misaligned = part & 3;
    }
    if (((inPart | misaligned) & 3) === 0) {
      partWords[partWord + (inPart >>> 2)] = low;
      partWords[partWord + (inPart >>> 2) + 1] = high;
    } else {
      view.setInt32(part + inPart, low, true);
      view.setInt32(part + inPart + 4, high, true);
    }
  }
  return count;
}

/** Copies an entry that is not aligned, or that continues in another page; false if it cannot be read. */
function copyEntry(entry: Int32Array, { view, readable }: WordWindow, at: number): boolean {
  const within = at & PAGE_MASK;
  const page = readable(at - within);
  const next = within > PAGE_SIZE - RELA_SIZE ? readable(at - within + PAGE_SIZE) : page;
  if (page === NO_PAGE || next === NO_PAGE) return false;
  for (let word = 0, offset = within; word < RELA_WORDS; word++, offset += 4) {
    if (offset <= PAGE_SIZE - 4) entry[word] = view.getInt32(page + offset, true);
    else if (offset >= PAGE_SIZE) entry[word] = view.getInt32(next + offset - PAGE_SIZE, true);
    else {
      entry[word] = 0;
      for (let byte = 0; byte < 4; byte++) {
        const place = offset + byte < PAGE_SIZE ? page + offset + byte : next + offset + byte - PAGE_SIZE;
        entry[word] |= view.getUint8(place) << (8 * byte);
      }
    }
  }
  return true;
}
