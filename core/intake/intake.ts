/**
 * The intake: moves the bytes of a source into physical memory.
 *
 * Bytes are read in order, and only as many as are needed. They are staged in blocks until their place in memory is
 * known, and from then on read straight into it.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { ByteSource } from "./byte_source.ts";
import { type Pause, pauses } from "./pause.ts";
import { openStaging } from "./staging.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** The progress of a load. */
export interface Progress {
  /** Number of bytes taken from the source. */
  readonly loaded: number;
  /** Number of bytes that will be read, once it is known. */
  readonly total?: number;
}

/** How an intake reads. */
export interface IntakeOptions {
  /** The most bytes that may be staged. */
  readonly maxMemory: number;
  /** Aborts every wait; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The pause of the load. Default: one of its own. */
  readonly pause?: Pause;
  /** Called after every read. */
  readonly onProgress?: (progress: Progress) => void;
}

/** The file's bytes as they arrive. Its functions are methods: call them on it. */
export interface Intake {
  /** Number of bytes that have arrived, counted from the start of the file. */
  readonly received: number;
  /** Number of bytes taken from the source. */
  readonly bytesRead: number;
  /**
   * Waits until the first `end` bytes, or all bytes to be kept, have arrived, or the source has ended. Resolves to
   * `end` or the number of bytes that have arrived, whichever is smaller; returns it without a promise if there is
   * nothing to wait for.
   */
  require(end: number): number | Promise<number>;
  /**
   * Returns `end`, or the file's length if that is smaller. Reads only what it takes to find out, so that a file that
   * is refused is not read to its end.
   */
  lengthUpTo(end: number): number | Promise<number>;
  /**
   * Finds the file's length; reads the whole source if there is no other way. Throws a `RangeError` if the length is
   * unknown and the bytes have already been placed.
   */
  length(): number | Promise<number>;
  /** Returns a view of bytes that have arrived, or a copy if they span several blocks. */
  bytes(offset: number, length: number): Uint8Array;
  /** Moves the bytes that have arrived into memory; the rest, up to `total` bytes, is read straight there. */
  place(memory: PhysicalMemory, address: number, total: number): Promise<void>;
  /** Releases the source. */
  close(reason?: unknown): Promise<void> | undefined;
}

/** The most bytes to read at once. */
const READ_SIZE = 2 ** 22;

/**
 * Opens an intake on a source.
 *
 * @param source The source.
 * @param options The limit, signal and progress callback.
 * @returns The intake. Its waits reject with a `LoadError` "source-failed" (with the source's error as the cause) if
 * the source fails, with "memory-limit-exceeded" if more would have to be staged than allowed, and with the signal's
 * reason after an abort.
 */
export function openIntake(source: ByteSource, options: IntakeOptions): Intake {
  return new SourceIntake(source, options);
}

/** A class: in the caller's memory, a small load is so fast that creating a dozen closures would show. */
class SourceIntake implements Intake {
  received = 0;
  bytesRead = 0;
  readonly #source: ByteSource;
  readonly #options: IntakeOptions;
  readonly #pause: Pause;
  readonly #staging = openStaging();
  #ended = false;
  #placed: { readonly memory: PhysicalMemory; readonly address: number; readonly total: number } | undefined;

  constructor(source: ByteSource, options: IntakeOptions) {
    this.#source = source;
    this.#options = options;
    this.#pause = options.pause ?? pauses(options.signal);
  }

  require(end: number): number | Promise<number> {
    const reading = this.#readUntil(Math.min(end, this.#placed?.total ?? end));
    return reading ? reading.then(() => Math.min(end, this.received)) : Math.min(end, this.received);
  }

  lengthUpTo(end: number): number | Promise<number> {
    const { length } = this.#source;
    return length === undefined ? this.require(end) : Math.min(end, length);
  }

