/**
 * Sources with `read(buffer)`, such as open files.
 *
 * @module
 */

import { type ByteSource, MAX_EMPTY_READS } from "./byte_source.ts";
import { hasMethod, kindOf } from "./value_kind.ts";

/** Anything that reads into a buffer, such as an open `Deno.FsFile`; `null` is the end. */
export interface ByteReader {
  /** Reads up to `buffer.length` bytes and returns how many, or `null` at the end. */
  read(buffer: Uint8Array): number | null | Promise<number | null>;
}

/** An open file of Node.js, as returned by `open()` of `node:fs/promises`; a read of 0 bytes is the end. */
export interface NodeFileHandle {
  /** Reads up to `buffer.length` bytes at the current position and returns how many. */
  read(buffer: Uint8Array): Promise<{ readonly bytesRead: number }>;
}

const SCRATCH_SIZE = 2 ** 16;

/**
 * Opens a reader as a source. Nothing past the requested bytes is read, and the reader is never closed.
 *
 * @param reader The reader.
 * @returns The source.
 */
export function readerSource(reader: ByteReader | NodeFileHandle): ByteSource {
  let scratch: Uint8Array | undefined;
  const source = {
    taken: 0,
    read: (into: Uint8Array): number | Promise<number> => {
      // Many readers refuse shared memory.
      const shared = !(into.buffer instanceof ArrayBuffer);
      if (shared) scratch ??= new Uint8Array(SCRATCH_SIZE);
      const buffer = scratch ? scratch.subarray(0, into.length) : into;
      const { length } = buffer;
      /** The number of bytes that a read delivered; `undefined` if it returned 0 bytes, which is not the end. */
      const deliver = (result: unknown): number | undefined => {
        const count = countOf(result, length);
        if (buffer.length !== length) throw new TypeError("read(buffer) transferred the buffer that was passed to it");
        if (count === 0) return undefined;
        if (scratch && count) into.set(scratch.subarray(0, count));
        source.taken += count ?? 0;
        return count ?? 0;
      };
      const readOn = async (reading: unknown, reads: number): Promise<number> => {
        for (;; reading = reader.read(buffer), reads++) {
          const delivered = deliver(await reading);
          if (delivered !== undefined) return delivered;
          if (reads === MAX_EMPTY_READS) throw tooManyEmpty();
        }
      };
      for (let reads = 1; reads <= MAX_EMPTY_READS; reads++) {
        const reading: unknown = reader.read(buffer);
        if (hasMethod(reading, "then")) return readOn(reading, reads);
        const delivered = deliver(reading);
        if (delivered !== undefined) return delivered;
      }
      throw tooManyEmpty();
    },
    close: () => undefined,
  };
  return source;
}

function tooManyEmpty(): TypeError {
  return new TypeError(`read(buffer) returned 0 bytes ${MAX_EMPTY_READS} times in a row; return null at the end`);
}

/** The number of bytes that a read returned, or `null` for the end. */
function countOf(result: unknown, length: number): number | null {
  if (result === null) return null;
  const byNode = typeof result === "object" && "bytesRead" in result;
  const count = byNode ? result.bytesRead : result;
  if (typeof count === "number" && Number.isInteger(count) && count >= 0 && count <= length) {
    return byNode && count === 0 ? null : count;
  }
  const found = typeof count === "number" ? String(count) : kindOf(count);
  throw new TypeError(
    `read(buffer) returned ${
      byNode ? "bytesRead: " : ""
    }${found}; expected a number of bytes from 0 to ${length}, or null at the end`,
  );
}
