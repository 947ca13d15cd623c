/**
 * The one way in which the intake reads every kind of source.
 *
 * @module
 */

/** A source as the intake reads it. */
export interface ByteSource {
  /** Number of bytes, if it is known before they are read. */
  readonly length?: number;
  /** Number of bytes taken from the source so far, including those of a chunk that were not asked for. */
  readonly taken: number;
  /** Reads at least one byte into the buffer and returns how many; 0 is the end. */
  readonly read: (into: Uint8Array) => number | Promise<number>;
  /** Lets go of the source: a stream is cancelled, a reader is left open. Never rejects. */
  readonly close: (reason?: unknown) => Promise<void>;
}

/** How often in a row a source may give 0 bytes, which says neither that more will come nor that it has ended. */
export const MAX_EMPTY_READS = 1000;
