/** Reads bytes as a file is read, and knows how far it got. */

import type { ByteReader } from "../../mod.ts";

/** A reader that counts. */
export interface CountingReader extends ByteReader {
  /** Number of bytes read. */
  readonly taken: () => number;
}

/** Reads bytes, at most `most` at a time; after the last, it ends, or fails if there is an error to fail with. */
export function byteReader(bytes: Uint8Array, most = Infinity, error?: Error): CountingReader {
  let at = 0;
  return {
    read: (buffer) => {
      const piece = bytes.subarray(at, at + Math.min(buffer.length, most));
      if (piece.length === 0 && error) return Promise.reject(error);
      buffer.set(piece);
      at += piece.length;
      return Promise.resolve(piece.length || null);
    },
    taken: () => at,
  };
}
