/**
 * Streams and readers: what turns one into the other, and gzip on the way.
 *
 * @module
 */

import { concatReadableStreams } from "@std/streams/concat-readable-streams";
import { toTransformStream } from "@std/streams/to-transform-stream";
import type { ByteReader } from "../../mod.ts";

/** The first bytes of a gzip member: RFC 1952, "Member header and trailer", ID1 and ID2. */
const GZIP_MAGIC = [0x1f, 0x8b];

/** The most bytes that the inflater gets at a time; it may make a thousand times as many of them. */
const GZIP_PIECE = 16 * 2 ** 10;

/** How many bytes are inflated at most to get to the checksum: a bomb is not worth it. */
const CHECKED = 64 * 2 ** 20;

/** A byte source as it was opened: its first bytes, and the rest in the forms that it has. */
export interface Opened {
  /** The bytes that were read to see what it is. */
  readonly head: Uint8Array;
  /** The bytes behind them as a stream. */
  readonly rest: () => ReadableStream<Uint8Array>;
  /** The bytes behind them as a reader, where there is one that saves a copy. */
  readonly reader?: ByteReader;
}

/** The content of a source, inflated where it was gzip. */
export interface Content {
  /** Reads it. */
  readonly reader: ByteReader;
  /** Whether it was gzip. */
  readonly inflated: boolean;
  /**
   * Where it was gzip, reads on to the checksum at its end, unless that is far. Throws where the data is damaged: what
   * was inflated so far is not to be trusted then.
   */
  readonly check: () => Promise<void>;
  /** Lets go of a stream that was opened for it. */
  readonly close: () => void;
}

/** How many bytes {@linkcode contentOf} wants to have in `head`, where there are so many. */
export const HEAD_SIZE: number = GZIP_MAGIC.length;

/**
 * The content of a source.
 *
 * @param opened The source, with {@linkcode HEAD_SIZE} bytes or more in its head unless it has fewer.
 * @returns A reader of all its bytes, the head included.
 */
export function contentOf({ head, rest, reader }: Opened): Content {
  const whole = () => concatReadableStreams(ReadableStream.from([head]), rest());
  if (GZIP_MAGIC.every((byte, index) => head[index] === byte)) return inflatedContent(inflate(whole()));
  const unchecked = { inflated: false, check: () => Promise.resolve() };
  if (reader) return { ...unchecked, reader: prefixed(head, reader), close: () => {} };
  const stream = streamReader(whole());
  return { ...unchecked, reader: stream, close: stream.close };
}

function inflatedContent(stream: ReadableStream<Uint8Array>): Content {
  const inflated = streamReader(stream);
  const read = async (buffer: Uint8Array): Promise<number | null> => {
    try {
      return await inflated.read(buffer);
    } catch (cause) {
      throw new Error("the gzip data is damaged, cut off, or followed by something else", { cause });
    }
  };
  const check = async (): Promise<void> => {
    const buffer = new Uint8Array(2 ** 20);
    for (let count: number | null = 0, done = 0; count !== null && done < CHECKED; done += count ?? 0) {
      count = await read(buffer);
    }
  };
  return { reader: { read }, inflated: true, check, close: inflated.close };
}

/** Inflates, and asks for no more than the next piece before what came of the last one is taken. */
function inflate(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return stream
    .pipeThrough(toTransformStream(pieces, undefined, { highWaterMark: 0 }))
    .pipeThrough(new DecompressionStream("gzip"));
}

async function* pieces(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += GZIP_PIECE) yield chunk.slice(at, at + GZIP_PIECE);
  }
}

function prefixed(head: Uint8Array, reader: ByteReader): ByteReader {
  let left = head;
  return {
    read: (buffer) => {
      if (left.length === 0) return reader.read(buffer);
      const piece = left.subarray(0, buffer.length);
      buffer.set(piece);
      left = left.subarray(piece.length);
      return piece.length;
    },
  };
}

function streamReader(stream: ReadableStream<Uint8Array>): ByteReader & Pick<Content, "close"> {
  const chunks = stream.getReader();
  let chunk: Uint8Array = new Uint8Array();
  const read = async (buffer: Uint8Array): Promise<number | null> => {
    while (chunk.length === 0) {
      const { value } = await chunks.read();
      if (!value) return null;
      chunk = value;
    }
    const piece = chunk.subarray(0, buffer.length);
    buffer.set(piece);
    chunk = chunk.subarray(piece.length);
    return piece.length;
  };
  return { read, close: () => void chunks.cancel().catch(() => {}) };
}

/**
 * Reads the first bytes of a reader.
 *
 * @param reader The reader.
 * @returns {@linkcode HEAD_SIZE} bytes, or as many as there are.
 */
export async function readHead(reader: ByteReader): Promise<Uint8Array> {
  const head = new Uint8Array(HEAD_SIZE);
  let length = 0;
  while (length < head.length) {
    const count = await reader.read(head.subarray(length));
    if (count === null) break;
    length += count;
  }
  return head.subarray(0, length);
}
