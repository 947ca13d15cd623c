/**
 * The Huffman codes of a bzip2 block.
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";
import type { BitReader } from "./bits.ts";

const LONGEST = 20;

/** Codes that are not longer are found in a table. */
const QUICK = 10;

/** Decodes symbols. */
export interface HuffmanCode {
  /** Reads the next symbol. */
  readonly next: (bits: BitReader) => number;
}

/**
 * Reads the lengths of a table's codes, which are recorded by their differences, and builds the table.
 *
 * @param bits The block.
 * @param count The number of symbols.
 * @returns The codes.
 */
export function readHuffmanCode(bits: BitReader, count: number): HuffmanCode {
  const lengths = new Uint8Array(count);
  let length = bits.read(5);
  for (let symbol = 0; symbol < count; symbol++) {
    for (;;) {
      if (length < 1 || length > LONGEST) throw damaged("bzip2", "the length of a code is out of range");
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return codeOf(lengths);
}

/** Codes of a length are consecutive numbers, in the order of their symbols, and follow those of the length before. */
function codeOf(lengths: Uint8Array): HuffmanCode {
  const counts = new Uint32Array(LONGEST + 2);
  for (const length of lengths) counts[length]++;
  /** For each length: the code after its last one, aligned to the longest; and what leads from a code to its symbol. */
  const limits = new Uint32Array(LONGEST + 2);
  const offsets = new Int32Array(LONGEST + 2);
  const firsts = new Uint32Array(LONGEST + 2);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= LONGEST; length++) {
    firsts[length] = index;
    offsets[length] = index - code;
    code += counts[length];
    index += counts[length];
    if (code > 2 ** length) throw damaged("bzip2", "the codes of a table do not fit together");
    limits[length] = code * 2 ** (LONGEST - length);
    code *= 2;
  }
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => symbols[firsts[length]++] = symbol);
  /** For each value of the next bits: the symbol and the length of its code; 0 if that is longer. */
  const quick = new Uint16Array(1 << QUICK);
  for (let value = 0; value < quick.length; value++) {
    for (let length = 1; length <= QUICK; length++) {
      if (value * 2 ** (LONGEST - QUICK) >= limits[length]) continue;
      quick[value] = symbols[(value >> QUICK - length) + offsets[length]] << 4 | length;
      break;
    }
  }
  const next = (bits: BitReader): number => {
    const entry = quick[bits.peek(QUICK)];
    if (entry !== 0) {
      bits.skip(entry & 15);
      return entry >> 4;
    }
    const value = bits.peek(LONGEST);
    for (let length = QUICK + 1; length <= LONGEST; length++) {
      if (value >= limits[length]) continue;
      bits.skip(length);
      return symbols[(value >> LONGEST - length) + offsets[length]];
    }
    bits.skip(LONGEST);
    throw damaged("bzip2", "a code is not in its table");
  };
  return { next };
}
