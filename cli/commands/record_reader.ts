/**
 * A reader that keeps a copy of what it reads.
 *
 * @module
 */

import type { ByteReader } from "../../mod.ts";

/** A reader, and a copy of what was read from it. */
export interface Recording {
  /** Reads the source. */
  readonly reader: ByteReader;
  /** The bytes read so far: a view that the next read may invalidate. */
  readonly bytes: () => Uint8Array;
}

/**
 * Wraps a reader to keep what is read from it.
 *
 * @param source The reader.
 * @param limit The most bytes to read: the read that asks for more fails.
 * @returns The wrapped reader, and the bytes.
 */
export function recordReader(source: ByteReader, limit: number): Recording {
  let kept = new Uint8Array(2 ** 16);
  let length = 0;
  const keep = (bytes: Uint8Array): void => {
    if (length + bytes.length > kept.length) {
      const grown = new Uint8Array(Math.min(limit, Math.max(2 * kept.length, length + bytes.length)));
      grown.set(kept.subarray(0, length));
      kept = grown;
    }
    kept.set(bytes, length);
    length += bytes.length;
  };
  return {
    reader: {
      read: async (buffer) => {
        if (length === limit) throw new RangeError(`Cannot read more than ${limit} bytes`);
        const count = await source.read(buffer.subarray(0, limit - length));
        if (count !== null) keep(buffer.subarray(0, count));
        return count;
      },
    },
    bytes: () => kept.subarray(0, length),
  };
}
