/**
 * LZMA2, which packs in chunks: stored, or LZMA (The .xz File Format 1.2.1, 5.3.1 "LZMA2"; the chunks' layout is that of
 * the LZMA SDK).
 *
 * @module
 */

import type { PackedInput } from "../input/packed_input.ts";
import { LzmaDamage, type LzmaDecoder, propertiesOf } from "../lzma/lzma_decoder.ts";
import { damaged, truncated } from "../unpack_error.ts";

// The control byte of a chunk
const END = 0x00;
const STORED_AFTER_RESET = 0x01;
const STORED = 0x02;
const LZMA = 0x80;
const RESETS_STATE = 0xa0;
const HAS_PROPERTIES = 0xc0;
const RESETS_DICTIONARY = 0xe0;

const RANGE_START = 5;

/** How many bytes to decode at a time. */
const STEP = 2 ** 17;

/**
 * Unpacks LZMA2 up to its end mark.
 *
 * @param input The compressed data.
 * @param decoder A decoder whose window is large enough.
 * @returns The pieces, each valid until the next one is asked for.
 */
export async function* unpackLzma2(input: PackedInput, decoder: LzmaDecoder): AsyncGenerator<Uint8Array, void> {
  let needsDictionaryReset = true;
  let needsProperties = true;
  let needsStateReset = true;
  for (;;) {
    const [control] = await takeAll(input, 1);
    if (control === END) return;
    if (control > STORED && control < LZMA) throw damaged("xz", `a chunk has the unknown type ${control}`);
    if (control === STORED_AFTER_RESET || control >= RESETS_DICTIONARY) {
      decoder.resetDictionary();
      needsDictionaryReset = false;
      needsProperties ||= control === STORED_AFTER_RESET;
    }
    if (needsDictionaryReset) throw damaged("xz", "its first chunk does not reset the dictionary");
    if (control < LZMA) {
      const [high, low] = await takeAll(input, 2);
      yield* storedChunk(decoder, input, (high << 8 | low) + 1);
      continue;
    }
    const [sizeHigh, sizeLow, packedHigh, packedLow] = await takeAll(input, 4);
    const size = (control & 0x1f) * 2 ** 16 + (sizeHigh << 8 | sizeLow) + 1;
    const packedSize = (packedHigh << 8 | packedLow) + 1;
    if (control >= HAS_PROPERTIES) {
      const properties = propertiesOf((await takeAll(input, 1))[0]);
      if (!properties || properties.lc + properties.lp > 4) {
        throw damaged("xz", "a chunk's properties are out of range");
      }
      decoder.setProperties(properties);
      needsProperties = needsStateReset = false;
    } else if (control >= RESETS_STATE && !needsProperties) {
      decoder.resetState();
      needsStateReset = false;
    }
    if (needsProperties || needsStateReset) throw damaged("xz", "a chunk goes on from one that is not there");
    try {
      yield* lzmaChunk(decoder, await takeAll(input, packedSize), size);
    } catch (error) {
      throw error instanceof LzmaDamage ? damaged("xz", error.message) : error;
    }
  }
}

async function* storedChunk(decoder: LzmaDecoder, input: PackedInput, size: number): AsyncGenerator<Uint8Array, void> {
  for (let left = size; left > 0;) {
    decoder.wrap();
    const from = decoder.position;
    const bytes = await takeAll(input, Math.min(left, decoder.window.length - from));
    decoder.store(bytes);
    left -= bytes.length;
    yield decoder.window.subarray(from, decoder.position);
  }
}

function* lzmaChunk(decoder: LzmaDecoder, packed: Uint8Array, size: number): Generator<Uint8Array, void> {
  if (packed.length < RANGE_START) throw damaged("xz", "a chunk is too short");
  decoder.startRange(packed);
  let at = RANGE_START;
  for (let left = size; left > 0;) {
    decoder.wrap();
    const from = decoder.position;
    const limit = Math.min(decoder.window.length, from + Math.min(left, STEP));
    at = decoder.decode(packed, at, packed.length + 1, limit);
    if (decoder.ended) throw damaged("xz", "a chunk has an end mark");
    if (at > packed.length) throw damaged("xz", "a chunk goes past its end");
    left -= decoder.position - from;
    yield decoder.window.subarray(from, decoder.position);
  }
  at = decoder.finish(packed, at);
  if (at !== packed.length || !decoder.isRangeFinished()) throw damaged("xz", "a chunk's end does not fit its content");
  if (decoder.isInMatch()) throw damaged("xz", "a match goes past the end of its chunk");
}

async function takeAll(input: PackedInput, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw truncated("xz");
  return bytes;
}
