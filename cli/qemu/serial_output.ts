/**
 * Where the output of a guest goes.
 *
 * @module
 */

/** A receiver of bytes. */
export interface SerialOutput {
  /** Takes bytes. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** How many bytes there were so far. */
  readonly written: () => number;
  /** Whether the output is at the start of a line. */
  readonly atLineStart: () => boolean;
}

/** Output that is kept. */
export interface CapturedOutput extends SerialOutput {
  /** The last bytes. */
  readonly kept: () => Uint8Array;
}

/**
 * Passes bytes on to standard output.
 *
 * @returns The receiver.
 */
export function toStandardOutput(): SerialOutput {
  let written = 0;
  let last = 0x0a;
  let gone = false;
  return {
    write: async (bytes) => {
      written += bytes.length;
      last = bytes.at(-1) ?? last;
      try {
        for (let left = bytes; left.length > 0 && !gone;) left = left.subarray(await Deno.stdout.write(left));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        gone = true; // nothing reads standard output any more; the guest keeps running
      }
    },
    written: () => written,
    atLineStart: () => last === 0x0a,
  };
}

/**
 * Keeps the last bytes.
 *
 * @param most How many to keep.
 * @returns The receiver.
 */
export function capture(most: number): CapturedOutput {
  let written = 0;
  let kept = new Uint8Array(0);
  let length = 0;
  return {
    write: (bytes) => {
      written += bytes.length;
      if (length + bytes.length > kept.length) {
        // Twice as much as is needed, so that bytes are rarely moved.
        const grown = new Uint8Array(2 * Math.min(most, length + bytes.length) + bytes.length);
        const start = Math.max(0, length - most);
        grown.set(kept.subarray(start, length));
        length -= start;
        kept = grown;
      }
      kept.set(bytes, length);
      length += bytes.length;
      return Promise.resolve();
    },
    written: () => written,
    atLineStart: () => true,
    kept: () => kept.subarray(Math.max(0, length - most), length),
  };
}
