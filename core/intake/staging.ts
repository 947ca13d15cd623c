/**
 * Where the first bytes of a file are until their place in memory is known.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import type { ByteSource } from "./byte_source.ts";

/** The bytes that have arrived, but have no place yet. */
export interface Staging {
  /** Returns room for at most `wanted` more bytes after the first `received`. */
  readonly room: (received: number, wanted: number) => Uint8Array;
  /** Returns a view of bytes, or a copy if they are in several pieces. */
  readonly bytes: (offset: number, length: number) => Uint8Array;
  /** Returns the first `received` bytes in pieces, each of which is then forgotten. */
  readonly drain: (received: number) => Iterable<Piece>;
}

/** Consecutive bytes of the file. */
export interface Piece {
  /** Their offset in the file. */
  readonly start: number;
  /** The bytes. */
  readonly bytes: Uint8Array;
}

const BLOCK_MIN = 2 ** 16;
const BLOCK_MAX = 2 ** 24;

/**
 * Creates the staging of a source. Bytes that are in memory stay where they are; others are kept in blocks.
 *
 * @param source The source.
 * @returns The staging, empty.
 */
export function stagingOf({ view }: ByteSource): Staging {
  return view ? inPlace(view) : inBlocks();
}

function inPlace(view: NonNullable<ByteSource["view"]>): Staging {
  return { room: view, bytes: view, drain: (received) => [{ start: 0, bytes: view(0, received) }] };
}

function inBlocks(): Staging {
  const blocks: Piece[] = [];
  return {
    room: (received, wanted) => {
      const last = blocks.at(-1);
      const left = last ? last.start + last.bytes.length - received : 0;
      if (last && left > 0) return last.bytes.subarray(-left).subarray(0, wanted);
      const size = Math.min(wanted, Math.max(BLOCK_MIN, Math.min(received, BLOCK_MAX)));
      const bytes = new Uint8Array(size);
      blocks.push({ start: received, bytes });
      return bytes;
    },
    bytes: (offset, length) => {
      const pieces = blocks
        .filter((block) => block.start < offset + length && block.start + block.bytes.length > offset)
        .map(({ start, bytes }) => bytes.subarray(Math.max(0, offset - start), offset + length - start));
      return pieces.length === 1 ? pieces[0] : concat(pieces);
    },
    drain: function* (received) {
      for (let block = blocks.shift(); block; block = blocks.shift()) {
        yield { start: block.start, bytes: block.bytes.subarray(0, received - block.start) };
      }
    },
  };
}
