/**
 * Bit streams that are read from their end (RFC 8878, 4.1 "FSE" and 4.2.2 "Huffman-Coded Streams").
 *
 * @module
 */

import { damaged } from "../unpack_error.ts";

/** Reads bits backwards. A class, because its fields are read millions of times. */
export class BackwardBits {
  /** The number of bits left; negative if more were read than there are. Those read as zero. */
  left: number;
  readonly #bytes: Uint8Array;

  /**
   * Starts at the end, after the final bit, which is the highest set bit of the last byte.
   *
   * @param bytes The bit stream.
   */
  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1];
    if (!last) throw damaged("zstd", "a bit stream has no end");
    this.#bytes = bytes;
    this.left = bytes.length * 8 - 1 - Math.clz32(last << 24);
  }

  /** Reads up to 31 bits. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16);
      return high * 2 ** 16 + this.read(16);
    }
    this.left -= count;
    return this.#at(this.left) & (1 << count) - 1;
  }

  /** Looks at up to 16 bits. */
  peek(count: number): number {
    return this.#at(this.left - count) & (1 << count) - 1;
  }

  /** At least 16 bits from a position on; zeros lie before the first. */
  #at(position: number): number {
    const bytes = this.#bytes;
    if (position >= 0) {
      const at = position >> 3;
      return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16) >>> (position & 7);
    }
    return position <= -24 ? 0 : (bytes[0] | bytes[1] << 8 | bytes[2] << 16) << -position;
  }
}
