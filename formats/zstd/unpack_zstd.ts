/**
 * Unpacks zstd data (RFC 8878, "Zstandard Compression").
 *
 * @module
 */

import { type Xxh64, xxh64 } from "../checksums/xxh64.ts";
import type { Decode, DecodeOptions } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated, unsupported } from "../unpack_error.ts";
import type { HuffmanTable } from "./huffman.ts";
import { readLiterals } from "./literals.ts";
import { type RepeatedOffsets, runSequences, type SequenceTables } from "./sequences.ts";

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;

/** The largest window that is accepted: the one of `zstd --ultra -22`. */
const WINDOW_MAX = 2 ** 27;
/** 3.1.1.2.4 "Block_Size". */
const BLOCK_MAX = 2 ** 17;

// Frame_Header_Descriptor
const SINGLE_SEGMENT = 0x20;
const RESERVED = 0x08;
const HAS_CHECKSUM = 0x04;

/** What a frame's header says. */
interface FrameHeader {
  readonly window: number;
  readonly size?: bigint;
  readonly hasChecksum: boolean;
}

/** What is kept from block to block of a frame. */
interface FrameState {
  readonly output: SlidingBuffer;
  readonly blockMax: number;
  readonly literals: Uint8Array;
  readonly repeated: RepeatedOffsets;
  huffman?: HuffmanTable;
  tables: SequenceTables;
}

/** Unpacks zstd data: all frames; skippable ones are skipped. Checksums are compared. */
export const unpackZstd: Decode = async function* (input, options): AsyncGenerator<Uint8Array, void> {
  const output = slidingBuffer();
  const literals = new Uint8Array(BLOCK_MAX);
  for (;;) {
    const magic = await input.take(4);
    if (magic.length === 0) return;
    if (magic.length < 4) throw truncated("zstd");
    const value = word(magic, 0);
    if (value === FRAME) yield* unpackFrame(input, output, literals, options);
    else if ((value & SKIPPABLE_MASK) === SKIPPABLE) await skip(input, word(await takeAll(input, 4), 0));
    else throw damaged("zstd", "what follows a frame is not one");
  }
};

async function* unpackFrame(
  input: PackedInput,
  output: SlidingBuffer,
  literals: Uint8Array,
  { maxMemory }: DecodeOptions,
): AsyncGenerator<Uint8Array, void> {
  const { window, size, hasChecksum } = await takeHeader(input);
  const blockMax = Math.min(window, BLOCK_MAX);
  output.start(Math.min(window, Number(size ?? window), maxMemory + 1), blockMax);
  const state: FrameState = {
    output,
    blockMax,
    literals: literals.subarray(0, blockMax),
    repeated: [1, 4, 8],
    tables: {},
  };
  const digest = hasChecksum ? xxh64() : undefined;
  let total = 0n;
  for (let isLast = false; !isLast;) {
    const [low, middle, high] = await takeAll(input, 3);
    const header = low | middle << 8 | high << 16;
    isLast = (header & 1) !== 0;
    const piece = await unpackBlock(input, header >> 1 & 3, header >> 3, state);
    total += BigInt(piece.length);
    digest?.add(piece);
    if (piece.length > 0) yield piece;
  }
  if (size !== undefined && size !== total) throw damaged("zstd", "its content does not match its recorded size");
  if (digest) await checkDigest(input, digest);
}

async function checkDigest(input: PackedInput, digest: Xxh64): Promise<void> {
  const checksum = word(await takeAll(input, 4), 0);
  if (checksum !== Number(digest.value() & 0xffff_ffffn)) {
    throw damaged("zstd", "its content does not match its checksum");
  }
}

