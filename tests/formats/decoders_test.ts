/** Compressed data gives what the tool that made it gives, and fails where that fails. */

import { crc32 } from "node:zlib";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import { UnpackError } from "../../formats/unpack_error.ts";
import { testWithTools } from "../tools.ts";
import { type Bytes, CONTENTS, pack, type Packer, PACKERS, pipe, SMALL, unpacked } from "./packers.ts";

const nameOf = ({ tool, args }: Packer): string => [tool, ...args].join(" ");

for (const packer of PACKERS) {
  testWithTools([packer.tool], `${nameOf(packer)}: every content is unpacked`, async () => {
    for (const [what, content] of Object.entries(CONTENTS)) {
      const packed = await pack(packer, content);
      for (const size of packed.length > 20_000 ? [4099, 2 ** 30] : [1, 7, 997, 2 ** 30]) {
        assert(equals(await unpacked(packer.decode, packed, size), content), `${what}, reads of ${size}`);
      }
    }
  });

  testWithTools([packer.tool], `${nameOf(packer)}: data that ends anywhere is refused`, async () => {
    const packed = await pack(packer, SMALL);
    for (let length = 4; length < packed.length; length += length < 40 || length > packed.length - 40 ? 1 : 13) {
      const cut = packed.slice(0, length);
      // Legacy lz4 data may end after any block, and other data after any frame.
      const isWhole = await pipe(packer.tool, [...packer.args.filter(isFormat), "-dc"], cut);
      const work = () => unpacked(packer.decode, cut);
      if (isWhole) assertEquals(await work(), isWhole, `${length} bytes`);
      else await assertRejects(work, UnpackError, "is truncated", `${length} bytes`);
    }
  });

  testWithTools(
    [packer.tool],
    `${nameOf(packer)}: data with any byte damaged is refused, or as the tool has it`,
    async () => {
      const packed = await pack(packer, SMALL);
      for (let at = 4; at < packed.length; at += at < 60 || at > packed.length - 40 ? 1 : 11) {
        const damaged = packed.with(at, packed[at] ^ 1 << at * 5 % 8);
        const theirs = await pipe(packer.tool, [...packer.args.filter(isFormat), "-dc"], damaged);
        const ours = await unpacked(packer.decode, damaged).catch((error) => {
          assert(error instanceof UnpackError, `byte ${at}: ${error}`);
          return undefined;
        });
        // Without a checksum, the tools let some damage pass that is seen here, but not the other way around.
        if (ours) assert(theirs === undefined ? isHeaderOfLzma(packer, at) : equals(ours, theirs), `byte ${at}`);
      }
    },
  );
}

const isFormat = (arg: string): boolean => arg.startsWith("--format");

/** xz refuses dictionary sizes of .lzma data that packers do not write. */
const isHeaderOfLzma = ({ args, tool }: Packer, at: number): boolean =>
  at === 4 && (tool === "lzma" || args.some(isFormat));

/** Data that tools read as one after the other. */
const SEVERAL: Readonly<Record<string, readonly string[]>> = {
  "xz": ["xz", "xz -0", "xz --check=none"],
  "zstd": ["zstd -q", "zstd -q -19", "zstd -q --no-check"],
  "lz4": ["lz4 -q", "lz4 -q -BD", "lz4 -q -l"],
  "bzip2": ["bzip2 -9", "bzip2 -1"],
};

for (const [tool, lines] of Object.entries(SEVERAL)) {
  testWithTools([tool], `${tool}: several in a row, and what follows them: as the tool`, async () => {
    const { decode } = PACKERS.find((packer) => packer.tool === tool)!;
    const pieces: Bytes[] = [];
    for (const line of lines) pieces.push(await pack({ tool, args: line.split(" ").slice(1), decode }, SMALL));
    const skippable = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const files: Readonly<Record<string, readonly Bytes[]>> = {
      "all": pieces,
      "padding of 4": [...pieces, new Uint8Array(4)],
      "padding of 5": [...pieces, new Uint8Array(5)],
      "padding between": [pieces[0], new Uint8Array(8), pieces[1]],
      "something else": [...pieces, new TextEncoder().encode("signature")],
      "a skippable frame": [pieces[0], skippable, pieces[1]],
      "half a skippable frame": [pieces[0], skippable.slice(0, 9)],
    };
    for (const [what, parts] of Object.entries(files)) {
      const bytes = concat(parts);
      const theirs = await pipe(tool, ["-dc"], bytes);
      const work = () => unpacked(decode, bytes, 100);
      if (theirs) assert(equals(await work(), theirs), what);
      else await assertRejects(work, UnpackError, `${tool} data is`, what);
    }
  });
}

