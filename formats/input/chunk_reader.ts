/**
 * Reads chunks as if they were a file.
 *
 * @module
 */

import type { ByteReader } from "../../core/intake/source.ts";

/** A reader that has to be closed. */
export interface ClosableReader extends ByteReader {
  /** Releases the source. */
  readonly close: () => void;
}

/**
 * Turns chunks into a reader.
 *
 * @param next Returns the next chunk, `undefined` at the end.
 * @returns The reader.
 */
export function chunkReader(next: () => Promise<Uint8Array | undefined>): ByteReader {
  let chunk: Uint8Array | undefined = new Uint8Array();
  const read = async (buffer: Uint8Array): Promise<number | null> => {
    while (chunk?.length === 0) chunk = await next();
    if (!chunk) return null;
    const piece = chunk.subarray(0, buffer.length);
    buffer.set(piece);
    chunk = chunk.subarray(piece.length);
    return piece.length;
  };
  return { read };
}

/**
 * Turns a stream into a reader.
 *
 * @param stream The stream. It is locked from now on; `close()` cancels it.
 * @returns The reader.
 */
export function streamReader(stream: ReadableStream<Uint8Array>): ClosableReader {
  const chunks = stream.getReader();
  return {
    ...chunkReader(async () => (await chunks.read()).value),
    close: () => void chunks.cancel().catch(() => {}),
  };
}
