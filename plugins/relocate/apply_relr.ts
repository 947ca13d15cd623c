/**
 * Applies `DT_RELR` entries (gABI, "Relative Relocation Table"): words that the offset is added to, encoded as
 * addresses and bitmaps.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { NO_PAGE } from "../../core/address_space/word_window.ts";
import { LOW48_END, LOW48_HIGHER_HALF, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import type { TableRange } from "./relocation_tables.ts";
import { type RelocationTarget, tablePlace, viewOf } from "./relocation_target.ts";

const WORD = 8;
const BITS = 63;
/** How many of the bits for words are in the lower half of an entry. */
const BITS_LOW = 31;
const PAGE_MASK = PAGE_SIZE - 1;
const TWO_32 = 2 ** 32;

/** How many entries to apply between pauses; each stands for up to 63 words. */
const BATCH = 64;

/**
 * Applies a table of entries. An even entry is the address of a word. In an odd entry, each bit except the lowest
 * stands for one of the next 63 words. Each entry is read just before it is applied.
 *
 * @param range The table.
 * @param target The memory.
 * @param counts Counts the words as "RELR".
 * @param pause The load's pause.
 * @throws {LoadError} "relocation-out-of-segment", "page-not-mapped", "address-overflow" or "address-not-canonical".
 */
export async function applyRelr(
  range: TableRange,
  target: RelocationTarget,
  counts: Map<string, number>,
  pause: PluginContext["pause"],
): Promise<void> {
  const entryAt = entryReader(range, target);
  const words = wordRelocator(range.tag, target);
  const total = Number(range.size / BigInt(WORD));
  let next = { high: 0, low: 0 };
  for (let done = 0; done < total;) {
    for (const end = Math.min(total, done + BATCH); done < end; done++) {
      const { high, low } = entryAt(done);
      if ((low & 1) === 0) {
        words.relocate(high, low);
        next = after(high, low, WORD);
      } else {
        words.relocateBits(next.high, next.low, high, low);
        next = after(next.high, next.low, BITS * WORD);
      }
    }
    const pausing = pause();
    if (pausing) await pausing;
  }
  if (words.count() > 0) counts.set("RELR", words.count());
}

/** A 64-bit number as two halves. */
interface Halves {
  readonly high: number;
  readonly low: number;
}

/** The sum of an address and a number of bytes; it may reach 2^64 and more, which is no address. */
function after(high: number, low: number, bytes: number): Halves {
  const sum = low + bytes;
  return sum < TWO_32 ? { high, low: sum } : { high: high + 1, low: sum - TWO_32 };
}

function entryReader({ tag, address }: TableRange, target: RelocationTarget): (index: number) => Halves {
  const { view, readable } = target.window;
  const first = tablePlace(address, target);
  const half = first !== undefined && first < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  return (index) => {
    const at = (first ?? LOW48_END) + index * WORD;
    const within = at & PAGE_MASK;
    const page = at < half && within <= PAGE_SIZE - WORD ? readable(at - within) : NO_PAGE;
    if (page !== NO_PAGE) {
      return { low: view.getUint32(page + within, true), high: view.getUint32(page + within + 4, true) };
    }
    const entry = viewOf(target.read(address + BigInt(index * WORD), WORD, `the relocation of ${tag}`));
    return { low: entry.getUint32(0, true), high: entry.getUint32(4, true) };
  };
}

/** Adds the offset to words. */
interface WordRelocator {
  /** Adds it to the word at a linked address. */
  readonly relocate: (high: number, low: number) => void;
  /** Adds it to those of 63 words, from a linked address on, whose bits are set; bit 1 is for the first. */
  readonly relocateBits: (high: number, low: number, bitsHigh: number, bitsLow: number) => void;
  /** The number of words so far. */
  readonly count: () => number;
}

