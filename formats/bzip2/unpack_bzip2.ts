/**
 * Unpacks bzip2 data.
 *
 * @module
 */

// @ts-types="./bit_iterator.d.ts"
import bitIterator from "unbzip2-stream/lib/bit_iterator.js";
// @ts-types="./unbzip2.d.ts"
import bzip2 from "unbzip2-stream/lib/bzip2.js";
import type { Decode } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated } from "../unpack_error.ts";
import type { Bits } from "./unbzip2.d.ts";

/**
 * How many packed bytes to have before a block is decoded. It has at most 18,002 groups of 50 symbols of 20 bits: one
 * symbol more than the bytes of a block.
 */
const AHEAD = 5 * 2 ** 19;

const PIECE = 2 ** 17;

/**
 * Unpacks bzip2 data: all streams. Other bytes after the last are ignored, as bzip2 does. Checksums are compared. A block
 * is decoded at a time: a kernel of 53 MB takes 60 times 30 ms. A block of zeros, 46 MB, takes a third of a second.
 */
export const unpackBzip2: Decode = async function* (input): AsyncGenerator<Uint8Array, void> {
  const source = bitSource(input);
  for (let streams = 0;; streams++) {
    const level = await source.read((bits) => headerOf(bits, streams > 0));
    if (level === undefined) return;
    const links = new Int32Array(level * 100_000);
    for (let checksum = 0;;) {
      const { pieces, sink } = collector();
      const next = await source.read((bits) => bzip2.decompress(bits, sink, links, links.length, checksum));
      if (next === null) break;
      checksum = next;
      yield* pieces();
    }
  }
};

/** The level of a stream; `undefined` if there is no stream and need not be one. */
function headerOf(bits: Bits, isOptional: boolean): number | undefined {
  try {
    return bzip2.header(bits);
  } catch (error) {
    if (isOptional) return undefined;
    throw error;
  }
}

/** Collects the bytes of a block. */
function collector(): { readonly sink: (byte: number) => void; readonly pieces: () => readonly Uint8Array[] } {
  const full: Uint8Array[] = [];
  let piece = new Uint8Array(PIECE);
  let length = 0;
  const sink = (byte: number): void => {
    if (length === PIECE) {
      full.push(piece);
      piece = new Uint8Array(PIECE);
      length = 0;
    }
    piece[length++] = byte;
  };
  return { sink, pieces: () => [...full, piece.subarray(0, length)] };
}

/** What the package's errors mean. */
function wordsOf({ message }: Error): string {
  if (message.includes("crc32")) return "its content does not match its checksum";
  return message.includes("obsolete") ? "a block is of bzip2 before 0.9.5" : "a block contradicts the format";
}

/** Packed data that is read by bits. */
interface BitSource {
  /** Reads something that has no more bytes than a block. */
  readonly read: <T>(what: (bits: Bits) => T) => Promise<T>;
}

/** There are not enough bits. */
class OutOfBits extends Error {}

function bitSource(input: PackedInput): BitSource {
  const queue: Uint8Array[] = [];
  let taken = 0;
  let isAll = false;
  let bits: Bits | undefined;
  const nextBuffer = (): Uint8Array => {
    const bytes = queue.shift();
    if (!bytes) throw new OutOfBits();
    return bytes;
  };
  const read = async <T>(what: (bits: Bits) => T): Promise<T> => {
    while (!isAll && taken - (bits?.bytesRead ?? 0) < AHEAD) {
      const bytes = await input.next();
      isAll = bytes.length === 0;
      if (isAll) break;
      queue.push(bytes);
      taken += bytes.length;
    }
    try {
      return what(bits ??= bitIterator(nextBuffer));
    } catch (error) {
      if (error instanceof OutOfBits) throw isAll ? truncated("bzip2") : damaged("bzip2", "a block has no end");
      throw error instanceof bzip2.Bzip2Error ? damaged("bzip2", wordsOf(error)) : error;
    }
  };
  return { read };
}
