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

/** The part of a page that lies in a segment, as long as words in it need no check of their own. */
interface Part {
  /** The 32-bit words of memory that it lies in, and the index of its first. */
  readonly words: Int32Array;
  readonly word: number;
  /** Linked address of its first byte, as halves. */
  readonly high: number;
  readonly low: number;
  /** The last place of a 64-bit word in it, counted from its first byte; -1 if there is none. */
  readonly last: number;
}

/** What is added to addends. */
interface Base {
  readonly high: number;
  readonly low: number;
  /** Bit 64 of a valid sum; {@linkcode ANY} if sums are taken modulo 2^64. */
  readonly carry: number;
}

const NO_PART: Part = { words: new Int32Array(), word: 0, high: 0, low: 0, last: -1 };
const ANY = -1;

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
  const { offset, rules, window } = target;
  const half = first < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  const wrapped = BigInt.asUintN(64, offset);
  // A sum of an addend and an offset below 0 is valid if it carries into bit 64, and only then.
  const carry = rules.wrapsRelocatedValues ? ANY : offset < 0n ? 1 : 0;
  const base: Base = { high: upperHalf(wrapped) | 0, low: lowerHalf(wrapped) | 0, carry };
  const split = new Int32Array(RELA_WORDS);
  let part = NO_PART;
  for (let done = 0; done < count;) {
    const at = first + done * RELA_SIZE;
    if (at + PAGE_SIZE >= half) return done; // the page after it may be in the hole
    const within = at & PAGE_MASK;
    const table = window.readable(at - within); // anew after each part, whose page may just have got its own frame
    if (table === NO_PAGE) return done;
    if ((within & 3) === 0) {
      const inPage = Math.min(count - done, Math.floor((PAGE_SIZE - within) / RELA_SIZE));
      const applied = applyInPart(window.wordsAt(table), (table >>> 2) + (within >>> 2), inPage, part, base);
      done += applied;
      if (applied > 0) continue;
    }
    if (!copyEntry(split, window, at)) return done;
    const next = applyAnywhere(split, target, base);
    if (!next) return done;
    part = next;
    done++;
  }
  return count;
}

/**
 * Applies consecutive aligned entries whose words are aligned and lie in a part. Its arguments are numbers, arrays
 * and plain records: an object that ends with a load would take the code optimized for it along.
 */
function applyInPart(table: Int32Array, first: number, count: number, part: Part, base: Base): number {
  const { words, word, high: partHigh, low: partLow, last } = part;
  const { high: baseHigh, low: baseLow, carry } = base;
  for (let done = 0, entry = first; done < count; done++, entry += RELA_WORDS) {
    if (table[entry + 2] !== R_X86_64_RELATIVE || table[entry + 3] !== 0) return done;
    const inPart = (table[entry] - partLow) >>> 0;
    if (table[entry + 1] !== partHigh || inPart > last || (inPart & 3) !== 0) return done;
    const addendLow = table[entry + 4];
    const addendHigh = table[entry + 5];
    const low = (addendLow + baseLow) | 0;
    const high = (addendHigh + baseHigh + (low >>> 0 < addendLow >>> 0 ? 1 : 0)) | 0;
    if (carry !== ANY && carryOf(addendHigh, baseHigh, high) !== carry) return done;
    const place = word + (inPart >>> 2);
    words[place] = low;
    words[place + 1] = high;
  }
  return count;
}

/** Applies one entry and returns the part that its word lies in; `undefined` if it needs another check. */
function applyAnywhere(entry: Int32Array, target: RelocationTarget, base: Base): Part | undefined {
  const { bytesInSegment, segments, window } = target;
  const [placeLow, placeHigh, type, symbol, addendLow, addendHigh] = entry;
  if (type !== R_X86_64_RELATIVE || symbol !== 0) return undefined;
  const low = (addendLow + base.low) | 0;
  const high = (addendHigh + base.high + (low >>> 0 < addendLow >>> 0 ? 1 : 0)) | 0;
  if (base.carry !== ANY && carryOf(addendHigh, base.high, high) !== base.carry) return undefined;

  const segment = segments.reaching(placeHigh >>> 0, placeLow >>> 0);
  if (segment?.place === undefined) return undefined;
  const inSegment = ((placeHigh >>> 0) - segment.high) * TWO_32 + ((placeLow >>> 0) - segment.low);
  const lastInSegment = segment.size - bytesInSegment;
  const place = segment.place + inSegment;
  const inPage = place & PAGE_MASK;
  if (inSegment > lastInSegment || inPage > PAGE_SIZE - WORD) return undefined;
  const page = window.writable(place - inPage);
  if (page === NO_PAGE) return undefined;
  window.view.setInt32(page + inPage, low, true);
  window.view.setInt32(page + inPage + 4, high, true);

  const inPart = Math.min(inPage, inSegment);
  const partLow = (placeLow - inPart) | 0;
  const start = page + inPage - inPart;
  const last = Math.min(PAGE_SIZE - WORD - inPage, lastInSegment - inSegment) + inPart;
  return {
    words: window.wordsAt(start),
    word: start >>> 2,
    high: placeLow >>> 0 < inPart ? (placeHigh - 1) | 0 : placeHigh,
    low: partLow,
    // What lies past the next multiple of 2^32 is found anew each time, as is everything if words are not aligned here.
    last: (start & 3) === 0 ? Math.min(last, TWO_32 - 1 - (partLow >>> 0)) : -1,
  };
}

/** Bit 32 of the sum of two upper halves and the carry from the lower ones, given its bits 0 to 31. */
function carryOf(a: number, b: number, sum: number): number {
  return ((a & b) | ((a | b) & ~sum)) >>> 31;
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
