/**
 * Finite State Entropy (RFC 8878, 4.1 "FSE").
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";

/** A decoding table: for each state the symbol, and how to get to the next state. */
export interface FseTable {
  /** The number of bits of a state. */
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly baselines: Uint16Array;
}

/**
 * Builds the table of one symbol, which takes no bits.
 *
 * @param symbol The symbol.
 * @returns The table.
 */
export function singleSymbol(symbol: number): FseTable {
  return { accuracy: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), baselines: new Uint16Array(1) };
}

/**
 * Builds a decoding table (4.1.1).
 *
 * @param accuracy The binary logarithm of its size.
 * @param probabilities Of each symbol; -1 stands for "less than 1". They add up to its size.
 * @returns The table.
 */
export function buildTable(accuracy: number, probabilities: ArrayLike<number>): FseTable {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(probabilities.length);
  let high = size;
  for (let symbol = 0; symbol < probabilities.length; symbol++) {
    next[symbol] = Math.abs(probabilities[symbol]);
    if (probabilities[symbol] === -1) symbols[--high] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  for (let symbol = 0; symbol < probabilities.length; symbol++) {
    for (let count = probabilities[symbol]; count > 0; count--) {
      symbols[position] = symbol;
      do position = (position + step) & size - 1; while (position >= high);
    }
  }
  const bits = new Uint8Array(size);
  const baselines = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const x = next[symbols[state]]++;
    bits[state] = accuracy - (31 - Math.clz32(x));
    baselines[state] = (x << bits[state]) - size;
  }
  return { accuracy, symbols, bits, baselines };
}

/** A table, and where its description ends. */
export interface ReadTable {
  readonly table: FseTable;
  readonly end: number;
}

/**
 * Reads the description of a table (4.1.1 "FSE Table Description").
 *
 * @param bytes What has it.
 * @param start Its offset there.
 * @param mostAccuracy The largest accuracy that is allowed.
 * @param mostSymbol The largest symbol that is allowed.
 * @returns The table, and the offset after the description.
 */
export function readTable(bytes: Uint8Array, start: number, mostAccuracy: number, mostSymbol: number): ReadTable {
  let position = start * 8;
  const peek = (count: number): number => {
    const at = position >> 3;
    return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16) >>> (position & 7) & (1 << count) - 1;
  };
  const accuracy = peek(4) + 5;
  position += 4;
  if (accuracy > mostAccuracy) throw damaged("zstd", "a table is too large");
  const probabilities: number[] = [];
  let left = 1 << accuracy;
  while (left > 0) {
    const bits = 32 - Math.clz32(left + 1);
    const short = (1 << bits) - 2 - left;
    let value = peek(bits - 1);
    if (value < short) {
      position += bits - 1;
    } else {
      value = peek(bits);
      if (value >= 1 << bits - 1) value -= short;
      position += bits;
    }
    const probability = value - 1;
    probabilities.push(probability);
    left -= Math.abs(probability);
    if (probability === 0) {
      for (let zeros = 3; zeros === 3;) {
        zeros = peek(2);
        position += 2;
        for (let count = 0; count < zeros; count++) probabilities.push(0);
        if (probabilities.length > mostSymbol + 1) break;
      }
    }
    if (probabilities.length > mostSymbol + 1 || position > bytes.length * 8) {
      throw damaged("zstd", "a table has too many symbols");
    }
  }
  if (left < 0) throw damaged("zstd", "a table's probabilities are too large");
  return { table: buildTable(accuracy, probabilities), end: Math.ceil(position / 8) };
}