/** 3.1.1.1 "Frame_Header", after the magic number. */
async function takeHeader(input: PackedInput): Promise<FrameHeader> {
  const [descriptor] = await takeAll(input, 1);
  if (descriptor & RESERVED) throw damaged("zstd", "a frame's header has reserved bits");
  const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
  const [windowByte] = isSingle ? [0] : await takeAll(input, 1);
  const dictionary = await takeAll(input, [0, 1, 2, 4][descriptor & 3]);
  if (dictionary.some((byte) => byte !== 0)) {
    throw unsupported("zstd", "a dictionary", "zstd -dc -D DICTIONARY FILE | kload load -");
  }
  const sizeBytes = await takeAll(input, [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]);
  const size = sizeBytes.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n) +
    (sizeBytes.length === 2 ? 256n : 0n);
  const base = 2 ** (10 + (windowByte >> 3));
  const window = isSingle ? Number(size) : base + base / 8 * (windowByte & 7);
  // A frame without a window of its own is not larger than what the loader takes.
  if (!isSingle && window > WINDOW_MAX) {
    throw unsupported("zstd", `a window of ${window} bytes`, "zstd -dc --long=31 FILE | kload load -");
  }
  return {
    window,
    hasChecksum: (descriptor & HAS_CHECKSUM) !== 0,
    ...(sizeBytes.length > 0 ? { size } : {}),
  };
}

/** 3.1.1.2 "Blocks". */
async function unpackBlock(input: PackedInput, type: number, size: number, state: FrameState): Promise<Uint8Array> {
  const { output, blockMax, literals, repeated } = state;
  if (size > blockMax) throw damaged("zstd", `a block has ${size} bytes, and its frame allows ${blockMax}`);
  const { buffer, position: start } = output.room();
  if (type === 0) {
    buffer.set(await takeAll(input, size), start);
    return output.filled(start + size);
  }
  if (type === 1) {
    const [byte] = await takeAll(input, 1);
    buffer.fill(byte, start, start + size);
    return output.filled(start + size);
  }
  if (type === 3) throw damaged("zstd", "a block has a reserved type");
  if (size === 0) throw damaged("zstd", "a block is empty");
  const block = await takeAll(input, size);
  const read = readLiterals(block, literals, state.huffman);
  state.huffman = read.table;
  const limit = start + blockMax;
  const { end, tables } = runSequences(
    block.subarray(read.end),
    read.bytes,
    { buffer, start, limit },
    state.tables,
    repeated,
  );
  state.tables = tables;
  return output.filled(end);
}

/** The last bytes of the output, as many as matches may refer to, and room for a block. */
interface SlidingBuffer {
  /** Starts a frame. */
  readonly start: (window: number, blockMax: number) => void;
  /** Makes room for a block. */
  readonly room: () => { readonly buffer: Uint8Array; readonly position: number };
  /** Takes what was written, up to an offset. */
  readonly filled: (end: number) => Uint8Array;
}

function slidingBuffer(): SlidingBuffer {
  let buffer = new Uint8Array();
  let position = 0;
  let window = 0;
  let block = 0;
  return {
    start: (windowSize, blockMax) => {
      position = 0;
      window = windowSize;
      block = blockMax;
    },
    room: () => {
      const most = window + Math.max(window >> 1, 8 * BLOCK_MAX) + block;
      if (position + block > buffer.length && buffer.length < most) {
        const larger = new Uint8Array(Math.min(most, Math.max(2 * buffer.length, position + block, 4 * BLOCK_MAX)));
        larger.set(buffer.subarray(0, position));
        buffer = larger;
      } else if (position + block > buffer.length) {
        buffer.copyWithin(0, position - window, position);
        position = window;
      }
      return { buffer, position };
    },
    filled: (end) => {
      const piece = buffer.subarray(position, end);
      position = end;
      return piece;
    },
  };
}

async function skip(input: PackedInput, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const bytes = await input.next();
    if (bytes.length === 0) throw truncated("zstd");
    if (bytes.length > left) input.putBack(bytes.subarray(left));
    left -= bytes.length;
  }
}

async function takeAll(input: PackedInput, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw truncated("zstd");
  return bytes;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
