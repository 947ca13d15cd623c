/**
 * The content of a file: its bytes, decompressed if they are gzip.
 *
 * @module
 */

import type { ByteReader } from "../../mod.ts";

/** The first bytes of gzip data: RFC 1952, "Member header and trailer", ID1 and ID2. */
const GZIP_MAGIC = [0x1f, 0x8b];

/** The most bytes to inflate on the way to the last checksum: the data may be a decompression bomb. */
const CHECKED = 64 * 2 ** 20;

/** The content of a file. */
export interface Content {
  /** Reads it. */
  readonly reader: ByteReader;
  /** Whether it was inflated. */
  readonly inflated: boolean;
  /**
   * If it was inflated, reads on to the checksum at its end, unless that is too far. Rejects if the data is damaged:
   * then nothing that was inflated can be trusted.
   */
  readonly check: () => Promise<void>;
  /** Stops inflating; the file stays open. */
  readonly close: () => void;
}

/**
 * Opens the content of a file, inflating it if it is gzip.
 *
 * @param file Reads the file from its first byte on.
 * @returns The content.
 */
export async function contentOf(file: ByteReader): Promise<Content> {
  const { head, reader } = await peek(file, GZIP_MAGIC.length);
  if (!GZIP_MAGIC.every((byte, index) => head[index] === byte)) {
    return { reader, inflated: false, check: () => Promise.resolve(), close: () => {} };
  }
  const { inflate } = await import("./gzip.ts");
  const content = inflate(reader);
  return { reader: content, inflated: true, check: () => readOn(content), close: content.close };
}

async function readOn(reader: ByteReader): Promise<void> {
  const buffer = new Uint8Array(2 ** 20);
  for (let done = 0; done < CHECKED;) {
    const count = await reader.read(buffer);
    if (count === null) return;
    done += count;
  }
}

/** Reads the first bytes, or as many as there are; the returned reader starts with them again. */
async function peek(
  file: ByteReader,
  size: number,
): Promise<{ readonly head: Uint8Array; readonly reader: ByteReader }> {
  const buffer = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const count = await file.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
  }
  const head = buffer.subarray(0, length);
  let left = head;
  const read = (into: Uint8Array): ReturnType<ByteReader["read"]> => {
    if (left.length === 0) return file.read(into);
    const piece = left.subarray(0, into.length);
    into.set(piece);
    left = left.subarray(piece.length);
    return piece.length;
  };
  return { head, reader: { read } };
}
