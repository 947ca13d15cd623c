/**
 * The compressed kernel in a Linux kernel image.
 *
 * @module
 */

import type { ByteReader } from "../../core/intake/source.ts";
import { containerOf } from "../rows/containers.ts";
import { peek } from "../input/peek.ts";
import { truncated } from "../unpack_error.ts";

/** The payload of an image. */
export interface Payload {
  /** Reads the compressed kernel. */
  readonly reader: ByteReader;
  /** Reads on to the unpacked size that is recorded after it; gzip data records its own instead. */
  readonly recordedSize?: () => Promise<number>;
}

/** The size that follows the compressed kernel (arch/x86/boot/compressed: "size_append"). */
const SIZE_FIELD = 4;

/** How many bytes show what the payload is compressed by. */
const MAGIC_SIZE = 14;

/**
 * Opens the payload of an image.
 *
 * @param image Reads the image from its first byte.
 * @param range The range of the payload in it.
 * @returns The payload.
 * @throws {UnpackError} If the image ends before it.
 */
export async function openPayload(
  image: ByteReader,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Payload> {
  await skip(image, offset);
  const { head, reader } = await peek(image, Math.min(MAGIC_SIZE, length));
  const container = containerOf(head);
  // Without compression there is no size either.
  const hasSize = container !== undefined && container !== "gzip" && length > SIZE_FIELD;
  const payload = limited(reader, hasSize ? length - SIZE_FIELD : length);
  if (!hasSize) return { reader: payload };
  let size: Promise<number> | undefined;
  return { reader: payload, recordedSize: () => size ??= readSize(payload, reader) };
}

async function readSize(payload: ByteReader, reader: ByteReader): Promise<number> {
  await skip(payload, Infinity);
  const { head } = await peek(reader, SIZE_FIELD);
  if (head.length < SIZE_FIELD) throw truncated("bzimage");
  return new DataView(head.buffer, head.byteOffset).getUint32(0, true);
}

/** Reads up to a number of bytes; rejects if there are fewer. */
function limited(reader: ByteReader, length: number): ByteReader {
  let left = length;
  const read = async (buffer: Uint8Array): Promise<number | null> => {
    if (left === 0) return null;
    const count = await reader.read(buffer.subarray(0, left));
    if (count === null) throw truncated("bzimage");
    left -= count;
    return count;
  };
  return { read };
}

/** Reads a number of bytes without keeping them, or all that there are. */
async function skip(reader: ByteReader, length: number): Promise<void> {
  const buffer = new Uint8Array(Math.min(length, 2 ** 16));
  for (let left = length; left > 0;) {
    const count = await reader.read(buffer.subarray(0, Math.min(left, buffer.length)));
    if (count === null && length === Infinity) return;
    if (count === null) throw truncated("bzimage");
    left -= count;
  }
}
