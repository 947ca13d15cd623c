/**
 * Inflates gzip data member by member, as `gzip -d` does (RFC 1952, "GZIP file format specification").
 *
 * @module
 */

import { crc32, createInflateRaw, type InflateRaw } from "node:zlib";
import type { Decode } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated, UnpackError } from "../unpack_error.ts";
import { takeAll, takeHeader } from "./member_header.ts";

/** The most bytes that the inflater returns at a time. */
const PIECE_SIZE = 2 ** 16;

/**
 * How many members gzip data may have: each takes as much time to begin as many kilobytes take to inflate, and an empty
 * one has 20 bytes. Tools that write many members (bgzip) put up to 64 KiB into each.
 */
const MEMBERS = { least: 1024, bytesPacked: 2 ** 10, bytesInflated: 2 ** 15 };

/**
 * Inflates gzip data, which starts with a member. Zero padding and other bytes after the last member are ignored. At most
 * one piece is inflated ahead of what is read. Thousands of tiny members are refused.
 */
export const inflate: Decode = async function* (input): AsyncGenerator<Uint8Array, void> {
  let bytesInflated = 0;
  for (let begun = 1; await takeHeader(input); begun++) {
    const bytesPacked = input.position;
    const most = MEMBERS.least + bytesPacked / MEMBERS.bytesPacked + bytesInflated / MEMBERS.bytesInflated;
    if (begun > most) {
      throw new UnpackError("gzip", `the gzip data is made of too many members: ${begun} in ${bytesPacked} bytes`);
    }
    let checksum = 0;
    let size = 0;
    for await (const piece of inflateData(input)) {
      checksum = crc32(piece, checksum);
      size += piece.length;
      bytesInflated += piece.length;
      yield piece;
    }
    await checkTrailer(input, checksum, size);
  }
};

/** Inflates the compressed blocks of one member. */
async function* inflateData(input: PackedInput): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: PIECE_SIZE });
  if (inflater.bytesWritten === undefined) {
    throw new Error("this runtime is too old to inflate gzip data member by member");
  }
  const fed = feed(inflater, input).catch((error) => void inflater.destroy(error));
  try {
    for await (const piece of inflater) yield piece;
  } catch (error) {
    throw dataError(error) ?? error;
  }
  await fed;
}

/** Feeds the inflater up to the last block, and puts back the bytes after that. */
async function feed(inflater: InflateRaw, input: PackedInput): Promise<void> {
  const ended = new Promise((resolve) => inflater.once("end", resolve));
  for (let given = 0;;) {
    const bytes = await input.next();
    if (bytes.length === 0) return void inflater.end();
    const taken = new Promise((resolve) => inflater.write(bytes, resolve));
    await Promise.race([taken, ended]);
    given += bytes.length;
    const left = given - inflater.bytesWritten;
    if (left > 0) return input.putBack(bytes.subarray(bytes.length - left));
  }
}

/** The error in terms of the data, if it is one of zlib's; `undefined` otherwise. */
function dataError(error: unknown): Error | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  if (error.code === "Z_BUF_ERROR") return truncated("gzip");
  return error.code === "Z_DATA_ERROR" ? damaged("gzip", error.message) : undefined;
}

/** Compares a member's CRC32 and ISIZE ("Member header and trailer") with what was inflated. */
async function checkTrailer(input: PackedInput, checksum: number, size: number): Promise<void> {
  const { buffer, byteOffset } = await takeAll(input, 8);
  const trailer = new DataView(buffer, byteOffset, 8);
  if (trailer.getUint32(0, true) !== checksum) throw damaged("gzip", "its content does not match its checksum");
  if (trailer.getUint32(4, true) !== size % 2 ** 32) {
    throw damaged("gzip", "its content does not match its recorded size");
  }
}
