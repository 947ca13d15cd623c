/**
 * A file that is kept while it is looked at: any part of it can be read, in any order and more than once.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { ByteSource } from "../intake/byte_source.ts";
import { pauses } from "../intake/pause.ts";
import { type ByteReader, type KernelSource, openSource } from "../intake/source.ts";
import { unlessAborted } from "../intake/unless_aborted.ts";
import { hasMethod, isBuffer, isBytes, isDetached, typedValue } from "../intake/value_kind.ts";

/** A file whose bytes can be read at any offset. */
export interface RandomSource {
  /** Its length in bytes. */
  readonly size: number;
  /** Reads up to `buffer.length` bytes from an offset on, and returns how many; 0 at the end. */
  readonly readAt: (offset: number, buffer: Uint8Array) => number | Promise<number>;
}

/** How to keep a file. */
export interface KeepOptions {
  /** The most bytes to keep. Default: 4 GiB. */
  readonly maxMemory?: number;
  /** Aborts every wait, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A file, and the parts of it that were read so far. */
export interface KeptFile {
  /** The file's length, if it is known; otherwise the number of bytes that have arrived. */
  readonly length: number;
  /** Whether `length` is the file's length. */
  readonly isWhole: boolean;
  /** The number of bytes taken from the source. */
  readonly bytesRead: number;
  /** Reads until it is known whether the file has `end` bytes: `length` is then at least `end`, or the file's. */
  readonly reach: (end: number) => Promise<void>;
  /** Reads a part of the file, as far as the file has it, unless it was read before. */
  readonly keep: (offset: number, length: number) => Promise<void>;
  /** Returns a view of a part that was kept; shorter, or empty, at the end of the file. */
  readonly bytes: (offset: number, length: number) => Uint8Array;
  /** Returns all bytes of the file if they were kept, however long it is; otherwise `undefined`. */
  readonly whole: () => Uint8Array | undefined;
  /** Returns a reader that starts at the first byte. Of a stream, what it reads is kept. */
  readonly reader: () => ByteReader;
  /** Releases the source. */
  readonly close: () => Promise<void>;
}

/** Upper limit on what is kept, by default: that of a load. */
const MAX_MEMORY = 2 ** 32;

/** The fewest bytes to read of a stream at a time. */
const BLOCK = 2 ** 16;

/**
 * Opens a file to keep what is read of it. A `Blob` and a {@linkcode RandomSource} are read at the offsets that are
 * asked for; any other source is read in order, up to the last byte that is asked for.
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, a `Response`, or a
 * {@linkcode RandomSource}.
 * @param options Limit and signal.
 * @returns The file. Its functions reject with a {@linkcode LoadError} "source-failed" if the source fails, and
 * "memory-limit-exceeded" if more than `maxMemory` bytes would be kept.
 * @throws {LoadError} "response-not-ok" for a response with an error status.
 * @throws {TypeError} If the source is not one, or can no longer be read.
 */
export function keepFile(source: KernelSource | RandomSource, options: KeepOptions = {}): KeptFile {
  options.signal?.throwIfAborted();
  if (isBytes(source) && !isDetached(source.buffer)) return keptBytes(source);
  if (isBuffer(source) && !isDetached(source)) return keptBytes(new Uint8Array(source));
  const random = randomSource(source);
  return random ? keepWindows(random, options) : keepStream(openSource(source as KernelSource), options);
}

function randomSource(source: KernelSource | RandomSource): RandomSource | undefined {
  if (hasMethod(source, "readAt")) return checkSize(source as RandomSource);
  if (!hasMethod(source, "slice") || !hasMethod(source, "arrayBuffer")) return undefined;
  const blob = source as Blob;
  const readAt = async (offset: number, buffer: Uint8Array): Promise<number> => {
    const piece = new Uint8Array(await blob.slice(offset, offset + buffer.length).arrayBuffer());
    buffer.set(piece);
    return piece.length;
  };
  return checkSize({ size: blob.size, readAt });
}

function checkSize(source: RandomSource): RandomSource {
  if (Number.isSafeInteger(source.size) && source.size >= 0) return source;
  throw new TypeError(`Cannot use ${typedValue(source.size)} as the size of a source: it must be a number of bytes`);
}

function keptBytes(bytes: Uint8Array): KeptFile {
  return {
    length: bytes.length,
    isWhole: true,
    bytesRead: bytes.length,
    reach: () => Promise.resolve(),
    keep: () => Promise.resolve(),
    bytes: (offset, length) => bytes.subarray(offset, offset + length),
    whole: () => bytes,
    reader: () => readerFrom((offset, buffer) => copy(bytes.subarray(offset, offset + buffer.length), buffer)),
    close: () => Promise.resolve(),
  };
}

/** A part of a file. */
interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** The most parts that are kept separately. */
const MOST_WINDOWS = 64;

/** Keeps the parts that are asked for, each as one piece; the whole file once they are many or overlap much. */
function keepWindows(source: RandomSource, { maxMemory = MAX_MEMORY, signal }: KeepOptions): KeptFile {
  const { size } = source;
  let windows: readonly Window[] = [];
  let bytesRead = 0;
  const find = (offset: number, end: number): Window | undefined =>
    windows.find(({ start, bytes }) => start <= offset && end <= start + bytes.length);
  const readAt = async (offset: number, buffer: Uint8Array): Promise<number> => {
    const read = async () => checkCount(await unlessAborted(source.readAt(offset, buffer), signal), buffer.length);
    const count = await failing(read, offset, signal);
    bytesRead += count;
    return count;
  };
  const readWindow = async (start: number, end: number): Promise<Window> => {
    const bytes = allocate(end - start, maxMemory);
    for (let done = 0; done < bytes.length;) {
      const count = await readAt(start + done, bytes.subarray(done));
      if (count === 0) throw sourceFailed(new Error("the file became shorter while it was read"), start + done);
      done += count;
    }
    return { start, bytes };
  };
  const keep = async (offset: number, length: number): Promise<void> => {
    const end = Math.min(offset + length, size);
    if (end <= offset || find(offset, end)) return;
    const kept = windows.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const takesAll = windows.length === MOST_WINDOWS || kept + end - offset > size;
    checkLimit(takesAll ? size : kept + end - offset, maxMemory);
    windows = takesAll ? [await readWindow(0, size)] : [await readWindow(offset, end), ...windows];
  };
  return {
    length: size,
    isWhole: true,
    get bytesRead() {
      return bytesRead;
    },
    reach: () => Promise.resolve(),
    keep,
    bytes: (offset, length) => {
      const end = Math.min(offset + length, size);
      if (end <= offset) return new Uint8Array();
      const window = find(offset, end);
      if (!window) throw notKept(offset, length);
      return window.bytes.subarray(offset - window.start, end - window.start);
    },
    whole: () => find(0, size)?.bytes,
    reader: () =>
      readerFrom((offset, buffer) => {
        const kept = windows.find(({ start, bytes }) => start <= offset && offset < start + bytes.length);
        if (kept) return copy(kept.bytes.subarray(offset - kept.start, offset - kept.start + buffer.length), buffer);
        return offset < size ? readAt(offset, buffer.subarray(0, size - offset)) : 0;
      }),
    close: () => Promise.resolve(),
  };
}

/** How many times larger a full buffer gets: memory that is not written to costs nothing, and copying does. */
const GROWTH = 16;

/** Keeps all bytes up to the last one that is asked for. */
function keepStream(source: ByteSource, { maxMemory = MAX_MEMORY, signal }: KeepOptions): KeptFile {
  let buffer = new Uint8Array(Math.min(source.length ?? BLOCK, BLOCK));
  let length = 0;
  let hasEnded = false;
  const pause = pauses(signal);
  /** Reads some more, at most up to `wanted`. */
  const readOn = async (wanted: number): Promise<void> => {
    const pausing = pause(); // a source that always has bytes would let no abort in
    if (pausing) await pausing;
    const isFull = length >= maxMemory; // only the end may follow
    const end = Math.min(wanted, maxMemory);
    if (end > buffer.length) {
      const wide = Math.min(end, Math.max(GROWTH * buffer.length, length + BLOCK));
      const twice = Math.min(2 * buffer.length, maxMemory); // also of a file that is asked for piece by piece
      const grown = allocate(Math.max(wide, twice), maxMemory);
      grown.set(buffer.subarray(0, length));
      buffer = grown;
    }
    const into = isFull ? new Uint8Array(1) : buffer.subarray(length, end);
    const count = await failing(() => unlessAborted(source.read(into), signal), length, signal);
    if (isFull && count > 0) checkLimit(length + count, maxMemory);
    length += count;
    hasEnded = count === 0;
  };
  const reach = async (end: number): Promise<void> => {
    while (length < end && !hasEnded) await readOn(end);
  };
  return {
    get length() {
      return length;
    },
    get isWhole() {
      return hasEnded;
    },
    get bytesRead() {
      return source.taken;
    },
    reach,
    keep: (offset, size) => size > 0 ? reach(offset + size) : Promise.resolve(),
    bytes: (offset, size) => {
      if (offset + size > length && !hasEnded) throw notKept(offset, size);
      return buffer.subarray(Math.min(offset, length), Math.min(offset + size, length));
    },
    whole: () => hasEnded ? buffer.subarray(0, length) : undefined,
    reader: () =>
      readerFrom(async (offset, into) => {
        if (offset >= length && !hasEnded) await readOn(offset + into.length);
        return copy(buffer.subarray(offset, Math.min(length, offset + into.length)), into);
      }),
    close: async () => await source.close(),
  };
}

function copy(piece: Uint8Array, into: Uint8Array): number {
  into.set(piece);
  return piece.length;
}

function readerFrom(readAt: (offset: number, buffer: Uint8Array) => number | Promise<number>): ByteReader {
  let offset = 0;
  return {
    read: async (buffer) => {
      const count = await readAt(offset, buffer);
      offset += count;
      return count === 0 && buffer.length > 0 ? null : count;
    },
  };
}

function checkLimit(value: number, maxMemory: number): void {
  if (value <= maxMemory) return;
  throw new LoadError("memory-limit-exceeded", { field: "the part of it to be kept", value, limit: maxMemory });
}

/** A buffer for what is kept, which the system may refuse to allocate. */
function allocate(size: number, limit: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    const place = { field: "the part of it to be kept", value: size, limit: Math.max(size, limit) };
    throw new LoadError("memory-limit-exceeded", place, { cause });
  }
}

/** Checks what `readAt` returned. */
function checkCount(count: number, most: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= most) return count;
  throw new TypeError(`readAt(offset, buffer) returned ${typedValue(count)}; expected a number from 0 to ${most}`);
}

/** Fails as an intake does if the source does. */
async function failing(
  work: () => Promise<number>,
  value: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  try {
    return await work();
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof LoadError ? cause : sourceFailed(cause, value);
  }
}

function sourceFailed(cause: unknown, value: number): LoadError {
  return new LoadError("source-failed", { field: "the number of bytes read", value }, { cause });
}

function notKept(offset: number, length: number): Error {
  return new Error(`Cannot look at ${length} bytes at file offset ${offset}: they were not kept`);
}
