/**
 * Huffman coding of literals (RFC 8878, 4.2 "Huffman Coding").
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";
import { BackwardBits } from "./bits.ts";
import { readTable } from "./fse.ts";

/** A decoding table: for each sequence of `accuracy` bits, the symbol that it starts with and that symbol's length. */
export interface HuffmanTable {
  /** The number of bits to look at. */
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  readonly lengths: Uint8Array;
}

const MOST_BITS = 11;
const MOST_WEIGHTS = 255;
const WEIGHT_ACCURACY = 6;

/**
 * Reads the description of a table (4.2.1 "Huffman Tree Description").
 *
 * @param bytes What starts with it.
 * @returns The table, and the offset after the description.
 */
export function readHuffmanTable(bytes: Uint8Array): { readonly table: HuffmanTable; readonly end: number } {
  const [header] = bytes;
  if (header === undefined) throw damaged("zstd", "a table is missing");
  if (header < 128) {
    const end = 1 + header;
    if (end > bytes.length) throw damaged("zstd", "a table goes past its end");
    return { table: tableOf(packedWeights(bytes.subarray(1, end))), end };
  }
  const count = header - 127;
  const end = 1 + (count + 1 >> 1);
  if (end > bytes.length) throw damaged("zstd", "a table goes past its end");
  const weights = Array.from({ length: count }, (_, at) => bytes[1 + (at >> 1)] >> (at & 1 ? 0 : 4) & 15);
  return { table: tableOf(weights), end };
}

/** Weights that two interleaved FSE states yield, until the bits run out (4.2.1.2). */
function packedWeights(bytes: Uint8Array): readonly number[] {
  const { table, end } = readTable(bytes, 0, WEIGHT_ACCURACY, MOST_WEIGHTS);
  const { accuracy, symbols, bits: counts, baselines } = table;
  const bits = new BackwardBits(bytes.subarray(end));
  const states = [bits.read(accuracy), bits.read(accuracy)];
  const weights: number[] = [];
  for (let turn = 0;; turn ^= 1) {
    weights.push(symbols[states[turn]]);
    if (weights.length > MOST_WEIGHTS) throw damaged("zstd", "a table has too many symbols");
    states[turn] = baselines[states[turn]] + bits.read(counts[states[turn]]);
    if (bits.left < 0) return [...weights, symbols[states[turn ^ 1]]];
  }
}

/** Builds the table. The last weight is not recorded: it is what makes the codes complete (4.2.1.1). */
function tableOf(recorded: readonly number[]): HuffmanTable {
  const sum = recorded.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  const accuracy = sum === 0 ? 0 : Math.floor(Math.log2(sum)) + 1;
  const left = 2 ** accuracy - sum;
  const last = Math.log2(left) + 1;
  if (sum === 0 || accuracy > MOST_BITS || !Number.isInteger(last) || recorded.length > MOST_WEIGHTS) {
    throw damaged("zstd", "a table's weights do not fit together");
  }
  const weights = [...recorded, last];
  const symbols = new Uint8Array(1 << accuracy);
  const lengths = new Uint8Array(1 << accuracy);
  let at = 0;
  for (let weight = 1; weight <= accuracy; weight++) {
    weights.forEach((each, symbol) => {
      if (each !== weight) return;
      const end = at + (1 << weight - 1);
      symbols.fill(symbol, at, end);
      lengths.fill(accuracy + 1 - weight, at, end);
      at = end;
    });
  }
  return { accuracy, symbols, lengths };
}

/**
 * Decodes one stream (4.2.2), which has to end where the output does.
 *
 * @param table The table.
 * @param bytes The stream.
 * @param output Where the symbols go.
 */
export function decodeStream(
  { accuracy, symbols, lengths }: HuffmanTable,
  bytes: Uint8Array,
  output: Uint8Array,
): void {
  const last = bytes[bytes.length - 1];
  if (!last) throw damaged("zstd", "a bit stream has no end");
  const mask = (1 << accuracy) - 1;
  const count = output.length;
  /** Where the bits to look at start. */
  let position = bytes.length * 8 - 1 - Math.clz32(last << 24) - accuracy;
  let at = 0;
  while (at < count && position >= 0) {
    const byte = position >> 3;
    const index = (bytes[byte] | bytes[byte + 1] << 8 | bytes[byte + 2] << 16) >>> (position & 7) & mask;
    output[at++] = symbols[index];
    position -= lengths[index];
  }
  // The last codes may be shorter than what is looked at: zeros lie before the first bit.
  while (at < count && position > -accuracy) {
    const index = (bytes[0] | bytes[1] << 8) << -position & mask;
    output[at++] = symbols[index];
    position -= lengths[index];
  }
  if (at < count || position !== -accuracy) throw damaged("zstd", "a bit stream does not end where its content does");
}
