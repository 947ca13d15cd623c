/**
 * The intake: a source's bytes on their way into physical memory.
 *
 * Bytes are taken in order and only as far as they are needed. Until it is known where they belong they are staged in
 * blocks; from then on they are read straight to their place.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import { LoadError } from "../errors.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { ByteSource } from "./byte_source.ts";
import { eventLoopTurn } from "./event_loop_turn.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** How far a load has come. */
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
  /** Ends every wait with its reason. */
  readonly signal?: AbortSignal;
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
   * Waits until the first `end` bytes have arrived, or the source has ended, or all that is kept has arrived; resolves
   * to the smaller of `end` and the number of bytes that have arrived.
   */
  readonly require: (end: number) => Promise<number>;
  /**
   * The file's length; reads the whole source if that is the only way to know it. Throws `RangeError` if it is still
   * unknown when the bytes have their place.
   */
  readonly length: () => Promise<number>;
  /** A view of bytes that have arrived; a copy if they lie in several blocks. */
  readonly bytes: (offset: number, length: number) => Uint8Array;
  /** Moves what has arrived to its place in memory; the rest, up to `total` bytes, is read straight there. */
  readonly place: (memory: PhysicalMemory, address: number, total: number) => void;
  /** Lets go of the source. */
  readonly close: (reason?: unknown) => Promise<void>;
}

const READ_SIZE = 2 ** 20;
/** How long reads may go on without a turn of the event loop, in milliseconds. */
const TURN_AFTER = 20;
const BLOCK_MIN = 2 ** 16;
const BLOCK_MAX = 2 ** 24;

interface Block {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * Opens an intake on a source.
 *
 * @param source The source.
 * @param options Bound, signal and progress.
 * @returns The intake. Its waits reject with `LoadError` "source-failed" and the source's error as cause if the source
 * fails, with "memory-limit-exceeded" if more would have to be staged than allowed, and with the signal's reason once
 * it aborts.
 */
export function openIntake(source: ByteSource, { maxMemory, signal, onProgress }: IntakeOptions): Intake {
  const blocks: Block[] = [];
  let received = 0;
  let ended = false;
  let lastTurn = performance.now();
  let placed: { readonly memory: PhysicalMemory; readonly address: number; readonly total: number } | undefined;

  /** Where the next read goes: to its place, or to the end of the last block. */
  const destination = (wanted: number): Uint8Array => {
    if (placed) return placed.memory.bytes(placed.address + received, Math.min(wanted, READ_SIZE));
    const last = blocks.at(-1);
    const end = last ? last.start + last.bytes.length : 0;
    if (last && received < end) return last.bytes.subarray(received - last.start).subarray(0, wanted);
    const size = Math.min(wanted, Math.max(BLOCK_MIN, Math.min(received, BLOCK_MAX)));
    const block = { start: received, bytes: new Uint8Array(size) };
    blocks.push(block);
    return block.bytes;
  };

  const readSome = async (wanted: number): Promise<void> => {
    if (performance.now() - lastTurn > TURN_AFTER) {
      // Reads that never wait for anything would let no abort in.
      await eventLoopTurn();
      lastTurn = performance.now();
    }
    signal?.throwIfAborted();
    if (!placed && received >= maxMemory) {
      throw new LoadError("memory-limit-exceeded", {
        field: "the number of file bytes to keep",
        value: received + wanted,
        limit: maxMemory,
      });
    }
    let count: number;
    try {
      count = await unlessAborted(source.read(destination(wanted)), signal);
    } catch (cause) {
      signal?.throwIfAborted();
      throw new LoadError("source-failed", { field: "the number of bytes read", value: source.taken }, { cause });
    }
    if (count === 0) ended = true;
    received += count;
    const loaded = source.taken;
    // The last chunk of a stream may hold more than was asked for.
    onProgress?.({ loaded, ...(placed ? { total: Math.max(placed.total, loaded) } : {}) });
  };

  return {
    get received() {
      return received;
    },
    get bytesRead() {
      return source.taken;
    },
    require: async (end) => {
      const last = Math.min(end, placed?.total ?? end);
      while (received < last && !ended) await readSome(last - received);
      return Math.min(end, received);
    },
    length: async () => {
      if (source.length !== undefined) return source.length;
      if (placed) throw new RangeError("Cannot find the file's length: bytes past those that are kept are never read");
      while (!ended) await readSome(BLOCK_MAX);
      return received;
    },
    bytes: (offset, length) => {
      if (offset < 0 || offset + length > received) throw new RangeError("Cannot view bytes that have not arrived");
      if (placed) return placed.memory.bytes(placed.address + offset, length);
      const pieces = blocks
        .filter((block) => block.start < offset + length && block.start + block.bytes.length > offset)
        .map(({ start, bytes }) => bytes.subarray(Math.max(0, offset - start), offset + length - start));
      return pieces.length === 1 ? pieces[0] : concat(pieces);
    },
    place: (memory, address, total) => {
      for (const { start, bytes } of blocks.splice(0)) {
        const arrived = bytes.subarray(0, received - start);
        memory.bytes(address + start, arrived.length).set(arrived);
      }
      placed = { memory, address, total };
    },
    close: (reason) => unlessAborted(source.close(reason), signal),
  };
}
