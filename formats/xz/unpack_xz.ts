/**
 * Unpacks xz data, with the x86 filter too, which kernels' payloads have (The .xz File Format 1.2.1).
 *
 * @module
 */

import { crc32 } from "../checksums/crc32.ts";
import { crc64 } from "../checksums/crc64.ts";
import { sha256 } from "../checksums/sha256.ts";
import type { Decode, DecodeOptions } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { LzmaDecoder } from "../lzma/lzma_decoder.ts";
import { damaged, truncated } from "../unpack_error.ts";
import { bcjX86 } from "./bcj_x86.ts";
import { type BlockHeader, readBlockHeader, vliReader } from "./block_header.ts";
import { unpackLzma2 } from "./lzma2.ts";

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const FOOTER_MAGIC = 0x5a59;

/** 2.1.1.2 "Stream Flags": the check, and its size. */
const CHECK_SIZES: readonly number[] = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const CRC32 = 1;
const CRC64 = 4;
const SHA256 = 10;

const SMALLEST_WINDOW = 2 ** 12;

/** What the blocks of a file share. */
interface XzOptions extends DecodeOptions {
  /** Returns a decoder: the one of the block before, if its window is large enough. */
  readonly decoderFor: (windowSize: number) => LzmaDecoder;
}

/** What the index has to say of a block. */
interface Record {
  readonly unpaddedSize: number;
  readonly size: number;
}

/** Unpacks xz data: all streams, with padding between them. Checksums and sizes are compared. */
export const unpackXz: Decode = async function* (input, { maxMemory }): AsyncGenerator<Uint8Array, void> {
  let decoder = new LzmaDecoder(SMALLEST_WINDOW);
  const decoderFor = (windowSize: number): LzmaDecoder => {
    if (decoder.window.length < windowSize) decoder = new LzmaDecoder(windowSize);
    return decoder;
  };
  for (let streams = 0;; streams++) {
    const magic = await input.take(4);
    if (magic.length === 0 && streams > 0) return;
    if (magic.length < 4) throw truncated("xz");
    const isPadding = streams > 0 && magic.every((byte) => byte === 0);
    if (isPadding) continue;
    const rest = await takeAll(input, 8);
    const header = Uint8Array.of(...magic, ...rest);
    if (MAGIC.some((byte, index) => header[index] !== byte)) throw damaged("xz", "what follows a stream is not one");
    yield* unpackStream(input, header, { maxMemory, decoderFor });
  }
};

async function* unpackStream(
  input: PackedInput,
  header: Uint8Array,
  options: XzOptions,
): AsyncGenerator<Uint8Array, void> {
  const [reserved, check] = header.subarray(6);
  if (word(header, 8) !== crc32(header.subarray(6, 8))) throw damaged("xz", "its header does not match its checksum");
  if (reserved !== 0 || check > 15) throw damaged("xz", "its header has reserved bits");
  const records: Record[] = [];
  for (;;) {
    const [headerSize] = await takeAll(input, 1);
    if (headerSize === 0) break;
    const rest = await takeAll(input, headerSize * 4 + 3);
    yield* unpackBlock(input, Uint8Array.of(headerSize, ...rest), check, records, options);
  }
  const indexSize = await checkIndex(input, records);
  const footer = await takeAll(input, 12);
  if (word(footer, 0) !== crc32(footer.subarray(4, 10))) throw damaged("xz", "its footer does not match its checksum");
  const isRight = word(footer, 4) === indexSize / 4 - 1 && footer[8] === reserved && footer[9] === check &&
    (footer[10] | footer[11] << 8) === FOOTER_MAGIC;
  if (!isRight) throw damaged("xz", "its footer does not fit its content");
}

