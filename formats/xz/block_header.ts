/**
 * The header of a block (The .xz File Format 1.2.1, 3.1 "Block Header").
 *
 * @module
 */

import { crc32 } from "../checksums/crc32.ts";
import { damaged, unsupported } from "../unpack_error.ts";

/** What a block's header says. */
export interface BlockHeader {
  /** The size of the dictionary. */
  readonly dictionary: number;
  /** Whether the x86 filter was applied, and from which offset on. */
  readonly x86?: { readonly offset: number };
  /** The size of the compressed data, if it is recorded. */
  readonly packedSize?: number;
  /** The size of the unpacked data, if it is recorded. */
  readonly size?: number;
}

// Block Flags
const FILTER_COUNT = 0x03;
const RESERVED = 0x3c;
const HAS_PACKED_SIZE = 0x40;
const HAS_SIZE = 0x80;

// 5.3 "Filter IDs"
const X86 = 0x04;
const LZMA2 = 0x21;
const FILTERS: Readonly<Record<number, string>> = {
  0x03: "Delta",
  [X86]: "BCJ x86",
  0x05: "BCJ PowerPC",
  0x06: "BCJ IA-64",
  0x07: "BCJ ARM",
  0x08: "BCJ ARM Thumb",
  0x09: "BCJ SPARC",
  0x0a: "BCJ ARM64",
  0x0b: "BCJ RISC-V",
};

/** 5.3.1 "LZMA2": the largest dictionary, just under 4 GiB. */
const LARGEST = 40;

/**
 * Reads a block's header.
 *
 * @param bytes The header, from its size byte to its checksum.
 * @returns What it says.
 * @throws {UnpackError} If it is damaged, or has filters that are not supported.
 */
export function readBlockHeader(bytes: Uint8Array): BlockHeader {
  const content = bytes.subarray(0, -4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(content.length, true) !== crc32(content)) {
    throw damaged("xz", "a block's header does not match its checksum");
  }
  const flags = content[1];
  const fields = vliReader(content, 2);
  const packedSize = flags & HAS_PACKED_SIZE ? fields.vli() : undefined;
  const size = flags & HAS_SIZE ? fields.vli() : undefined;
  const filters = Array.from({ length: (flags & FILTER_COUNT) + 1 }, () => {
    const id = fields.vli();
    return { id, properties: fields.bytes(fields.vli()) };
  });
  if (flags & RESERVED || fields.bytes(Infinity).some((byte) => byte !== 0)) {
    throw damaged("xz", "a block's header has reserved bits");
  }
  const foreign = filters.find(({ id }) => id !== LZMA2 && id !== X86);
  if (foreign) throw unsupportedFilter(FILTERS[foreign.id] ?? `0x${foreign.id.toString(16)}`);
  const [x86, lzma2] = filters.length === 1 ? [undefined, filters[0]] : filters;
  if (filters.length > 2 || lzma2.id !== LZMA2 || (x86 && x86.id !== X86)) throw unsupportedFilter("chain of filters");
  return {
    dictionary: dictionarySize(lzma2.properties),
    ...(x86 ? { x86: { offset: x86Offset(x86.properties) } } : {}),
    ...(packedSize === undefined ? {} : { packedSize }),
    ...(size === undefined ? {} : { size }),
  };
}

function unsupportedFilter(name: string) {
  return unsupported(
    "xz",
    name === "chain of filters" ? "a chain of filters" : `the ${name} filter`,
    "xz -dc FILE | kload load -",
  );
}

function dictionarySize(properties: Uint8Array): number {
  const [bits] = properties;
  if (properties.length !== 1 || bits > LARGEST) throw damaged("xz", "its dictionary's size is out of range");
  return bits === LARGEST ? 2 ** 32 - 1 : (2 | bits & 1) * 2 ** ((bits >> 1) + 11);
}

function x86Offset(properties: Uint8Array): number {
  if (properties.length === 0) return 0;
  if (properties.length !== 4) throw damaged("xz", "the properties of the x86 filter have a wrong size");
  return new DataView(properties.buffer, properties.byteOffset, 4).getUint32(0, true);
}

/** Reads fields one after the other. */
interface VliReader {
  /** An integer of variable length (1.2 "Multibyte Integers"). */
  readonly vli: () => number;
  /** So many bytes, or what is left. */
  readonly bytes: (count: number) => Uint8Array;
}

/**
 * Reads fields of variable length.
 *
 * @param content What has them.
 * @param start Offset of the first.
 * @returns The reader.
 */
export function vliReader(content: Uint8Array, start: number): VliReader {
  let at = start;
  const vli = (): number => {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      if (at >= content.length) throw damaged("xz", "a header's fields go past its end");
      const byte = content[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if ((byte === 0 && shift > 0) || value > Number.MAX_SAFE_INTEGER) throw damaged("xz", "a number is too large");
        return value;
      }
      if (shift === 56) throw damaged("xz", "a number is too large");
    }
  };
  const bytes = (count: number): Uint8Array => {
    if (count !== Infinity && count > content.length - at) throw damaged("xz", "a header's fields go past its end");
    const piece = content.subarray(at, count === Infinity ? content.length : at + count);
    at += piece.length;
    return piece;
  };
  return { vli, bytes };
}
