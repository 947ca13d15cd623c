/**
 * The interface through which the intake reads every kind of source.
 *
 * @module
 */

/** A source as the intake reads it. */
export interface ByteSource {
  /** Number of bytes, if known before they are read. */
  readonly length?: number;
  /** Number of bytes taken from the source so far, including the unread rest of a chunk. */
  readonly taken: number;
  /** Reads at least one byte into the buffer and returns how many, or 0 at the end. */
  readonly read: (into: Uint8Array) => number | Promise<number>;
  /**
   * Copies the bytes if they lie in a buffer, but do not start at an offset of it: what a load writes to the buffer would
   * change them.
   */
  readonly moveOut?: (buffer: ArrayBufferLike, offset: number) => void;
  /** Releases the source: a stream is cancelled, a reader is left open. Never rejects. */
  readonly close: (reason?: unknown) => Promise<void> | undefined;
}

/** How often in a row a source may return 0 bytes, which means neither more data nor the end. */
export const MAX_EMPTY_READS = 1000;