/** Sizes that go past blocks and windows. */
const LARGE = concat(Array.from({ length: 24 }, (_, at) => CONTENTS["many kinds"].subarray(at * 1000)));

for (
  const line of ["xz -1 -T1", "zstd -q -1", "zstd -q -B128K", "lz4 -q -l", "lz4 -q -BD -B4", "bzip2 -9", "lzma -1"]
) {
  const [tool, ...args] = line.split(" ");
  testWithTools([tool], `${line}: ${LARGE.length} bytes are unpacked`, async () => {
    const { decode } = PACKERS.find((packer) =>
      packer.tool === tool && packer.args.includes("-l") === args.includes("-l")
    )!;
    assert(equals(await unpacked(decode, await pack({ tool, args, decode }, LARGE)), LARGE));
  });
}

for (const filter of ["--delta=dist=4", "--arm64", "--arm", "--powerpc"]) {
  testWithTools(["xz"], `xz ${filter}: data with another filter than that of x86 is unpacked`, async () => {
    const { decode } = PACKERS.find(({ tool }) => tool === "xz")!;
    const packed = await pipe("xz", [filter, "--lzma2", "-c"], SMALL);
    if (packed) assert(equals(await unpacked(decode, packed), SMALL)); // else an xz from before this filter
  });
}

/** An empty xz block with one filter (The .xz File Format, 3.1 "Block Header"), after a stream's header. */
function xzBlock(filter: number, dictionary: number): Bytes {
  const header = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 1, 0x69, 0x22, 0xde, 0x36];
  const block = Uint8Array.of(2, 0, filter, 1, dictionary, 0, 0, 0);
  return Uint8Array.of(...header, ...block, ...new Uint8Array(Uint32Array.of(crc32(block)).buffer), 0, 0, 0, 0);
}

const zstdFrame = (...header: number[]): Bytes => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...header, 1, 0, 0);

/** What decoders lack: a dictionary size of 31 is 192 MiB (The .xz File Format, 5.3.1), 0x90 a window of 256 MiB. */
const LACKING: readonly (readonly [tool: string, packed: Bytes, what: string, command: string])[] = [
  ["xz", xzBlock(0x21, 31), "a dictionary of more than 128 MiB", "xz -dc FILE | kload load -"],
  ["xz", xzBlock(0x7e, 0), "a filter or an option", "xz -dc FILE | kload load -"],
  [
    "lzma",
    Uint8Array.of(0x5d, 0, 0, 0, 0x0c, ...Array(8).fill(255), ...Array(9).fill(0)),
    "a dictionary of more than 128 MiB",
    "xz -dc --format=lzma FILE | kload load -",
  ],
  ["zstd", zstdFrame(0, 0x90), "a window of more than 128 MiB", "zstd -dc --long=31 FILE | kload load -"],
  ["zstd", zstdFrame(1, 0x38, 5), "a dictionary", "zstd -dc -D DICTIONARY FILE | kload load -"],
];

for (const [format, packed, what, command] of LACKING) {
  Deno.test(`${format} data with ${what} is refused, with the command that unpacks it`, async () => {
    const { decode } = PACKERS.find(({ tool }) => tool === format)!;
    const error = await assertRejects(() => unpacked(decode, packed), UnpackError);
    assertEquals(error.message, `the ${format} data uses ${what}, which kload cannot unpack`);
    assertEquals(error.advice?.command, command);
  });
}

Deno.test("a block of zstd data whose sequences go past its size is refused at once", async () => {
  const { decode } = PACKERS.find(({ tool }) => tool === "zstd")!;
  // A frame with a window of 128 KiB; a compressed block without literals and with 98,047 sequences, each of which is a
  // match of 65,539 bytes by tables of one symbol (RFC 8878, 3.1.1.3.2.1).
  const sequences = [0x00, 0xff, 0xff, 0xff, 0x54, 0x00, 0x00, 0x34, ...Array(200_000 / 8).fill(0xff)];
  const size = sequences.length << 3 | 0b101;
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, size & 0xff, size >> 8 & 0xff, size >> 16, ...sequences];
  await assertRejects(() => unpacked(decode, Uint8Array.from(frame)), UnpackError, "the zstd data is damaged");
});
