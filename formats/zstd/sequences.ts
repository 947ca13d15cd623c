/**
 * The sequences of a block: how its literals and earlier bytes make up its content (RFC 8878, 3.1.1.3.2
 * "Sequences_Section" and 3.1.1.4 "Sequence Execution").
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";
import { BackwardBits } from "./bits.ts";
import { buildTable, type FseTable, readTable, singleSymbol } from "./fse.ts";

/** The tables of a block, which the next one may use again. */
export interface SequenceTables {
  readonly literalLengths?: FseTable;
  readonly offsets?: FseTable;
  readonly matchLengths?: FseTable;
}

/** The offsets that may be repeated; each block changes them. */
export type RepeatedOffsets = [number, number, number];

/** Where a block's content goes. */
export interface BlockOutput {
  /** What was unpacked before, and room for the block. */
  readonly buffer: Uint8Array;
  /** Where the block starts. */
  readonly start: number;
  /** Where it has to end at the latest. */
  readonly limit: number;
}

/** A kind of code: its default table, and its limits. */
interface Kind {
  readonly standard: FseTable;
  readonly mostAccuracy: number;
  readonly mostSymbol: number;
}

const ones = (count: number): readonly number[] => Array<number>(count).fill(1);
const twos = (count: number): readonly number[] => Array<number>(count).fill(2);
const rare = (count: number): readonly number[] => Array<number>(count).fill(-1);

// 3.1.1.3.2.2 "Default Distributions"
const LITERAL_LENGTHS: Kind = {
  standard: buildTable(6, [4, 3, ...twos(11), 1, 1, 1, ...twos(9), 3, 2, ...ones(5), ...rare(4)]),
  mostAccuracy: 9,
  mostSymbol: 35,
};
const OFFSETS: Kind = {
  standard: buildTable(5, [...ones(6), 2, 2, 2, ...ones(15), ...rare(5)]),
  mostAccuracy: 8,
  mostSymbol: 31,
};
const MATCH_LENGTHS: Kind = {
  standard: buildTable(6, [1, 4, 3, ...twos(6), ...ones(37), ...rare(7)]),
  mostAccuracy: 9,
  mostSymbol: 52,
};

