/**
 * Reading again what comes from a source that can be read only once.
 *
 * @module
 */

import type { ByteReader } from "../../mod.ts";

/** A reader that keeps what it reads. */
export interface RewindableReader {
  /** Reads on. */
  readonly reader: ByteReader;
  /**
   * Returns a reader from the first byte on: it reads what is kept, and then on. Returns `undefined` if more was read
   * than may be kept; a reader from before rejects once it gets there.
   */
  readonly rewind: () => ByteReader | undefined;
}

/** The most bytes that are kept. */
const KEPT = 64 * 2 ** 20;

/**
 * Makes a reader rewindable.
 *
 * @param source The reader. From now on it may be read only here.
 * @param bound The most bytes that are kept; once more are read, none are.
 * @returns The reader and the way back.
 */
export function rewindable(source: ByteReader, bound: number = KEPT): RewindableReader {
  let kept: Uint8Array[] | undefined = [];
  let length = 0;
  const readOn = async (buffer: Uint8Array): Promise<number | null> => {
    const count = await source.read(buffer);
    if (count === null || !kept) return count;
    length += count;
    if (length > bound) kept = undefined;
    else kept.push(buffer.slice(0, count));
    return count;
  };
  const rewind = (): ByteReader | undefined => {
    let index = 0;
    let offset = 0;
    const read = async (buffer: Uint8Array): Promise<number | null> => {
      if (!kept) throw new Error(`more than ${bound} bytes cannot be read twice`);
      if (index === kept.length) {
        const count = await readOn(buffer);
        index = kept?.length ?? 0;
        return count;
      }
      const piece = kept[index].subarray(offset, offset + buffer.length);
      buffer.set(piece);
      offset += piece.length;
      if (offset === kept[index].length) [index, offset] = [index + 1, 0];
      return piece.length;
    };
    return kept ? { read } : undefined;
  };
  return { reader: { read: readOn }, rewind };
}
