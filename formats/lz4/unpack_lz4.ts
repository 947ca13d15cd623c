/**
 * Unpacks lz4 data: frames, and the blocks of the legacy format (LZ4 Frame Format Description, 1.6.2), which a kernel's
 * payload has.
 *
 * @module
 */

import xxhash, { type XXHashAPI } from "xxhash-wasm";
import type { Decode } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated, unsupported } from "../unpack_error.ts";
import { unpackBlock } from "./block.ts";

const FRAME = 0x184d2204;
const LEGACY = 0x184c2102;
const SKIPPABLE = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;

/** FLG. */
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const BLOCKS_ARE_INDEPENDENT = 0x20;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_SIZE = 0x08;
const HAS_CHECKSUM = 0x04;
const RESERVED = 0x02;
const HAS_DICTIONARY = 0x01;

/** BD: block maximum sizes 4 to 7. */
const BLOCK_SIZES: Readonly<Record<number, number>> = { 4: 2 ** 16, 5: 2 ** 18, 6: 2 ** 20, 7: 2 ** 22 };

/** The bit of a block's size that says that it is stored. */
const STORED = 0x80000000;

/** How far back a match may refer. */
const WINDOW = 2 ** 16;

const LEGACY_BLOCK = 2 ** 23;
/** The most bytes that a legacy block takes: what LZ4_compressBound() gives for its size. */
const LEGACY_PACKED = LEGACY_BLOCK + Math.floor(LEGACY_BLOCK / 255) + 16;

/** Legacy data has no checksums. */
let loadedHashes: Promise<XXHashAPI> | undefined;

type Lz4Format = "lz4" | "lz4-legacy";

/** Returns a buffer of at least `size` bytes. */
type Room = (size: number) => Uint8Array;

/** Unpacks lz4 data, which starts with a frame: all frames, skippable and legacy ones too. */
export const unpackLz4: Decode = (input) => frames(input, "lz4");

/** Unpacks lz4 data in the legacy format, which ends where the file does, or at the next frame. */
export const unpackLz4Legacy: Decode = (input) => frames(input, "lz4-legacy");

async function* frames(input: PackedInput, format: Lz4Format): AsyncGenerator<Uint8Array, void> {
  let buffer = new Uint8Array();
  /** Data may be made of many frames: they share a buffer. */
  const room = (size: number): Uint8Array => {
    if (buffer.length < size) buffer = new Uint8Array(size);
    return buffer;
  };
  for (;;) {
    const bytes = await input.take(4);
    if (bytes.length === 0) return;
    const magic = bytes.length < 4 ? 0 : word(bytes, 0);
    if (magic === FRAME) yield* unpackFrame(input, room);
    else if (magic === LEGACY) yield* unpackLegacy(input, format, room);
    else if ((magic & SKIPPABLE_MASK) === SKIPPABLE) await skip(input, word(await takeAll(input, 4, format), 0));
    else throw damaged(format, "what follows a frame is not one");
  }
}

/** The blocks after the magic number, up to the end of the data or to what is larger than a block: a magic number. */
async function* unpackLegacy(input: PackedInput, format: Lz4Format, room: Room): AsyncGenerator<Uint8Array, void> {
  const output = room(LEGACY_BLOCK);
  for (;;) {
    const field = await input.take(4);
    if (field.length === 0) return;
    if (field.length < 4) throw truncated(format);
    const size = word(field, 0);
    if (size > LEGACY_PACKED) {
      const isFrame = size === FRAME || size === LEGACY || (size & SKIPPABLE_MASK) === SKIPPABLE;
      if (!isFrame) throw damaged(format, `a block has ${size} bytes`);
      return input.putBack(field);
    }
    if (size === 0) throw damaged(format, "a block is empty");
    const block = await takeAll(input, size, format);
    yield output.subarray(0, unpackBlock(format, block, output, 0, LEGACY_BLOCK));
  }
}

async function* unpackFrame(input: PackedInput, room: Room): AsyncGenerator<Uint8Array, void> {
  const hashes = await (loadedHashes ??= xxhash());
  const { flags, blockSize, size } = await takeDescriptor(input, hashes);
  const isIndependent = (flags & BLOCKS_ARE_INDEPENDENT) !== 0;
  const digest = flags & HAS_CHECKSUM ? hashes.create32() : undefined;
  const output = room(WINDOW + blockSize);
  let history = 0;
  let total = 0;
  for (;;) {
    const field = word(await takeAll(input, 4, "lz4"), 0);
    if (field === 0) break;
    const isStored = field >= STORED;
    const length = isStored ? field - STORED : field;
    if (length > blockSize) throw damaged("lz4", `a block has ${length} bytes, and its frame allows ${blockSize}`);
    const block = await takeAll(input, length, "lz4");
    if (flags & HAS_BLOCK_CHECKSUMS && word(await takeAll(input, 4, "lz4"), 0) !== hashes.h32Raw(block)) {
      throw damaged("lz4", "a block does not match its checksum");
    }
    if (isStored) output.set(block, history);
    const end = isStored ? history + length : unpackBlock("lz4", block, output, history, history + blockSize);
    const piece = output.subarray(history, end);
    total += piece.length;
    digest?.update(piece);
    yield piece;
    if (isIndependent) continue;
    const kept = Math.min(end, WINDOW);
    output.copyWithin(0, end - kept, end);
    history = kept;
  }
  if (size !== undefined && size !== BigInt(total)) {
    throw damaged("lz4", "its content does not match its recorded size");
  }
  if (digest && word(await takeAll(input, 4, "lz4"), 0) !== digest.digest()) {
    throw damaged("lz4", "its content does not match its checksum");
  }
}

/** What a frame's descriptor says. */
interface Descriptor {
  readonly flags: number;
  readonly blockSize: number;
  readonly size?: bigint;
}

async function takeDescriptor(input: PackedInput, { h32Raw }: XXHashAPI): Promise<Descriptor> {
  const [flags, sizes] = await takeAll(input, 2, "lz4");
  if ((flags & VERSION_MASK) !== VERSION) throw damaged("lz4", "a frame has an unknown version");
  const blockSize = BLOCK_SIZES[sizes >> 4];
  if (flags & RESERVED || sizes & 0x8f || blockSize === undefined) {
    throw damaged("lz4", "a frame's descriptor has reserved bits");
  }
  const optional = await takeAll(input, (flags & HAS_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0), "lz4");
  const [checksum] = await takeAll(input, 1, "lz4");
  const descriptor = Uint8Array.of(flags, sizes, ...optional);
  if ((h32Raw(descriptor) >>> 8 & 0xff) !== checksum) {
    throw damaged("lz4", "a frame's descriptor does not match its checksum");
  }
  if (flags & HAS_DICTIONARY) throw unsupported("lz4", "a dictionary", "lz4 -dc -D DICTIONARY FILE | kload load -");
  if (!(flags & HAS_SIZE)) return { flags, blockSize };
  return { flags, blockSize, size: new DataView(optional.buffer, optional.byteOffset).getBigUint64(0, true) };
}

async function skip(input: PackedInput, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const bytes = await input.next();
    if (bytes.length === 0) throw truncated("lz4");
    if (bytes.length > left) input.putBack(bytes.subarray(left));
    left -= bytes.length;
  }
}

async function takeAll(input: PackedInput, count: number, format: Lz4Format): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw truncated(format);
  return bytes;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
