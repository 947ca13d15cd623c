/**
 * Compressed bytes on their way to the inflater. Only inflating shows where they end, so excess bytes can be put back.
 *
 * @module
 */

import type { ByteReader } from "../../mod.ts";

const READ_SIZE = 2 ** 16;

/** Compressed bytes that can be put back. */
export interface PackedInput {
  /** The next bytes, as many as are available; none at the end. */
  readonly next: () => Promise<Uint8Array>;
  /** The next `count` bytes, or fewer at the end. */
  readonly take: (count: number) => Promise<Uint8Array>;
  /** Puts back the last bytes that were taken. */
  readonly putBack: (bytes: Uint8Array) => void;
}

/**
 * Reads compressed bytes.
 *
 * @param reader Where they come from.
 * @returns The input.
 */
export function packedInput(reader: ByteReader): PackedInput {
  let ahead: Uint8Array = new Uint8Array();
  const next = async (): Promise<Uint8Array> => {
    if (ahead.length > 0) {
      const bytes = ahead;
      ahead = new Uint8Array();
      return bytes;
    }
    const buffer = new Uint8Array(READ_SIZE);
    for (;;) {
      const count = await reader.read(buffer);
      if (count !== 0) return buffer.subarray(0, count ?? 0);
    }
  };
  const putBack = (bytes: Uint8Array): void => {
    ahead = bytes;
  };
  const take = async (count: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(count);
    let length = 0;
    while (length < count) {
      const more = await next();
      if (more.length === 0) break;
      const part = more.subarray(0, count - length);
      bytes.set(part, length);
      length += part.length;
      putBack(more.subarray(part.length));
    }
    return bytes.subarray(0, length);
  };
  return { next, take, putBack };
}
