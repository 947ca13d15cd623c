/**
 * The literals of a block (RFC 8878, 3.1.1.3.1 "Literals_Section").
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";
import { decodeStream, type HuffmanTable, readHuffmanTable } from "./huffman.ts";

/** The literals of a block, and where their section ends. */
export interface Literals {
  readonly bytes: Uint8Array;
  /** The offset after the section. */
  readonly end: number;
  /** The table for later blocks. */
  readonly table?: HuffmanTable;
}

// Literals_Block_Type
const RAW = 0;
const RLE = 1;
const TREELESS = 3;

/** The sizes of the jump table's fields, which say how long three of four streams are. */
const JUMP_TABLE = 6;

/**
 * Reads the literals.
 *
 * @param block The block.
 * @param buffer Where to put them; the most that a block may have.
 * @param before The table of an earlier block.
 * @returns The literals: a part of the buffer or of the block.
 */
export function readLiterals(block: Uint8Array, buffer: Uint8Array, before: HuffmanTable | undefined): Literals {
  const type = block[0] & 3;
  const format = block[0] >> 2 & 3;
  const field = block[0] + (block[1] ?? 0) * 2 ** 8 + (block[2] ?? 0) * 2 ** 16 + (block[3] ?? 0) * 2 ** 24 +
    (block[4] ?? 0) * 2 ** 32;
  const bits = (shift: number, count: number): number => Math.floor(field / 2 ** shift) % 2 ** count;
  const table = type === TREELESS ? before : undefined;
  if (type === RAW || type === RLE) {
    const [start, size] = format === 1 ? [2, bits(4, 12)] : format === 3 ? [3, bits(4, 20)] : [1, bits(3, 5)];
    const end = start + (type === RAW ? size : 1);
    check(size <= buffer.length && end <= block.length);
    const bytes = type === RAW ? block.subarray(start, end) : buffer.subarray(0, size).fill(block[start]);
    return { bytes, end, ...(before ? { table: before } : {}) };
  }
  const width = [10, 10, 14, 18][format];
  const start = [3, 3, 4, 5][format];
  const size = bits(4, width);
  const end = start + bits(4 + width, width);
  check(size <= buffer.length && end <= block.length);
  if (type === TREELESS && !table) throw damaged("zstd", "a block goes on from a table that is not there");
  const read = table ? { table, end: 0 } : readHuffmanTable(block.subarray(start, end));
  const streams = block.subarray(start + read.end, end);
  const bytes = buffer.subarray(0, size);
  if (format === 0) decodeStream(read.table, streams, bytes);
  else decodeFour(read.table, streams, bytes);
  return { bytes, end, table: read.table };
}

function decodeFour(table: HuffmanTable, streams: Uint8Array, output: Uint8Array): void {
  check(streams.length >= JUMP_TABLE);
  const part = output.length + 3 >> 2;
  check(3 * part <= output.length);
  let start = JUMP_TABLE;
  for (let stream = 0; stream < 4; stream++) {
    const size = streams[2 * stream] | streams[2 * stream + 1] << 8;
    const end = stream < 3 ? start + size : streams.length;
    check(end <= streams.length);
    const to = stream < 3 ? (stream + 1) * part : output.length;
    decodeStream(table, streams.subarray(start, end), output.subarray(stream * part, to));
    start = end;
  }
}

function check(isRight: boolean): void {
  if (!isRight) throw damaged("zstd", "a block's literals go past its end");
}
