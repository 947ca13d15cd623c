/**
 * Rereads a source that can be read only once.
 *
 * @module
 */

import type { ByteReader } from "../../mod.ts";

/** A reader that keeps what it reads, so that reading can start over. */
export interface RewindableReader {
  /** Reads on. */
  readonly reader: ByteReader;
  /**
   * Returns a reader that starts over at the first byte: it reads what was kept, then continues with the source.
   * Returns `undefined` if more was read than may be kept; an earlier reader then rejects when it reaches that point.
   */
  readonly rewind: () => ByteReader | undefined;
}

/** The most bytes that are kept. */
const KEPT = 64 * 2 ** 20;

/**
 * Makes a reader rewindable.
 *
 * @param source The reader. From now on, only the rewindable reader may read it.
 * @param bound The most bytes that are kept. Once more are read, none are kept.
 * @returns The reader, and a function to start over.
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
