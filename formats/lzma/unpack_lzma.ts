/**
 * Unpacks .lzma data (LZMA SDK, lzma-specification.txt, "LZMA file format").
 *
 * @module
 */

import type { Decode } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated } from "../unpack_error.ts";
import { LzmaDamage, LzmaDecoder, MOST_PER_SYMBOL, propertiesOf } from "./lzma_decoder.ts";

const HEADER_SIZE = 13;
const RANGE_START = 5;
const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn;
const SMALLEST_WINDOW = 2 ** 12;

/** How many bytes to decode at a time. */
const STEP = 2 ** 17;

/** Unpacks .lzma data. It has no checksum; its end is marked, or its size is known. */
export const unpackLzma: Decode = async function* (input, { maxMemory }): AsyncGenerator<Uint8Array, void> {
  const header = await takeAll(input, HEADER_SIZE);
  const view = new DataView(header.buffer, header.byteOffset, HEADER_SIZE);
  const properties = propertiesOf(header[0]);
  if (!properties) throw damaged("lzma", "its properties are out of range");
  const recorded = view.getBigUint64(5, true);
  const size = recorded === UNKNOWN_SIZE ? Infinity : Number(recorded);
  const window = Math.max(SMALLEST_WINDOW, Math.min(view.getUint32(1, true), size, maxMemory + 1));
  const decoder = new LzmaDecoder(window);
  decoder.setProperties(properties);
  try {
    decoder.startRange(await takeAll(input, RANGE_START));
    yield* decodeAll(decoder, input, size);
    if ((await input.next()).length > 0) throw damaged("lzma", "something follows its end");
  } catch (error) {
    throw error instanceof LzmaDamage ? damaged("lzma", error.message) : error;
  }
};

async function* decodeAll(decoder: LzmaDecoder, input: PackedInput, size: number): AsyncGenerator<Uint8Array, void> {
  let buffer: Uint8Array = new Uint8Array();
  let at = 0;
  let isAll = false;
  /** Decodes up to some bytes more, and returns them. */
  const step = async (most: number): Promise<Uint8Array> => {
    while (!isAll && buffer.length - at < MOST_PER_SYMBOL) {
      const more = await input.next();
      isAll = more.length === 0;
      buffer = joined(buffer.subarray(at), more);
      at = 0;
    }
    decoder.wrap();
    const from = decoder.position;
    const safeEnd = isAll ? buffer.length + 1 : buffer.length - MOST_PER_SYMBOL + 1;
    try {
      at = decoder.decode(buffer, at, safeEnd, Math.min(decoder.window.length, from + most));
    } catch (error) {
      // What looks like damage may be the zeros that are read past the end.
      throw decoder.inputOffset() > buffer.length ? truncated("lzma") : error;
    }
    if (at > buffer.length) throw truncated("lzma");
    return decoder.window.subarray(from, decoder.position);
  };
  let left = size;
  while (left > 0 && !decoder.ended) {
    const piece = await step(Math.min(STEP, left));
    left -= piece.length;
    yield piece;
  }
  const finish = (): void => {
    at = decoder.finish(buffer, at);
    if (at > buffer.length) throw truncated("lzma");
  };
  if (decoder.ended && size !== Infinity && left > 0) throw damaged("lzma", "it ends before its recorded size");
  finish();
  if (!decoder.isRangeFinished() && !decoder.ended) {
    // A file may both record its size and mark its end.
    if ((await step(1)).length > 0) throw damaged("lzma", "it goes on after its recorded size");
    finish();
  }
  if (!decoder.isRangeFinished()) throw damaged("lzma", "its end does not fit its content");
  input.putBack(buffer.subarray(at));
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

async function takeAll(input: PackedInput, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw truncated("lzma");
  return bytes;
}
