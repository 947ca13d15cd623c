/** The decoder of unbzip2-stream, without the stream. */

/** Reads a number of bits; aligns to a byte if given `null`. */
export type Bits = ((count: number | null) => number) & { readonly bytesRead: number };

declare const bzip2: {
  /** Reads the header of a stream; returns its level, 1 to 9. */
  readonly header: (bits: Bits) => number;
  /**
   * Decodes a block, whose bytes go one by one to `sink`, and compares its checksum. Returns the checksum of the stream up
   * to this block, or `null` after comparing it at the end of the stream.
   */
  readonly decompress: (
    bits: Bits,
    sink: (byte: number) => void,
    buffer: Int32Array,
    bufferSize: number,
    checksum: number,
  ) => number | null;
  /** What it throws. */
  readonly Bzip2Error: new (message: string) => Error;
};
export default bzip2;