function wordRelocator(tag: string, target: RelocationTarget): WordRelocator {
  const { offset, bytesInSegment, segments, window: { view, wordsAt, writable } } = target;
  const base = BigInt.asUintN(64, offset);
  const [baseHigh, baseLow] = [upperHalf(base) | 0, lowerHalf(base) | 0];
  let count = 0;
  let [segmentHigh, segmentLow, segmentPlace, lastWord] = [0, 0, 0, -1];

  /** The offset in `view` of consecutive words that lie in one segment and page and need no check of their own. */
  const offsetOf = (high: number, low: number, words: number): number => {
    const more = (words - 1) * WORD;
    let inSegment = (high - segmentHigh) * TWO_32 + (low - segmentLow);
    if (inSegment < 0 || inSegment + more > lastWord) {
      const segment = segments.reaching(high, low);
      if (segment?.place === undefined) return NO_PAGE;
      [segmentHigh, segmentLow, segmentPlace] = [segment.high, segment.low, segment.place];
      lastWord = segment.size - bytesInSegment;
      inSegment = (high - segmentHigh) * TWO_32 + (low - segmentLow);
      if (inSegment + more > lastWord) return NO_PAGE;
    }
    const inPage = (segmentPlace + inSegment) & PAGE_MASK;
    if (inPage + more > PAGE_SIZE - WORD) return NO_PAGE;
    const page = writable(segmentPlace + inSegment - inPage);
    return page === NO_PAGE ? NO_PAGE : page + inPage;
  };
  const relocateAt = (offset: number): void => {
    const before = view.getInt32(offset, true);
    const low = (before + baseLow) | 0;
    view.setInt32(offset, low, true);
    view.setInt32(offset + 4, view.getInt32(offset + 4, true) + baseHigh + (low >>> 0 < before >>> 0 ? 1 : 0), true);
  };
  /** Relocates the words whose bits are set; bit 0 is for the one at the offset. */
  const relocateMarked = (offset: number, marks: number): void => {
    if ((offset & 3) !== 0) {
      for (let bits = marks, at = offset; bits !== 0; bits >>>= 1, at += WORD) if (bits & 1) relocateAt(at);
    } else {
      const words = wordsAt(offset);
      for (let bits = marks, at = offset >>> 2; bits !== 0; bits >>>= 1, at += 2) {
        if ((bits & 1) === 0) continue;
        const before = words[at];
        const low = (before + baseLow) | 0;
        words[at] = low;
        words[at + 1] += baseHigh + (low >>> 0 < before >>> 0 ? 1 : 0);
      }
    }
    for (let bits = marks; bits !== 0; bits &= bits - 1) count++;
  };
  const relocateChecked = (high: number, low: number): void => {
    const linked = (BigInt(high) << 32n) | BigInt(low);
    const word = viewOf(target.read(linked, WORD, `the word of ${tag}`)).getBigUint64(0, true);
    target.write64(linked, BigInt.asUintN(64, word + offset));
  };
  const relocate = (high: number, low: number): void => {
    const at = offsetOf(high, low, 1);
    if (at === NO_PAGE) relocateChecked(high, low);
    else relocateAt(at);
    count++;
  };
  const relocateEach = (high: number, low: number, bitsHigh: number, bitsLow: number): void => {
    for (let bit = 1; bit <= BITS; bit++) {
      if (((bit < 32 ? bitsLow >>> bit : bitsHigh >>> (bit - 32)) & 1) === 0) continue;
      const word = after(high, low, (bit - 1) * WORD);
      relocate(word.high, word.low);
    }
  };
  return {
    relocate,
    relocateBits: (high, low, bitsHigh, bitsLow) => {
      if (bitsLow >>> 1 === 0 && bitsHigh === 0) return;
      const at = offsetOf(high, low, BITS);
      if (at === NO_PAGE) return relocateEach(high, low, bitsHigh, bitsLow);
      relocateMarked(at, bitsLow >>> 1);
      relocateMarked(at + BITS_LOW * WORD, bitsHigh);
    },
    count: () => count,
  };
}
