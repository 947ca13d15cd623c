/**
 * Streams as sources.
 *
 * @module
 */

import { type ByteSource, MAX_EMPTY_READS } from "./byte_source.ts";
import { quietly } from "./quietly.ts";
import { isBytes, isDetached, kindOf } from "./value_kind.ts";

/** The fewest bytes that a read gathers from chunks, unless the stream ends or fewer are wanted. */
const TINY = 64;

/** How long to wait for a cancelled stream to settle, in milliseconds. */
const CANCEL_PATIENCE = 20;

/**
 * Opens a stream as a source. No chunk past the one with the last requested byte is read.
 *
 * A byte stream is read like any other: many only enqueue and close, and would leave a BYOB read pending forever.
 *
 * @param stream The stream; it stays locked until the source is closed.
 * @returns The source.
 * @throws {TypeError} If the stream is locked.
 */
export function streamSource(stream: ReadableStream<Uint8Array>): ByteSource {
  if (stream.locked) throw new TypeError("Cannot read the stream: it is locked to another reader");
  const reader = stream.getReader();
  let taken = 0;
  let chunk: Uint8Array = new Uint8Array();
  let offset = 0;
  let size = 0;
  const deliver = (into: Uint8Array): number => {
    if (chunk.length < size) {
      throw new TypeError("the buffer of the stream's last chunk was transferred or resized before all of it was read");
    }
    const piece = chunk.subarray(offset, Math.min(size, offset + into.length));
    into.set(piece);
    offset += piece.length;
    return piece.length;
  };
  /** Gathers tiny chunks: with a read for each, a stream of single bytes would cost several times as much. */
  const deliverMore = async (into: Uint8Array): Promise<number> => {
    let delivered = 0;
    for (let empty = 0; empty < MAX_EMPTY_READS;) {
      const { value, done } = await reader.read();
      if (done) return delivered;
      chunk = checkChunk(value);
      offset = 0;
      size = chunk.length;
      taken += size;
      if (size === 0) {
        empty++;
        continue;
      }
      empty = 0;
      if (size >= TINY || size > into.length - delivered) return delivered + deliver(into.subarray(delivered));
      into.set(chunk, delivered);
      offset = size;
      delivered += size;
      if (delivered === into.length || delivered >= TINY) return delivered;
    }
    throw new TypeError(`the stream produced ${MAX_EMPTY_READS} empty chunks in a row`);
  };
  return {
    get taken() {
      return taken;
    },
    read: (into) => offset < size ? deliver(into) : deliverMore(into),
    close: (reason) => release(reader, reason),
  };
}

function checkChunk(value: unknown): Uint8Array {
  if (!isBytes(value)) throw new TypeError(`the stream produced ${kindOf(value)} as a chunk; expected a Uint8Array`);
  if (value.length === 0 && isDetached(value.buffer)) {
    throw new TypeError(
      "the stream produced a chunk whose buffer was transferred; expected a Uint8Array with its bytes",
    );
  }
  return value;
}

/** Cancels and unlocks. Failures are ignored: a failed stream has already rejected a read with the same error. */
async function release(reader: ReadableStreamDefaultReader, reason: unknown): Promise<void> {
  const cancelled = quietly(() => reader.cancel(reason));
  quietly(() => reader.releaseLock());
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, CANCEL_PATIENCE));
  await Promise.race([cancelled, patience]);
  clearTimeout(timer);
}
