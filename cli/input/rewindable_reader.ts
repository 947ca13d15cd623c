/**
 * A tape: remembers what was read from a source that can be read only once, so that it can be read again.
 *
 * @module
 */

import type { ByteReader } from "../../mod.ts";

/** A recorded reader. */
export interface Tape {
  /** Reads the live source, and records. */
  readonly reader: ByteReader;
  /**
   * Reads from the first byte again: what was recorded, then the live source, recording on. `undefined` where more went
   * by than is kept; a reader that gets there later throws.
   */
  readonly rewind: () => ByteReader | undefined;
}

const KEPT = 64 * 2 ** 20;

/**
 * Records a reader.
 *
 * @param live The reader. From now on only the tape may read it.
 * @param bound The most bytes that are kept; once more went by, none are.
 * @returns The tape.
 */
export function tape(live: ByteReader, bound: number = KEPT): Tape {
  let chunks: Uint8Array[] | undefined = [];
  let length = 0;
  const record = async (buffer: Uint8Array): Promise<number | null> => {
    const count = await live.read(buffer);
    if (count === null || !chunks) return count;
    length += count;
    if (length > bound) chunks = undefined;
    else chunks.push(buffer.slice(0, count));
    return count;
  };
  const rewind = (): ByteReader | undefined => {
    let index = 0;
    let offset = 0;
    const read = async (buffer: Uint8Array): Promise<number | null> => {
      if (!chunks) throw new Error(`more than ${bound} bytes cannot be read twice`);
      if (index === chunks.length) {
        const count = await record(buffer);
        index = chunks?.length ?? 0;
        return count;
      }
      const piece = chunks[index].subarray(offset, offset + buffer.length);
      buffer.set(piece);
      offset += piece.length;
      if (offset === chunks[index].length) [index, offset] = [index + 1, 0];
      return piece.length;
    };
    return chunks ? { read } : undefined;
  };
  return { reader: { read: record }, rewind };
}
