/**
 * Sources with `read(buffer)`, such as open files.
 *
 * @module
 */

import { type ByteSource, MAX_EMPTY_READS } from "./byte_source.ts";
import { kindOf } from "./value_kind.ts";

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
  let taken = 0;
  let scratch: Uint8Array | undefined;
  const readOnce = async (buffer: Uint8Array): Promise<number | null> => {
    const { length } = buffer;
    const count = countOf(await reader.read(buffer), length);
    if (buffer.length !== length) throw new TypeError("read(buffer) transferred the buffer that was passed to it");
    return count;
  };
  return {
    get taken() {
      return taken;
    },
    read: async (into) => {
      // Many readers refuse shared memory.
      const shared = !(into.buffer instanceof ArrayBuffer);
      if (shared) scratch ??= new Uint8Array(SCRATCH_SIZE);
      const buffer = scratch ? scratch.subarray(0, into.length) : into;
      for (let empty = 0; empty < MAX_EMPTY_READS; empty++) {
        const count = await readOnce(buffer);
        if (count === 0) continue;
        if (scratch && count) into.set(scratch.subarray(0, count));
        taken += count ?? 0;
        return count ?? 0;
      }
      throw new TypeError(`read(buffer) returned 0 bytes ${MAX_EMPTY_READS} times in a row; return null at the end`);
    },
    close: () => undefined,
  };
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
