/**
 * A block of bzip2 data. The format is that of bzip2 1.0: Huffman codes, of a move-to-front list with runs, of a
 * Burrows-Wheeler transform, of bytes with runs.
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";
import type { BitReader } from "./bits.ts";
import { type HuffmanCode, readHuffmanCode } from "./huffman.ts";

/** So many symbols are coded by one table. */
const GROUP = 50;

/** So many groups take a few milliseconds. */
const GROUPS_A_STEP = 1000;

/** A block as it was before the last step: undoing the Burrows-Wheeler transform and the runs of bytes. */
export interface Block {
  /** In the low 8 bits, the bytes in sorted order of rotations; above, where the next one is. */
  readonly links: Uint32Array;
  /** How many there are. */
  readonly count: number;
  /** The link to start with. */
  readonly start: number;
}

/**
 * Reads a block, after its magic number and checksum, in steps of a few milliseconds.
 *
 * @param bits The data.
 * @param links Where the block goes: as many words as a block may have bytes.
 * @returns The block.
 */
export function* readBlock(bits: BitReader, links: Uint32Array): Generator<void, Block> {
  if (bits.read(1) !== 0) throw damaged("bzip2", "a block is randomized, as only bzip2 before 0.9.5 wrote it");
  const origin = bits.read(24);
  const bytes = readUsedBytes(bits);
  const tableCount = bits.read(3);
  const selectorCount = bits.read(15);
  if (bytes.length === 0 || tableCount < 2 || tableCount > 6 || selectorCount === 0) {
    throw damaged("bzip2", "the header of a block is out of range");
  }
  const selectors = readSelectors(bits, selectorCount, tableCount);
  const tables = Array.from({ length: tableCount }, () => readHuffmanCode(bits, bytes.length + 2));
  const counts = new Uint32Array(256);
  const count = yield* readSymbols(bits, tables, selectors, bytes, links, counts);
  yield;
  if (origin >= count) throw damaged("bzip2", "a block starts after its end");
  return { links, count, start: link(links, count, counts, origin) };
}

/** The bytes that occur, as 16 bits for groups of 16 bytes and 16 bits for each group. */
function readUsedBytes(bits: BitReader): Uint8Array {
  const groups = bits.read(16);
  const bytes: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & 0x8000 >> group) === 0) continue;
    const members = bits.read(16);
    for (let member = 0; member < 16; member++) if (members & 0x8000 >> member) bytes.push(group * 16 + member);
  }
  return Uint8Array.from(bytes);
}

/** Which table each group of symbols is coded by, as a move-to-front list. */
function readSelectors(bits: BitReader, count: number, tableCount: number): Uint8Array {
  const recent = Uint8Array.from({ length: tableCount }, (_, index) => index);
  const selectors = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    let index = 0;
    while (bits.read(1) === 1) {
      if (++index === tableCount) throw damaged("bzip2", "a block names a table that it does not have");
    }
    selectors[at] = toFront(recent, index);
  }
  return selectors;
}

/** Reads the symbols: runs of the byte at the front, in a number system with digits 1 and 2, and places of others. */
function* readSymbols(
  bits: BitReader,
  tables: readonly HuffmanCode[],
  selectors: Uint8Array,
  bytes: Uint8Array,
  links: Uint32Array,
  counts: Uint32Array,
): Generator<void, number> {
  const recent = bytes.slice();
  const end = bytes.length + 1;
  let count = 0;
  let run = 0;
  let digit = 1;
  const flush = (): void => {
    if (run > links.length - count) throw damaged("bzip2", "a block unpacks to more than its size");
    counts[recent[0]] += run;
    links.fill(recent[0], count, count + run);
    count += run;
    run = 0;
    digit = 1;
  };
  for (const [group, selector] of selectors.entries()) {
    if (group % GROUPS_A_STEP === GROUPS_A_STEP - 1) yield;
    const { next } = tables[selector];
    for (let left = GROUP; left > 0; left--) {
      const symbol = next(bits);
      if (symbol < 2) {
        run += digit * (symbol + 1);
        digit *= 2;
        if (run > links.length) throw damaged("bzip2", "a block unpacks to more than its size");
        continue;
      }
      if (run > 0) flush();
      if (symbol === end) return count;
      if (count === links.length) throw damaged("bzip2", "a block unpacks to more than its size");
      const byte = toFront(recent, symbol - 1);
      counts[byte]++;
      links[count++] = byte;
    }
  }
  throw damaged("bzip2", "a block has no end");
}

function toFront(recent: Uint8Array, index: number): number {
  const value = recent[index];
  if (index > 16) recent.copyWithin(1, 0, index);
  else for (let at = index; at > 0; at--) recent[at] = recent[at - 1];
  recent[0] = value;
  return value;
}

/** Links each place with the next; returns the link of the first. */
function link(links: Uint32Array, count: number, counts: Uint32Array, origin: number): number {
  const places = new Uint32Array(256);
  for (let byte = 1; byte < 256; byte++) places[byte] = places[byte - 1] + counts[byte - 1];
  for (let at = 0; at < count; at++) links[places[links[at] & 0xff]++] |= at << 8;
  return links[origin] >>> 8;
}
