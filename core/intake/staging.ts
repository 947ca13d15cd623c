/**
 * Holds the first bytes of a file until their place in memory is known.
 *
 * @module
 */

/** The bytes that have arrived, but have no place yet. */
export interface Staging {
  /** Returns room for at most `wanted` more bytes after the first `received`. */
  readonly room: (received: number, wanted: number) => Uint8Array;
  /** Returns a view of bytes, or a copy if they are in several pieces. */
  readonly bytes: (offset: number, length: number) => Uint8Array;
  /** Removes the first piece of the first `received` bytes, and returns it; `undefined` if none is left. */
  readonly takeNext: (received: number) => Piece | undefined;
}

/** Consecutive bytes of the file. */
export interface Piece {
  /** Their offset in the file. */
  readonly start: number;
  /** The bytes. */
  readonly bytes: Uint8Array;
}

/** Room for the headers of a small kernel at once. */
const FIRST_BLOCK = 512;
const BLOCK_MIN = 2 ** 16;
const BLOCK_MAX = 2 ** 24;

/**
 * Creates a staging: blocks that the bytes are copied into. Those of a source in memory are copied too, because its
 * owner may change them before they have their place.
 *
 * @returns The staging, empty.
 */
export function openStaging(): Staging {
  const blocks: Piece[] = [];
  return {
    room: (received, wanted) => {
      const last = blocks.at(-1);
      const left = last ? last.start + last.bytes.length - received : 0;
      if (last && left > 0) return last.bytes.subarray(received - last.start, received - last.start + wanted);
      const size = Math.min(wanted, Math.max(BLOCK_MIN, Math.min(received, BLOCK_MAX)));
      const bytes = new Uint8Array(Math.max(size, FIRST_BLOCK));
      blocks.push({ start: received, bytes });
      return bytes.subarray(0, size);
    },
    bytes: (offset, length) => {
      const first = blocks.at(0);
      if (first && offset + length <= first.bytes.length) return first.bytes.subarray(offset, offset + length);
      const pieces = blocks
        .filter((block) => block.start < offset + length && block.start + block.bytes.length > offset)
        .map(({ start, bytes }) => bytes.subarray(Math.max(0, offset - start), offset + length - start));
      return pieces.length === 1 ? pieces[0] : joined(pieces, length);
    },
    takeNext: (received) => {
      const block = blocks.shift();
      return block && { start: block.start, bytes: block.bytes.subarray(0, received - block.start) };
    },
  };
}

/** Copies pieces into one. */
function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
