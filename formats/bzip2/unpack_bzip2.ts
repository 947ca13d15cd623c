/**
 * Unpacks bzip2 data, as bzip2 1.0 writes it.
 *
 * @module
 */

import type { Pause } from "../../core/intake/pause.ts";
import type { Decode } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated } from "../unpack_error.ts";
import { BitReader, OutOfBits } from "./bits.ts";
import { type Block, readBlock } from "./block.ts";
import { blockCrc } from "./crc.ts";

/** The magic numbers of a block and of the end: BCD of pi and of its square root. */
const BLOCK_HIGH = 0x314159;
const BLOCK_LOW = 0x265359;
const END_HIGH = 0x177245;
const END_LOW = 0x385090;

/** How many bytes to yield at a time. */
const PIECE = 2 ** 17;

/** How many bytes to have before a block is read; one that does not suffice is read again with twice as many. */
const AHEAD = 2 ** 20;

/** Unpacks bzip2 data: all streams. Other bytes after the last are ignored, as bzip2 does. Checksums are compared. */
export const unpackBzip2: Decode = async function* (input, { pause }): AsyncGenerator<Uint8Array, void> {
  const source = bitSource(input, pause);
  let links = new Uint32Array();
  for (let streams = 0;; streams++) {
    const level = await source.start(streams > 0);
    if (level === undefined) return;
    const blockMax = level * 100_000;
    if (links.length < blockMax) links = new Uint32Array(blockMax);
    let sum = 0;
    for (;;) {
      const next = await source.read((bits) => readNext(bits, links.subarray(0, blockMax)));
      if (!next.block) {
        if (next.checksum !== sum) throw damaged("bzip2", "its content does not match its checksum");
        break;
      }
      let crc = 0xffff_ffff;
      for (const piece of unlink(next.block)) {
        crc = blockCrc(piece, crc);
        yield piece;
      }
      if (~crc >>> 0 !== next.checksum) throw damaged("bzip2", "its content does not match its checksum");
      sum = ((sum << 1 | sum >>> 31) ^ next.checksum) >>> 0;
    }
  }
};

/** A block with its checksum, or the end of a stream with the checksum of all. */
interface Next {
  readonly checksum: number;
  readonly block?: Block;
}

function* readNext(bits: BitReader, links: Uint32Array): Generator<void, Next> {
  const [high, low] = [bits.read(24), bits.read(24)];
  const checksum = bits.read(16) * 2 ** 16 + bits.read(16);
  if (high === END_HIGH && low === END_LOW) return { checksum };
  if (high !== BLOCK_HIGH || low !== BLOCK_LOW) throw damaged("bzip2", "what follows a block is not one");
  return { checksum, block: yield* readBlock(bits, links) };
}

/** The bytes of a block: after four that are equal, a byte says how many more follow. */
function* unlink({ links, count, start }: Block): Generator<Uint8Array, void> {
  const piece = new Uint8Array(PIECE + 256);
  let length = 0;
  let place = start;
  let equal = 0;
  let last = -1;
  for (let left = count; left > 0; left--) {
    const entry = links[place];
    const byte = entry & 0xff;
    place = entry >>> 8;
    if (equal === 4) {
      piece.fill(last, length, length + byte);
      length += byte;
      equal = 0;
      last = -1;
    } else {
      equal = byte === last ? equal + 1 : 1;
      last = byte;
      piece[length++] = byte;
    }
    if (length >= PIECE) {
      yield piece.subarray(0, length);
      length = 0;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}

/** Compressed data that is read by bits. */
interface BitSource {
  /** Reads the header of a stream; returns its level, or `undefined` if there is none and none has to be. */
  readonly start: (isOptional: boolean) => Promise<number | undefined>;
  /** Reads something in steps; it is started again if the bits at hand did not suffice. */
  readonly read: <T>(what: (bits: BitReader) => Generator<void, T>) => Promise<T>;
}

function bitSource(input: PackedInput, pause: Pause | undefined): BitSource {
  let buffer: Uint8Array = new Uint8Array();
  let position = 0;
  let isAll = false;
  const have = async (count: number): Promise<void> => {
    const at = position >> 3;
    if (isAll || buffer.length - at >= count) return;
    const more = await input.take(count - (buffer.length - at));
    isAll = more.length < count - (buffer.length - at);
    const larger = new Uint8Array(buffer.length - at + more.length);
    larger.set(buffer.subarray(at));
    larger.set(more, buffer.length - at);
    buffer = larger;
    position &= 7;
  };
  return {
    start: async (isOptional) => {
      position = position + 7 & ~7;
      await have(4);
      const at = position >> 3;
      const [b, z, h, level] = buffer.subarray(at, at + 4);
      const isStream = b === 0x42 && z === 0x5a && h === 0x68 && level >= 0x31 && level <= 0x39;
      if (!isStream && isOptional) return undefined;
      if (!isStream) throw damaged("bzip2", "it does not start with a stream");
      position += 32;
      return level - 0x30;
    },
    read: async (what) => {
      for (let count = AHEAD;; count *= 2) {
        await have(count);
        const bits = new BitReader(buffer, position);
        try {
          const steps = what(bits);
          let step = steps.next();
          for (; !step.done; step = steps.next()) await pause?.();
          position = bits.position;
          return step.value;
        } catch (error) {
          if (!(error instanceof OutOfBits)) throw error;
          if (isAll) throw truncated("bzip2");
        }
      }
    },
  };
}
