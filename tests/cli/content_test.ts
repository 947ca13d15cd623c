import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { type Content, contentOf } from "../../cli/input/content.ts";
import { streamReader } from "../../formats/input/chunk_reader.ts";
import { ELF_MAGIC } from "../../core/elf/constants.ts";
import type { ByteReader } from "../../mod.ts";
import { fileByte } from "../elf_builder.ts";
import { gzip, HELLO, kloadJson, withFile } from "./kload.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const BYTES: Bytes = Uint8Array.from({ length: 300_000 }, (_, at) => fileByte(at));

/** A stream in chunks of one size, which counts what is taken from it. */
function streamOf(
  bytes: Bytes,
  size: number,
): { readonly stream: ReadableStream<Bytes>; readonly taken: () => number } {
  let at = 0;
  const stream = new ReadableStream<Bytes>({
    pull: (controller) => {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += size));
      else controller.close();
    },
  }, { highWaterMark: 0 });
  return { stream, taken: () => Math.min(at, bytes.length) };
}

async function readAll({ read }: ByteReader): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const buffer = new Uint8Array(10_000);
    const count = await read(buffer);
    if (count === null) return concat(pieces);
    pieces.push(buffer.subarray(0, count));
  }
}

async function open(bytes: Bytes, size: number): Promise<Content & { readonly taken: () => number }> {
  const { stream, taken } = streamOf(bytes, size);
  return { ...await contentOf(streamReader(stream)), taken };
}

for (const size of [1, 1000, 16_384, 1_000_000]) {
  const some = size === 1 ? BYTES.slice(0, 5000) : BYTES;

  Deno.test(`a plain stream in chunks of ${size} is read as it is`, async () => {
    const { reader, layers } = await open(some, size);
    assertEquals(await readAll(reader), some);
    assertEquals(layers, []);
  });

  Deno.test(`a gzip stream in chunks of ${size} is inflated`, async () => {
    const { reader, layers, check } = await open(await gzip(some), size);
    assertEquals(await readAll(reader), some);
    assertEquals(layers.map(({ name }) => name), ["gzip"]);
    await check();
  });
}

Deno.test("an ELF file is read in the reads that are asked for, its first bytes aside", async () => {
  const sizes: number[] = [];
  const bytes = concat([ELF_MAGIC, BYTES]);
  let at = 0;
  const file: ByteReader = {
    read: (buffer) => {
      sizes.push(buffer.length);
      const piece = bytes.subarray(at, at + buffer.length);
      buffer.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
  const { reader } = await contentOf(file);
  assertEquals(sizes, [4]);
  const first = new Uint8Array(1);
  assertEquals([await reader.read(first), ...first], [1, 0x7f]);
  const all = new Uint8Array(100);
  assertEquals([await reader.read(all), ...all.subarray(0, 3)], [3, ...bytes.subarray(1, 4)]);
  assertEquals(await reader.read(all), 100);
  assertEquals(all, bytes.slice(4, 104));
  assertEquals(sizes, [4, 100]);
});

for (const length of [0, 1]) {
  Deno.test(`a file of ${length} bytes is read as it is`, async () => {
    let at = 0;
    const { reader, layers } = await contentOf({
      read: (buffer) => at++ < length ? (buffer.fill(0x1f, 0, 1), 1) : null,
    });
    assertEquals([await readAll(reader), layers], [new Uint8Array(length).fill(0x1f), []]);
  });
}

const bomb = await gzip(new Uint8Array(160 * 2 ** 20));

Deno.test("a bomb is inflated only as far as it is read", async () => {
  const { reader, taken, close } = await open(bomb, 2 ** 16);
  await reader.read(new Uint8Array(64));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertLess(taken(), bomb.length);
  close();
});

Deno.test("the way to a checksum that is far is not gone", async () => {
  const { check, taken, close } = await open(bomb, 2 ** 14);
  await check();
  assertLess(taken(), bomb.length);
  close();
});

Deno.test("of gzip data no more is read and inflated than is asked for, a buffer or two aside", async () => {
  const large = await gzip(crypto.getRandomValues(new Uint8Array(2 ** 16)).slice());
  const many = concat(Array.from({ length: 200 }, () => large));
  const { reader, taken, close } = await open(many, 2 ** 16);
  await reader.read(new Uint8Array(64));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertLess(taken(), 4 * 2 ** 16);
  close();
});

const packed = await gzip(BYTES.slice(0, 5000));
const flipped = packed.with(packed.length - 8, packed[packed.length - 8] ^ 1);
const DAMAGED: readonly (readonly [damage: string, problem: string, bytes: Bytes])[] = [
  ["cut off in its header", "is truncated", packed.slice(0, 5)],
  ["cut off in its data", "is truncated", packed.slice(0, packed.length >> 1)],
  ["cut off before its checksum", "is truncated", packed.slice(0, -8)],
  ["that has another checksum", "is damaged: its content does not match its checksum", flipped],
  ["overwritten", "is damaged: invalid", packed.slice().fill(0xff, 10)],
];

for (const [damage, problem, bytes] of DAMAGED) {
  Deno.test(`gzip ${damage} fails`, async () => {
    await assertRejects(async () => await readAll((await open(bytes, 100)).reader), Error, problem);
    await assertRejects(async () => await (await open(bytes, 100)).check(), Error, problem);
  });
}

Deno.test("the checksum of every member is checked", async () => {
  for (const bytes of [concat([packed, flipped]), concat([flipped, packed])]) {
    const check = async () => await (await open(bytes, 100)).check();
    await assertRejects(check, Error, "its content does not match its checksum");
  }
  const { check } = await open(concat([packed, packed, new Uint8Array(512)]), 100);
  await check();
});

Deno.test("what fails below comes through", async () => {
  let pulls = 0;
  const failing = new ReadableStream<Bytes>({
    pull: (controller) => {
      if (pulls++ === 0) controller.enqueue(BYTES.slice(0, 2));
      else controller.error(new Error("no carrier"));
    },
  });
  await assertRejects(() => contentOf(streamReader(failing)), Error, "no carrier");
});

Deno.test("a kernel in two members with padding is loaded from a file and from standard input", async () => {
  const hello = await Deno.readFile(HELLO);
  const { json } = await kloadJson([HELLO]);
  const members = [await gzip(hello.slice(0, 5000)), await gzip(hello.slice(5000)), new Uint8Array(512)];
  const bytes = concat(members);
  assertEquals(await kloadJson(["-"], { stdin: bytes, permissions: [] }), {
    status: 0,
    json: { ...json, name: "standard input", format: "gzip" },
  });
  await withFile("hello.elf.gz", bytes, async (path) => {
    assertEquals(await kloadJson([path], { permissions: [`--allow-read=${path}`] }), {
      status: 0,
      json: { ...json, name: path, format: "gzip" },
    });
  });
});
