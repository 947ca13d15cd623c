/**
 * Byte sources: bytes, streams, readers, blobs and responses behind one way of reading.
 *
 * @module
 */

import { LoadError } from "../errors.ts";

/** Anything that reads into a buffer it is given, such as an open `Deno.FsFile`; `null` is the end. */
export interface ByteReader {
  /** Reads up to `buffer.length` bytes and says how many; `null` at the end. */
  read(buffer: Uint8Array): number | null | Promise<number | null>;
}

/**
 * Where a kernel's bytes come from: bytes, a stream of them, an open file (or anything with `read(buffer)`; it is read
 * from its current position and stays open), a `Blob`, or an ok `Response`.
 */
export type KernelSource =
  | Uint8Array
  | ArrayBuffer
  | ReadableStream<Uint8Array>
  | ByteReader
  | Blob
  | Response;

/** A source as the intake reads it. */
export interface ByteSource {
  /** Number of bytes, where it is known before they are read. */
  readonly length?: number;
  /** Number of bytes taken from the source so far, those included that were not asked for. */
  readonly taken: number;
  /** Reads at least one byte into the buffer and says how many; 0 is the end. */
  readonly read: (into: Uint8Array) => number | Promise<number>;
  /** Lets go of the source; a stream is cancelled, a reader is left open. */
  readonly close: (reason?: unknown) => Promise<void>;
}

/**
 * Opens a source for reading.
 *
 * @param source What the caller gave.
 * @returns The source; a stream is locked from now on until it is closed.
 * @throws {LoadError} "response-not-ok" for a response with another status; its body is cancelled.
 * @throws {TypeError} Where the source is none of the accepted kinds, or is locked or used already.
 */
export function openSource(source: KernelSource): ByteSource {
  if (source instanceof Uint8Array) return bytesSource(source);
  if (source instanceof ArrayBuffer) return bytesSource(new Uint8Array(source));
  if (has(source, "getReader")) return streamSource(source as ReadableStream<Uint8Array>);
  if (has(source, "pipe") && has(source, "read")) {
    throw new TypeError("Cannot read the source: it is a stream of Node's; pass what Readable.toWeb() makes of it");
  }
  if (has(source, "read")) return readerSource(source as ByteReader);
  if (has(source, "arrayBuffer") && "ok" in source) return responseSource(source as Response);
  if (has(source, "stream")) return streamSource((source as Blob).stream());
  throw new TypeError("Cannot read the source: it is no bytes, stream, reader with read(buffer), Blob or Response");
}

function has(source: unknown, method: string): source is object {
  return typeof source === "object" && source !== null && method in source &&
    typeof (source as Record<string, unknown>)[method] === "function";
}

function bytesSource(bytes: Uint8Array): ByteSource {
  let taken = 0;
  return {
    length: bytes.length,
    get taken() {
      return taken;
    },
    read: (into) => {
      const piece = bytes.subarray(taken, taken + into.length);
      into.set(piece);
      taken += piece.length;
      return piece.length;
    },
    close: () => Promise.resolve(),
  };
}

function responseSource(response: Response): ByteSource {
  if (!response.ok) {
    response.body?.cancel().catch(() => {});
    throw new LoadError("response-not-ok", { field: "its status", value: `${response.status} ${response.statusText}` });
  }
  if (response.bodyUsed) throw new TypeError("Cannot read the response: its body is used already");
  return response.body ? streamSource(response.body) : bytesSource(new Uint8Array());
}

/** How often in a row a source may give 0 bytes, which says neither that it goes on nor that it ended. */
const EMPTY_READS = 1000;
const SCRATCH_SIZE = 2 ** 16;
/** How long a stream is waited for that was cancelled, in milliseconds. */
const CANCEL_PATIENCE = 20;

function readerSource(reader: ByteReader): ByteSource {
  let taken = 0;
  let scratch: Uint8Array | undefined;
  const readOnce = async (into: Uint8Array): Promise<number | null> => {
    const count = await reader.read(into);
    const valid = count === null || (Number.isInteger(count) && count >= 0 && count <= into.length);
    if (!valid) {
      const gave = typeof count === "number" ? count : `a value of type ${typeof count}`;
      throw new TypeError(`read(buffer) has to give null or a count up to ${into.length}, and gave ${gave}`);
    }
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
      for (let empty = 0; empty < EMPTY_READS; empty++) {
        const count = await readOnce(buffer);
        if (count === 0) continue;
        if (scratch && count) into.set(scratch.subarray(0, count));
        taken += count ?? 0;
        return count ?? 0;
      }
      throw new TypeError(`the reader gave 0 bytes ${EMPTY_READS} times in a row`);
    },
    close: () => Promise.resolve(),
  };
}

function streamSource(stream: ReadableStream<Uint8Array>): ByteSource {
  const next = chunks(stream);
  let taken = 0;
  let chunk: Uint8Array = new Uint8Array();
  const deliver = (into: Uint8Array): number => {
    const piece = chunk.subarray(0, into.length);
    into.set(piece);
    chunk = chunk.subarray(piece.length);
    return piece.length;
  };
  return {
    get taken() {
      return taken;
    },
    read: (into) => {
      if (chunk.length > 0) return deliver(into);
      return (async () => {
        for (let empty = 0; empty < EMPTY_READS; empty++) {
          const value: unknown = await next.read(into.length);
          if (value === undefined) return 0;
          if (!(value instanceof Uint8Array)) throw new TypeError("the stream gave a chunk that is no Uint8Array");
          taken += value.length;
          chunk = value;
          if (chunk.length > 0) return deliver(into);
        }
        throw new TypeError(`the stream gave ${EMPTY_READS} empty chunks in a row`);
      })();
    },
    close: next.close,
  };
}

interface Chunks {
  /** The next chunk, of `wanted` bytes or fewer where the stream lets us say so; `undefined` at the end. */
  readonly read: (wanted: number) => Promise<Uint8Array | undefined>;
  readonly close: (reason?: unknown) => Promise<void>;
}

function chunks(stream: ReadableStream<Uint8Array>): Chunks {
  const byob = byobReader(stream);
  if (!byob) {
    const reader = stream.getReader();
    return { read: async () => (await reader.read()).value, close: (reason) => release(reader, reason) };
  }
  // A read detaches the buffer that it is given and gives it back in another view.
  let scratch = new ArrayBuffer(SCRATCH_SIZE);
  return {
    read: async (wanted) => {
      const { value, done } = await byob.read(new Uint8Array(scratch, 0, Math.min(wanted, scratch.byteLength)));
      if (value) scratch = value.buffer as ArrayBuffer;
      return done ? undefined : value;
    },
    close: (reason) => release(byob, reason),
  };
}

function byobReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  if (stream.locked) throw new TypeError("Cannot read the stream: it is locked to another reader");
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return undefined; // not a byte stream
  }
}

/**
 * Cancels and unlocks. A stream that failed already tells its error again here; it was told where it was read. One that
 * never comes to an end is not waited for beyond a turn.
 */
async function release(reader: ReadableStreamDefaultReader | ReadableStreamBYOBReader, reason: unknown): Promise<void> {
  const cancelled = reader.cancel(reason).catch(() => {});
  reader.releaseLock();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const turn = new Promise((resolve) => timer = setTimeout(resolve, CANCEL_PATIENCE));
  await Promise.race([cancelled, turn]);
  clearTimeout(timer);
}
