/**
 * Bits of bzip2 data, most significant first.
 *
 * @module
 */

/** Thrown if more bits are read than are there: with more input, the block can be read again. */
export class OutOfBits extends Error {}

/** Reads bits. A class, because its fields are read millions of times. */
export class BitReader {
  /** The number of bits read. */
  position: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  /**
   * Starts to read.
   *
   * @param bytes The bytes.
   * @param position The bit to start at.
   */
  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#end = bytes.length * 8;
    this.position = position;
  }

  /** Reads up to 24 bits. */
  read(count: number): number {
    const value = this.peek(count);
    this.position += count;
    if (this.position > this.#end) throw new OutOfBits();
    return value;
  }

  /** Looks at up to 24 bits; zeros lie after the last. */
  peek(count: number): number {
    const bytes = this.#bytes;
    const at = this.position >> 3;
    const word = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    return count === 0 ? 0 : word << (this.position & 7) >>> (32 - count);
  }

  /** Skips bits that were looked at. */
  skip(count: number): void {
    this.position += count;
    if (this.position > this.#end) throw new OutOfBits();
  }
}
