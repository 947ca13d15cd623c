/**
 * What a decoder yields, as a reader.
 *
 * @module
 */

import type { ByteReader } from "../../core/intake/source.ts";
import { chunkReader, type ClosableReader } from "./chunk_reader.ts";
import type { Decode, DecodeOptions } from "./decoder.ts";
import { packedInput } from "./packed_input.ts";

/**
 * Reads what a decoder makes of compressed data. At most one piece is decoded ahead of what is read.
 *
 * @param decode The decoder.
 * @param packed Reads the compressed data.
 * @param options What the decoder keeps to.
 * @returns A reader of the unpacked bytes; `close()` stops decoding. A read rejects if the data is damaged: then nothing
 * read before can be trusted either.
 */
export function decoded(decode: Decode, packed: ByteReader, options: DecodeOptions = {}): ClosableReader {
  const pieces = decode(packedInput(packed), options);
  let failure: Promise<never> | undefined;
  const next = async (): Promise<Uint8Array | undefined> => {
    if (failure) return await failure;
    try {
      return (await pieces.next()).value ?? undefined;
    } catch (error) {
      failure = Promise.reject(error); // asked again, a failed generator would report the end instead
      return await failure;
    }
  };
  return { ...chunkReader(next), close: () => void pieces.return().catch(() => {}) };
}
