/**
 * Looks at the first bytes of a file.
 *
 * @module
 */

import type { ByteReader } from "../../core/intake/source.ts";

/** The first bytes of a file, and a reader that starts with them again. */
export interface Peeked {
  /** The first bytes, as many as were asked for, or as the file has. */
  readonly head: Uint8Array;
  /** Reads the file from its first byte. */
  readonly reader: ByteReader;
}

/**
 * Reads the first bytes, or as many as there are.
 *
 * @param file Reads the file. From now on, only the returned reader may read it.
 * @param size How many.
 * @returns The bytes, and a reader of the whole file.
 */
export async function peek(file: ByteReader, size: number): Promise<Peeked> {
  const buffer = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const count = await file.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
  }
  const head = buffer.subarray(0, length);
  let left = head;
  const read = (into: Uint8Array): ReturnType<ByteReader["read"]> => {
    if (left.length === 0) return file.read(into);
    const piece = left.subarray(0, into.length);
    into.set(piece);
    left = left.subarray(piece.length);
    return piece.length;
  };
  return { head, reader: { read } };
}