async function* unpackBlock(
  input: PackedInput,
  headerBytes: Uint8Array,
  check: number,
  records: Record[],
  options: XzOptions,
): AsyncGenerator<Uint8Array, void> {
  const header = readBlockHeader(headerBytes);
  const start = input.position;
  const sum = checksum(check);
  let size = 0;
  for await (const piece of filtered(input, header, options)) {
    size += piece.length;
    sum.add(piece);
    yield piece;
  }
  const packedSize = input.position - start;
  if ((header.size ?? size) !== size || (header.packedSize ?? packedSize) !== packedSize) {
    throw damaged("xz", "a block does not match its recorded size");
  }
  const padding = await takeAll(input, -packedSize & 3);
  if (padding.some((byte) => byte !== 0)) throw damaged("xz", "a block's padding is not zero");
  if (!sum.matches(await takeAll(input, CHECK_SIZES[check]))) {
    throw damaged("xz", "its content does not match its checksum");
  }
  records.push({ unpaddedSize: headerBytes.length + packedSize + CHECK_SIZES[check], size });
}

/** A block's content after its filters. */
async function* filtered(
  input: PackedInput,
  { dictionary, x86, size = Infinity }: BlockHeader,
  { maxMemory, decoderFor }: XzOptions,
): AsyncGenerator<Uint8Array, void> {
  const pieces = unpackLzma2(input, decoderFor(Math.max(SMALLEST_WINDOW, Math.min(dictionary, size, maxMemory + 1))));
  if (!x86) return yield* pieces;
  const filter = bcjX86(x86.offset);
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of pieces) {
    const bytes = new Uint8Array(rest.length + piece.length);
    bytes.set(rest);
    bytes.set(piece, rest.length);
    const count = filter.convert(bytes);
    rest = bytes.subarray(count);
    if (count > 0) yield bytes.subarray(0, count);
  }
  if (rest.length > 0) yield rest;
}

/** A block's check. */
interface Checksum {
  readonly add: (bytes: Uint8Array) => void;
  readonly matches: (field: Uint8Array) => boolean;
}

function checksum(check: number): Checksum {
  if (check === CRC32) {
    let crc = 0;
    return { add: (bytes) => void (crc = crc32(bytes, crc)), matches: (field) => word(field, 0) === crc };
  }
  if (check === CRC64) {
    const { add, value } = crc64();
    const matches = ({ buffer, byteOffset }: Uint8Array) =>
      new DataView(buffer, byteOffset).getBigUint64(0, true) === value();
    return { add, matches };
  }
  if (check === SHA256) {
    const { add, value } = sha256();
    const matches = (field: Uint8Array) => value().every((byte, at) => field[at] === byte);
    return { add, matches };
  }
  return { add: () => {}, matches: () => true };
}

/** Compares the index (4 "Index") with the blocks, after its first byte; returns its size. */
async function checkIndex(input: PackedInput, records: readonly Record[]): Promise<number> {
  const start = input.position - 1;
  const fields = Uint8Array.from([0, ...await takeVlis(input, 1 + 2 * records.length)]);
  const { vli } = vliReader(fields, 1);
  const isRight = vli() === records.length &&
    records.every(({ unpaddedSize, size }) => vli() === unpaddedSize && vli() === size);
  const padding = await takeAll(input, -(input.position - start) & 3);
  if (!isRight || padding.some((byte) => byte !== 0)) throw damaged("xz", "its index does not fit its blocks");
  const sum = word(await takeAll(input, 4), 0);
  if (sum !== crc32(padding, crc32(fields))) throw damaged("xz", "its index does not match its checksum");
  return input.position - start;
}

/** So many numbers of variable length. */
async function takeVlis(input: PackedInput, count: number): Promise<readonly number[]> {
  const bytes: number[] = [];
  for (let left = count; left > 0;) {
    const [byte] = await takeAll(input, 1);
    bytes.push(byte);
    if (byte < 0x80) left--;
    if (bytes.length > 9 * count) throw damaged("xz", "its index does not fit its blocks");
  }
  return bytes;
}

async function takeAll(input: PackedInput, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw truncated("xz");
  return bytes;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
