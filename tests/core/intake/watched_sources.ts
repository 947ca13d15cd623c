/** Sources whose end is up to the test, and that record how they were cancelled. */

import type { ByteReader } from "../../../core/intake/source.ts";

type Bytes = Uint8Array<ArrayBuffer>;

interface Watched {
  readonly stream: ReadableStream<Bytes>;
  readonly cancels: unknown[];
}

/** A stream of the given chunks; after the last one, `after` decides. */
export function watched(
  chunks: readonly unknown[],
  after: (controller: ReadableStreamDefaultController) => void | Promise<void> = (controller) => controller.close(),
): Watched {
  let at = 0;
  const cancels: unknown[] = [];
  const stream = new ReadableStream({
    pull: (controller) => at < chunks.length ? controller.enqueue(chunks[at++]) : after(controller),
    cancel: (reason) => void cancels.push(reason),
  }, { highWaterMark: 0 });
  return { stream, cancels };
}

/** A reader of the given bytes; after the last one, `after` decides. */
export function readerOf(
  bytes: Bytes,
  after: (into: Uint8Array) => number | null | Promise<number | null>,
): ByteReader {
  let at = 0;
  return {
    read: (into) => {
      const piece = bytes.subarray(at, at + into.length);
      if (piece.length === 0) return after(into);
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
}