  length(): number | Promise<number> {
    const { length } = this.#source;
    if (length !== undefined) return length;
    if (this.#placed) {
      throw new RangeError("Cannot find the file's length: bytes past those that are kept are never read");
    }
    const reading = this.#readUntil(Infinity);
    return reading ? reading.then(() => this.received) : this.received;
  }

  bytes(offset: number, length: number): Uint8Array {
    if (offset < 0 || offset + length > this.received) throw new RangeError("Cannot view bytes that have not arrived");
    const placed = this.#placed;
    return placed ? placed.memory.bytes(placed.address + offset, length) : this.#staging.bytes(offset, length);
  }

  async place(memory: PhysicalMemory, address: number, total: number): Promise<void> {
    this.#source.moveOut?.(memory.buffer, address - memory.base);
    for (let piece = this.#staging.takeNext(this.received); piece; piece = this.#staging.takeNext(this.received)) {
      const { start, bytes } = piece;
      for (let at = 0; at < bytes.length; at += READ_SIZE) {
        const part = bytes.length <= READ_SIZE ? bytes : bytes.subarray(at, at + READ_SIZE);
        memory.bytes(address + start + at, part.length).set(part);
        const pausing = this.#pause();
        if (pausing) await pausing;
      }
    }
    this.#placed = { memory, address, total };
  }

  close(reason?: unknown): Promise<void> | undefined {
    const closing = this.#source.close(reason);
    return closing && unlessAborted(closing, this.#options.signal);
  }

  /** Reads until `end` bytes have arrived; returns no promise if there is nothing to wait for. */
  #readUntil(end: number): Promise<void> | undefined {
    while (this.received < end && !this.#ended) {
      const waiting = this.#pause() ?? this.#read(end);
      if (waiting) return this.#readOn(end, waiting);
    }
  }

  /** The same after a wait; reads that never really wait must not starve aborts. */
  async #readOn(end: number, waiting: Promise<void>): Promise<void> {
    await waiting;
    while (this.received < end && !this.#ended) {
      const next = this.#pause() ?? this.#read(end);
      if (next) await next;
    }
  }

  /** Reads once towards `end`, which may be infinite; returns a promise if the source does. */
  #read(end: number): Promise<void> | undefined {
    const { signal, maxMemory } = this.#options;
    signal?.throwIfAborted();
    const wanted = end === Infinity ? READ_SIZE : end - this.received;
    if (!this.#placed && this.received >= maxMemory) {
      throw new LoadError("memory-limit-exceeded", {
        field: "the number of file bytes to keep",
        value: this.received + wanted,
        limit: maxMemory,
      });
    }
    let reading: number | Promise<number>;
    try {
      reading = this.#source.read(this.#destination(wanted));
    } catch (cause) {
      throw this.#failure(cause);
    }
    if (typeof reading !== "number") return this.#wait(reading);
    this.#arrive(reading);
  }

  /** Where the next bytes go: to their place in memory, or to the staging if they have none yet. */
  #destination(wanted: number): Uint8Array {
    const { received } = this;
    const placed = this.#placed;
    if (!placed) return this.#staging.room(received, wanted);
    return placed.memory.bytes(placed.address + received, Math.min(wanted, READ_SIZE));
  }

  async #wait(reading: Promise<number>): Promise<void> {
    let count: number;
    try {
      count = await unlessAborted(reading, this.#options.signal);
    } catch (cause) {
      throw this.#failure(cause);
    }
    this.#arrive(count);
  }

  #arrive(count: number): void {
    if (count === 0) this.#ended = true;
    this.received += count;
    const loaded = this.bytesRead = this.#source.taken;
    const { onProgress } = this.#options;
    if (!onProgress) return;
    // The last chunk of a stream may hold more than was asked for.
    onProgress(this.#placed ? { loaded, total: Math.max(this.#placed.total, loaded) } : { loaded });
  }

  #failure(cause: unknown): LoadError {
    this.#options.signal?.throwIfAborted();
    return new LoadError("source-failed", { field: "the number of bytes read", value: this.#source.taken }, { cause });
  }
}
