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
import { stagingOf } from "./staging.ts";
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

/** The file's bytes as they arrive. */
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
  readonly require: (end: number) => number | Promise<number>;
  /**
   * Returns `end`, or the file's length if that is smaller. Reads only what it takes to find out, so that a file that is
   * refused is not read to its end.
   */
  readonly lengthUpTo: (end: number) => number | Promise<number>;
  /**
   * Finds the file's length; reads the whole source if there is no other way. Throws a `RangeError` if the length is
   * unknown and the bytes have already been placed.
   */
  readonly length: () => number | Promise<number>;
  /** Returns a view of bytes that have arrived, or a copy if they span several blocks. */
  readonly bytes: (offset: number, length: number) => Uint8Array;
  /** Moves the bytes that have arrived into memory; the rest, up to `total` bytes, is read straight there. */
  readonly place: (memory: PhysicalMemory, address: number, total: number) => Promise<void>;
  /** Releases the source. */
  readonly close: (reason?: unknown) => Promise<void> | undefined;
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
export function openIntake(
  source: ByteSource,
  { maxMemory, signal, pause = pauses(signal), onProgress }: IntakeOptions,
): Intake {
  const staging = stagingOf(source);
  let ended = false;
  let placed: { readonly memory: PhysicalMemory; readonly address: number; readonly total: number } | undefined;

  const arrive = (count: number): void => {
    if (count === 0) ended = true;
    intake.received += count;
    const loaded = intake.bytesRead = source.taken;
    if (!onProgress) return;
    // The last chunk of a stream may hold more than was asked for.
    onProgress(placed ? { loaded, total: Math.max(placed.total, loaded) } : { loaded });
  };
  const failure = (cause: unknown): LoadError => {
    signal?.throwIfAborted();
    return new LoadError("source-failed", { field: "the number of bytes read", value: source.taken }, { cause });
  };
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw failure(cause);
    }
  };
  const wait = async (reading: Promise<number>): Promise<void> => {
    let count: number;
    try {
      count = await unlessAborted(reading, signal);
    } catch (cause) {
      throw failure(cause);
    }
    arrive(count);
  };

  /** Reads once towards an end, which may be unknown; returns a promise if the source does. */
  const read = (end: number): Promise<void> | undefined => {
    signal?.throwIfAborted();
    const { received } = intake;
    const wanted = end === Infinity ? READ_SIZE : end - received;
    if (!placed && received >= maxMemory) {
      throw new LoadError("memory-limit-exceeded", {
        field: "the number of file bytes to keep",
        value: received + wanted,
        limit: maxMemory,
      });
    }
    const reading = guarded(() => {
      const place = placed?.memory.bytes(placed.address + received, Math.min(wanted, READ_SIZE));
      return source.read(place ?? staging.room(received, wanted));
    });
    if (typeof reading !== "number") return wait(reading);
    arrive(reading);
  };

  /** Reads until so many bytes have arrived; reads that never really wait must not starve aborts. */
  const readOn = async (end: number, first: Promise<void> | undefined): Promise<void> => {
    await first;
    while (intake.received < end && !ended) {
      const waiting = pause() ?? read(end);
      if (waiting) await waiting;
    }
  };

  /** The same, without a promise if there is nothing to wait for. */
  const readUntil = (end: number): Promise<void> | undefined => {
    while (intake.received < end && !ended) {
      const waiting = pause() ?? read(end);
      if (waiting) return readOn(end, waiting);
    }
  };

  const intake: Mutable<Intake> = {
    received: 0,
    bytesRead: 0,
    require: (end) => {
      const reading = readUntil(Math.min(end, placed?.total ?? end));
      return reading ? reading.then(() => Math.min(end, intake.received)) : Math.min(end, intake.received);
    },
    lengthUpTo: (end) => source.length === undefined ? intake.require(end) : Math.min(end, source.length),
    length: () => {
      if (source.length !== undefined) return source.length;
      if (placed) throw new RangeError("Cannot find the file's length: bytes past those that are kept are never read");
      const reading = readUntil(Infinity);
      return reading ? reading.then(() => intake.received) : intake.received;
    },
    bytes: (offset, length) => {
      if (offset < 0 || offset + length > intake.received) {
        throw new RangeError("Cannot view bytes that have not arrived");
      }
      if (placed) return placed.memory.bytes(placed.address + offset, length);
      return guarded(() => staging.bytes(offset, length));
    },
    place: async (memory, address, total) => {
      for (const { start, bytes } of guarded(() => staging.drain(intake.received))) {
        for (let at = 0; at < bytes.length; at += READ_SIZE) {
          const piece = bytes.subarray(at, at + READ_SIZE);
          memory.bytes(address + start + at, piece.length).set(piece);
          const pausing = pause();
          if (pausing) await pausing;
        }
      }
      placed = { memory, address, total };
    },
    close: (reason) => {
      const closing = source.close(reason);
      return closing && unlessAborted(closing, signal);
    },
  };
  return intake;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
