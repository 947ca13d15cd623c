/**
 * Byte sources: bytes, streams, readers, blobs and responses, all read through one interface.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { ByteSource } from "./byte_source.ts";
import { quietly } from "./quietly.ts";
import { type ByteReader, type NodeFileHandle, readerSource } from "./reader_source.ts";
import { adviceOn } from "./source_advice.ts";
import { streamSource } from "./stream_source.ts";
import { hasMethod, isBuffer, isBytes, isDetached } from "./value_kind.ts";

export type { ByteReader, NodeFileHandle };

/**
 * Where a kernel's bytes come from: bytes, a stream of bytes, an open file or anything else with `read(buffer)` (read
 * from its current position and left open), a `Blob`, or a successful `Response`.
 *
 * From a source with `read(buffer)`, nothing past the last byte needed is read; from a stream, a `Blob` or a
 * `Response`, nothing past the chunk that holds it.
 */
export type KernelSource =
  | Uint8Array
  | ArrayBuffer
  | SharedArrayBuffer
  | ReadableStream<Uint8Array>
  | ByteReader
  | NodeFileHandle
  | Blob
  | Response;

/** Methods of objects whose `read()` is not `read(buffer)`: Node.js streams, and readers of web streams. */
const OTHER_READS = ["pipe", "releaseLock"] as const;

/**
 * Opens a source for reading.
 *
 * @param source What the caller passed.
 * @returns The source; a stream stays locked until the source is closed.
 * @throws {LoadError} "response-not-ok" for a response with an error status; its body is cancelled.
 * @throws {TypeError} If the value is not a source (the message has what to pass instead), or can no longer be read.
 */
export function openSource(source: KernelSource): ByteSource {
  if (isBytes(source) || isBuffer(source)) return bytesSource(source);
  if (hasMethod(source, "getReader")) return streamSource(source as ReadableStream<Uint8Array>);
  if (hasMethod(source, "read") && !OTHER_READS.some((method) => hasMethod(source, method))) {
    return readerSource(source as ByteReader | NodeFileHandle);
  }
  if (hasMethod(source, "arrayBuffer") && "ok" in source) return responseSource(source as Response);
  if (hasMethod(source, "stream")) return openSource((source as Blob).stream());
  throw new TypeError(`Cannot read the source: ${adviceOn(source)}`);
}

function bytesSource(source: Uint8Array | ArrayBufferLike): ByteSource {
  if (isDetached(isBytes(source) ? source.buffer : source)) {
    throw new TypeError("Cannot read the source: its buffer was transferred, so its bytes are no longer here");
  }
  let bytes = isBytes(source) ? source : new Uint8Array(source);
  const { length } = bytes;
  const opened = {
    length,
    taken: 0,
    read: (into: Uint8Array) => {
      if (bytes.length < length) throw new TypeError("the source's buffer was transferred or resized during the load");
      const { taken } = opened;
      const piece = bytes.subarray(taken, Math.min(length, taken + into.length));
      const isInPlace = into.buffer === piece.buffer && into.byteOffset === piece.byteOffset;
      if (!isInPlace) into.set(piece);
      opened.taken += piece.length;
      return piece.length;
    },
    moveOut: (buffer: ArrayBufferLike, offset: number) => {
      if (bytes.buffer === buffer && bytes.byteOffset !== offset) bytes = new Uint8Array(bytes);
    },
    close: () => undefined,
  };
  return opened;
}

function responseSource(response: Response): ByteSource {
  const { ok, status, statusText, body } = response;
  if (!ok) {
    quietly(() => body?.cancel());
    throw new LoadError("response-not-ok", { field: "its status", value: `${status} ${statusText}`.trim() });
  }
  if (response.bodyUsed) throw new TypeError("Cannot read the response: its body has already been used");
  return openSource(body ?? new Uint8Array());
}
