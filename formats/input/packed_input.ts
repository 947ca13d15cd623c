/**
 * Compressed bytes on their way to a decoder. Only decoding shows where they end, so excess bytes can be put back.
 *
 * @module
 */

import type { ByteReader } from "../../core/intake/source.ts";

const READ_SIZE = 2 ** 16;

/** Compressed bytes that can be put back. */
export interface PackedInput {
  /** The number of bytes that were taken and not put back. */
  readonly position: number;
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
  let position = 0;
  const more = async (): Promise<Uint8Array> => {
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
  const next = async (): Promise<Uint8Array> => {
    const bytes = await more();
    position += bytes.length;
    return bytes;
  };
  const putBack = (bytes: Uint8Array): void => {
    ahead = ahead.length === 0 ? bytes : joined(bytes, ahead);
    position -= bytes.length;
  };
  const take = async (count: number): Promise<Uint8Array> => {
    let bytes = new Uint8Array(Math.min(count, READ_SIZE)); // a damaged count must not take memory
    let length = 0;
    while (length < count) {
      const piece = await more();
      if (piece.length === 0) break;
      const part = piece.subarray(0, count - length);
      if (length + part.length > bytes.length) bytes = grown(bytes, length + part.length, count);
      bytes.set(part, length);
      length += part.length;
      if (part.length < piece.length) ahead = piece.subarray(part.length);
    }
    position += length;
    return bytes.subarray(0, length);
  };
  return {
    get position() {
      return position;
    },
    next,
    take,
    putBack,
  };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function grown(bytes: Uint8Array, least: number, most: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(most, Math.max(2 * bytes.length, least)));
  larger.set(bytes);
  return larger;
}
