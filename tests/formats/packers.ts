/** The tools that pack, each with the decoder of what it makes. */

import { concat } from "@std/bytes/concat";
import { unpackBzip2 } from "../../formats/bzip2/unpack_bzip2.ts";
import { inflate } from "../../formats/gzip/inflate.ts";
import { decoded } from "../../formats/input/decoded.ts";
import type { Decode } from "../../formats/input/decoder.ts";
import { unpackLz4, unpackLz4Legacy } from "../../formats/lz4/unpack_lz4.ts";
import { unpackLzma } from "../../formats/lzma/unpack_lzma.ts";
import { unpackXz } from "../../formats/xz/unpack_xz.ts";
import { unpackZstd } from "../../formats/zstd/unpack_zstd.ts";
import type { ByteReader } from "../../mod.ts";
import { fileByte } from "../elf_builder.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** A tool with options that make it pack in one way. */
export interface Packer {
  readonly tool: string;
  readonly args: readonly string[];
  readonly decode: Decode;
}

const packer = (decode: Decode, line: string): Packer => {
  const [tool, ...args] = line.split(" ");
  return { tool, args, decode };
};

/** Ways to pack that exercise every part of the decoders. */
export const PACKERS: readonly Packer[] = [
  ...["gzip -6", "gzip -1"].map((line) => packer(inflate, line)),
  ...[
    "xz -6",
    "xz -0 --check=crc32",
    "xz -3 --check=none",
    "xz -3 --check=sha256 --block-size=20000",
    "xz --check=crc32 --x86 --lzma2=dict=1MiB",
    "xz --x86=start=4096 --lzma2=dict=4KiB,lc=0,lp=3,pb=0",
    "xz --lzma2=preset=6,lc=4,pb=4,dict=64KiB",
  ].map((line) => packer(unpackXz, line)),
  ...["lzma -6", "lzma -0", "xz --format=lzma --lzma1=dict=4KiB,pb=0"].map((line) => packer(unpackLzma, line)),
  ...["zstd -q -3", "zstd -q -1 --no-check", "zstd -q -19", "zstd -q -5 --long=27", "zstd -q --ultra -22"].map(
    (line) => packer(unpackZstd, line),
  ),
  ...["lz4 -q -1", "lz4 -q -9 -BD -B4 -BX", "lz4 -q -B4 --no-frame-crc", "lz4 -q -BD -B5"].map(
    (line) => packer(unpackLz4, line),
  ),
  packer(unpackLz4Legacy, "lz4 -q -l"),
  ...["bzip2 -9", "bzip2 -1"].map((line) => packer(unpackBzip2, line)),
];

/** Runs a tool with bytes on its standard input; `undefined` if it fails. */
export async function pipe(tool: string, args: readonly string[], bytes: Bytes): Promise<Bytes | undefined> {
  const child = new Deno.Command(tool, { args: [...args], stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
  const written = new Blob([bytes]).stream().pipeTo(child.stdin).catch(() => {});
  const { success, stdout } = await child.output();
  await written;
  return success ? stdout : undefined;
}

/** Packs bytes. */
export async function pack({ tool, args }: Packer, bytes: Bytes): Promise<Bytes> {
  const packed = await pipe(tool, [...args, "-c"], bytes);
  if (!packed) throw new Error(`${tool} ${args.join(" ")} failed`);
  return packed;
}

/** A reader that returns at most `size` bytes a time. */
export function readerOf(bytes: Uint8Array, size: number): ByteReader {
  let at = 0;
  return {
    read: (buffer) => {
      if (at === bytes.length) return null;
      const piece = bytes.subarray(at, at + Math.min(size, buffer.length));
      buffer.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
}

/** Reads everything; rejects if it is more than 64 MiB. */
export async function readAll({ read }: ByteReader, size = 100_000): Promise<Bytes> {
  const pieces: Bytes[] = [];
  for (let total = 0; total < 2 ** 26;) {
    const buffer = new Uint8Array(size);
    const count = await read(buffer);
    if (count === null) return concat(pieces);
    total += count;
    pieces.push(buffer.subarray(0, count));
  }
  throw new Error("more than 64 MiB");
}

/** Unpacks bytes that come in reads of a size. */
export function unpacked(decode: Decode, packed: Uint8Array, size = 2 ** 16): Promise<Bytes> {
  return readAll(decoded(decode, readerOf(packed, size)));
}

const encoder = new TextEncoder();
const zeros = (length: number): Bytes => new Uint8Array(length);
const noise = (length: number): Bytes => Uint8Array.from({ length }, (_, at) => fileByte(at * 7919) ^ at >> 8);
const text = (length: number): Bytes =>
  encoder.encode(Array.from({ length: length / 20 }, (_, at) => `line ${at * at % 97} of ${at}, `).join(""));

/** Calls and jumps, some next to one another, as the x86 filter looks for them. */
function code(length: number): Bytes {
  const bytes = noise(length);
  for (let at = 0; at + 10 < length; at += 3 + bytes[at] % 11) {
    bytes[at] = 0xe8 | bytes[at + 1] & 1;
    bytes[at + 4] = bytes[at + 2] & 4 ? 0x00 : 0xff;
  }
  return bytes;
}

/** Contents of several kinds. */
export const CONTENTS: Readonly<Record<string, Bytes>> = {
  "nothing": zeros(0),
  "a byte": Uint8Array.of(0x7f),
  "four bytes": Uint8Array.of(0xe8, 0, 0, 0),
  "text": text(100_000),
  "zeros": zeros(3_000_000),
  "noise": noise(150_000),
  "code": code(60_000),
  "many kinds": concat([code(20_000), zeros(70_000), text(300_000), noise(90_000), text(300_000), zeros(5)]),
};

/** A small content that exercises much. */
export const SMALL: Bytes = concat([text(800), code(500), zeros(300), noise(60), text(400)]);