// 3.1.1.3.2.1.1 "Sequence Codes for Lengths and Offsets": the extra bits of each code; a code starts where the one before
// ends.
const LITERAL_BITS = Uint8Array.of(
  ...Array(16).fill(0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
);
const MATCH_BITS = Uint8Array.of(
  ...Array(32).fill(0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
);
const LITERAL_STARTS = startsOf(LITERAL_BITS, 0);
const MATCH_STARTS = startsOf(MATCH_BITS, 3);

function startsOf(bits: Uint8Array, first: number): Uint32Array {
  const starts = new Uint32Array(bits.length);
  let start = first;
  bits.forEach((count, code) => {
    starts[code] = start;
    start += 2 ** count;
  });
  return starts;
}

/**
 * Reads the sequences and carries them out.
 *
 * @param section The section.
 * @param literals The block's literals.
 * @param output Where the content goes.
 * @param before The tables of the block before.
 * @param repeated The offsets that may be repeated.
 * @returns The offset after the content, and the tables for later blocks.
 */
export function runSequences(
  section: Uint8Array,
  literals: Uint8Array,
  { buffer, start, limit }: BlockOutput,
  before: SequenceTables,
  repeated: RepeatedOffsets,
): { readonly end: number; readonly tables: SequenceTables } {
  const { count, at } = readCount(section);
  let to = start;
  let from = 0;
  let tables = before;
  if (count > 0) {
    const read = readTables(section, at, before);
    tables = read.tables;
    const { literalLengths: ll, offsets: of, matchLengths: ml } = read.tables;
    const bits = new BackwardBits(section.subarray(read.end));
    let [llState, ofState, mlState] = [bits.read(ll.accuracy), bits.read(of.accuracy), bits.read(ml.accuracy)];
    for (let index = 0; index < count; index++) {
      const offsetCode = of.symbols[ofState];
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode);
      const mlCode = ml.symbols[mlState];
      const length = MATCH_STARTS[mlCode] + bits.read(MATCH_BITS[mlCode]);
      const llCode = ll.symbols[llState];
      const literalLength = LITERAL_STARTS[llCode] + bits.read(LITERAL_BITS[llCode]);
      if (index < count - 1) {
        llState = ll.baselines[llState] + bits.read(ll.bits[llState]);
        mlState = ml.baselines[mlState] + bits.read(ml.bits[mlState]);
        ofState = of.baselines[ofState] + bits.read(of.bits[ofState]);
      }
      const offset = offsetOf(offsetValue, literalLength, repeated);
      if (literalLength > literals.length - from || literalLength + length > limit - to) {
        throw damaged("zstd", "a block unpacks to more than its size");
      }
      const literalEnd = from + literalLength;
      while (from < literalEnd) buffer[to++] = literals[from++];
      if (offset === 0 || offset > to) throw damaged("zstd", "a match refers to bytes before the first");
      if (offset >= length && length > 64) {
        buffer.copyWithin(to, to - offset, to - offset + length);
        to += length;
      } else {
        for (let left = length; left > 0; left--, to++) buffer[to] = buffer[to - offset];
      }
    }
    if (bits.left !== 0) throw damaged("zstd", "a bit stream does not end where its content does");
  } else if (at !== section.length) {
    throw damaged("zstd", "a block goes on after its end");
  }
  const rest = literals.subarray(from);
  if (rest.length > limit - to) throw damaged("zstd", "a block unpacks to more than its size");
  buffer.set(rest, to);
  return { end: to + rest.length, tables };
}

function readCount(section: Uint8Array): { readonly count: number; readonly at: number } {
  const [first, second = 0, third = 0] = section;
  if (first === undefined) throw damaged("zstd", "a block has no sequences section");
  if (first < 128) return { count: first, at: 1 };
  if (first < 255) return { count: (first - 128 << 8) + second, at: 2 };
  return { count: second + (third << 8) + 0x7f00, at: 3 };
}

function readTables(
  section: Uint8Array,
  start: number,
  before: SequenceTables,
): { readonly tables: Required<SequenceTables>; readonly end: number } {
  const modes = section[start] ?? 3;
  if (modes & 3) throw damaged("zstd", "a block has reserved bits");
  let at = start + 1;
  const table = (mode: number, { standard, mostAccuracy, mostSymbol }: Kind, last: FseTable | undefined): FseTable => {
    if (mode === 0) return standard;
    if (mode === 1) {
      const symbol = section[at++] ?? Infinity;
      if (symbol > mostSymbol) throw damaged("zstd", "a table's symbol is out of range");
      return singleSymbol(symbol);
    }
    if (mode === 2) {
      const read = readTable(section, at, mostAccuracy, mostSymbol);
      at = read.end;
      return read.table;
    }
    if (!last) throw damaged("zstd", "a block goes on from a table that is not there");
    return last;
  };
  const literalLengths = table(modes >> 6, LITERAL_LENGTHS, before.literalLengths);
  const offsets = table(modes >> 4 & 3, OFFSETS, before.offsets);
  const matchLengths = table(modes >> 2 & 3, MATCH_LENGTHS, before.matchLengths);
  return { tables: { literalLengths, offsets, matchLengths }, end: at };
}

/** 3.1.1.5 "Repeat Offsets". */
function offsetOf(value: number, literalLength: number, repeated: RepeatedOffsets): number {
  const [first, second, third] = repeated;
  let offset: number;
  if (value > 3) {
    offset = value - 3;
  } else {
    const index = literalLength === 0 ? value : value - 1;
    if (index === 0) return first;
    offset = index === 1 ? second : index === 2 ? third : first - 1;
    if (index === 1) {
      repeated[0] = second;
      repeated[1] = first;
      return offset;
    }
  }
  repeated[0] = offset;
  repeated[1] = first;
  repeated[2] = second;
  return offset;
}
