/**
 * LZ4 blocks (LZ4 Block Format Description, 1.5). They are not left to the package lz4js because it takes damaged blocks
 * for whole ones, and the legacy format has no checksums.
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";

/** The format whose errors are thrown. */
type Lz4Format = "lz4" | "lz4-legacy";

const MIN_MATCH = 4;

/**
 * Unpacks a block. What lies in the output before it may be referred to.
 *
 * @param format The format, for errors.
 * @param block The block.
 * @param output Where to unpack it.
 * @param start Offset in the output.
 * @param end The offset that the output must not pass.
 * @returns The offset after what was unpacked.
 * @throws {UnpackError} If the block is damaged.
 */
export function unpackBlock(
  format: Lz4Format,
  block: Uint8Array,
  output: Uint8Array,
  start: number,
  end: number,
): number {
  const limit = Math.min(end, output.length);
  let from = 0;
  let to = start;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    for (let byte = 255; nibble === 15 && byte === 255; length += byte) {
      if (from >= block.length) throw damaged(format, "a block ends in a length");
      byte = block[from++];
    }
    return length;
  };
  for (;;) {
    if (from >= block.length) throw damaged(format, "a block ends in a match");
    const token = block[from++];
    const literals = token < 0xf0 ? token >> 4 : lengthOf(15);
    if (literals > block.length - from) throw damaged(format, "a block ends in literals");
    if (literals > limit - to) throw damaged(format, "a block unpacks to more than its size");
    if (literals > 32) output.set(block.subarray(from, from + literals), to);
    else for (let at = 0; at < literals; at++) output[to + at] = block[from + at];
    from += literals;
    to += literals;
    if (from === block.length) return to;
    if (block.length - from < 2) throw damaged(format, "a block ends in an offset");
    const distance = block[from] | block[from + 1] << 8;
    from += 2;
    const length = ((token & 15) < 15 ? token & 15 : lengthOf(15)) + MIN_MATCH;
    if (distance === 0 || distance > to) throw damaged(format, "a match refers to bytes before the first");
    if (length > limit - to) throw damaged(format, "a block unpacks to more than its size");
    if (distance >= length && length > 64) output.copyWithin(to, to - distance, to - distance + length);
    else for (let at = to; at < to + length; at++) output[at] = output[at - distance];
    to += length;
  }
}
