/** The libraries that unpack serve several decoders at a time, release their memory, and take liblzma as it is given. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { getModule } from "node-liblzma/wasm";
import { compiled } from "../../cli/input/liblzma_wasm.js";
import { unpackBzip2 } from "../../formats/bzip2/unpack_bzip2.ts";
import { decoded } from "../../formats/input/decoded.ts";
import { unpack, UnpackError } from "../../formats/mod.ts";
import { unpackXz } from "../../formats/xz/unpack_xz.ts";
import { libzstd } from "../../formats/zstd/libzstd.ts";
import { type Bytes, readAll, readerOf, unpacked } from "./packers.ts";

const read = (path: string): Promise<Bytes> => Deno.readFile(new URL(`../fixtures/${path}`, import.meta.url));
const KERNEL = await readAll((await unpack(await read("packed/kernel.elf.gz"))).source);

const PATHS = [
  ...["field/kernel.elf.xz", "field/kernel.elf.zst", "field/kernel.elf.lz4"],
  ...["packed/kernel.elf.bz2", "packed/kernel.elf.lzma", "packed/kernel.elf.x86.xz"],
];

Deno.test("decoders of one library and of all take turns", async () => {
  const files = await Promise.all([...PATHS, ...PATHS].map(read));
  const sources = await Promise.all(files.map(async (bytes) => (await unpack(readerOf(bytes, 11))).source));
  const contents = await Promise.all(sources.map((source) => readAll(source, 100)));
  for (const [index, content] of contents.entries()) assertEquals(content, KERNEL, PATHS[index % PATHS.length]);
});

/** How much memory a library has after each of some decoders that were closed early, or failed. */
async function memoryAfter(path: string, size: () => number): Promise<readonly number[]> {
  const bytes = await read(path);
  const sizes: number[] = [];
  for (let time = 0; time < 100; time++) {
    if (time % 2 === 0) {
      const { source, close } = await unpack(bytes);
      await source.read(new Uint8Array(1));
      await close();
    } else {
      await assertRejects(async () => readAll((await unpack(bytes.slice(0, bytes.length >> 1))).source), UnpackError);
    }
    sizes.push(size());
  }
  return sizes;
}

Deno.test("decoders release their memory, however they end", async () => {
  const { memory } = await libzstd();
  const zstd = await memoryAfter("field/kernel.elf.zst", () => memory.buffer.byteLength);
  assertStrictEquals(zstd.at(-1), zstd[1]);
  const liblzma = await memoryAfter("field/kernel.elf.xz", () => getModule().HEAPU8.length);
  assertStrictEquals(liblzma.at(-1), liblzma[1]);
});

Deno.test("decoders that share memory say so when there is none left, and work again when there is", async () => {
  // xz data whose dictionary has 8 MiB, in the 256 MiB of the package's instance.
  const packed = await read("field/kernel.elf.xz");
  const open: (() => void)[] = [];
  const fill = async (): Promise<never> => {
    for (;;) {
      const content = decoded(unpackXz, readerOf(packed, 200));
      open.push(content.close);
      await content.read(new Uint8Array(1));
    }
  };
  await assertRejects(fill, UnpackError, "there is no memory left to unpack the xz data");
  assert(open.length > 16);
  for (const close of open) close();
  assertEquals(await unpacked(unpackXz, packed), KERNEL);
});

Deno.test("xz data is unpacked by the code of liblzma that is given, in memory of its own", async () => {
  const packed = await read("packed/kernel.elf.x86.xz");
  await unpacked(unpackXz, packed);
  const before = getModule().HEAPU8.slice();
  let asked = 0;
  const liblzma = (): Promise<WebAssembly.Module> => Promise.resolve(compiled).finally(() => asked++);
  const { source, close } = await unpack(packed, { liblzma });
  assertEquals(await readAll(source), KERNEL);
  await close();
  assertEquals(asked, 1);
  assert(equals(getModule().HEAPU8, before), "the package's own instance is not used");
});

Deno.test("errors of bzip2 data are told in the same words as others", async () => {
  const packed = await read("packed/kernel.elf.bz2");
  const words = new Set<string>();
  for (let at = 4; at < packed.length; at++) {
    for (const bit of [1, 16, 128]) {
      const error = await assertRejects(() => unpacked(unpackBzip2, packed.with(at, packed[at] ^ bit)), UnpackError);
      words.add(error.message.replace("the bzip2 data is ", ""));
    }
  }
  assertEquals([...words].sort(), [
    "damaged: a block contradicts the format",
    "damaged: a block is of bzip2 before 0.9.5",
    "damaged: its content does not match its checksum",
    "truncated",
  ]);
});

Deno.test("code that cannot be had, or is not that of liblzma, rejects", async () => {
  const packed = readerOf(await read("field/kernel.elf.xz"), 1000);
  const missing = new Error("no such file");
  const error = await assertRejects(() =>
    readAll(decoded(unpackXz, packed, { liblzma: () => Promise.reject(missing) }))
  );
  assertStrictEquals(error, missing);
  // A module that imports a function from elsewhere (WebAssembly Core Specification, 5.5 "Modules").
  const other = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 120, 1, 121, 0, 0);
  await assertRejects(
    () => readAll(decoded(unpackXz, packed, { liblzma: () => WebAssembly.compile(other) })),
    TypeError,
    "Import #0",
  );
});
