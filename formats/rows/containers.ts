/**
 * Formats of compressed data.
 *
 * @module
 */

import type { FormatName } from "../format.ts";
import { type Head, headOf } from "../head.ts";
import type { FormatRow } from "./row.ts";

/** The compressed formats that have magic numbers. */
export const CONTAINERS: readonly FormatRow[] = [
  // RFC 1952, "Member header and trailer": ID1, ID2
  { name: "gzip", test: (head) => head.has(0, [0x1f, 0x8b]), describe: () => "gzip data" },
  { // The .xz File Format 1.2.1, 2.1.1 "Stream Header"
    name: "xz",
    test: (head) => head.has(0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
    describe: () => "xz data",
  },
  { // RFC 8878, 3.1.1 "Zstandard Frames" and 3.1.2 "Skippable Frames"
    name: "zstd",
    test: (head) => head.u32(0) === 0xfd2fb528 || (head.u32(0) & ~0xf) === 0x184d2a50 && zstdFollows(head),
    describe: () => "zstd data",
  },
  // LZ4 Frame Format 1.6.2, "General Structure of LZ4 Frame format" and "Legacy frame"
  { name: "lz4", test: (head) => head.u32(0) === 0x184d2204, describe: () => "lz4 data" },
  { name: "lz4-legacy", test: (head) => head.u32(0) === 0x184c2102, describe: () => "lz4 data in the legacy format" },
  { // The header of the stream, and the magic number of a block (BCD π) or of the end (BCD √π)
    name: "bzip2",
    test: (head) =>
      head.has(0, "BZh") && head.u8(3) >= 0x31 && head.u8(3) <= 0x39 &&
      (head.has(4, [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]) || head.has(4, [0x17, 0x72, 0x45, 0x38, 0x50, 0x90])),
    describe: () => "bzip2 data",
  },
  { // lzop's conf.h: the magic number of a file
    name: "lzo",
    test: (head) => head.has(0, [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]),
    describe: () => "lzo data, as lzop writes it",
    advise: () => ({ hint: "kload does not unpack lzo; lzop does:", command: "lzop -dc FILE | kload load -" }),
  },
];

/** The .lzma format has no magic number, so this row comes after all that have one. */
export const LZMA: FormatRow = { name: "lzma", test: isLzma, describe: () => "lzma data" };

/**
 * Names the container that data is in.
 *
 * @param bytes The first bytes of the data.
 * @returns The name of the format; `undefined` if it is not compressed, or by something else.
 */
export function containerOf(bytes: Uint8Array): FormatName | undefined {
  const head = headOf(bytes);
  return [...CONTAINERS, LZMA].find(({ test }) => test(head))?.name;
}

/** A skippable frame starts lz4 data as well as zstd data: the frame after it decides. */
function zstdFollows(head: Head): boolean {
  let offset = 0;
  while ((head.u32(offset) & ~0xf) === 0x184d2a50) offset += 8 + head.u32(offset + 4);
  return head.u32(offset) !== 0x184d2204;
}

/** The most bytes that .lzma data claims to hold: what xz accepts. */
const LZMA_MOST = 2 ** 38;

/** lc = 3, lp = 0, pb = 2: what every packer of .lzma files writes, unless it is told otherwise. */
const LZMA_PROPERTIES = 0x5d;

/**
 * The header of a .lzma file (LZMA SDK, lzma-specification.txt, "LZMA file format"): properties, dictionary size, size;
 * and the first byte of the range coder, which is always 0. The limits are those of xz's decoder, but for the properties:
 * a magic number of one byte is better than none.
 */
function isLzma(head: Head): boolean {
  if (head.bytes.length < 14 || head.u8(0) !== LZMA_PROPERTIES) return false;
  const dictionary = head.u32(1);
  const top = 2 ** Math.floor(Math.log2(dictionary));
  const isUsual = dictionary === 0xffff_ffff || dictionary === top || dictionary === top * 1.5;
  const [low, high] = [head.u32(5), head.u32(9)];
  const size = low + high * 2 ** 32;
  const isPlausible = (low === 0xffff_ffff && high === 0xffff_ffff) || (size > 0 && size < LZMA_MOST);
  return dictionary >= 2 ** 12 && isUsual && isPlausible && head.u8(13) === 0;
}
