import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { contentOf, HEAD_SIZE, readHead } from "../../cli/input/streams.ts";
import type { ByteReader } from "../../mod.ts";
import { fileByte } from "../elf_builder.ts";
import { gzip } from "./kload.ts";

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

function open(bytes: Bytes, size: number): ReturnType<typeof contentOf> & { readonly taken: () => number } {
  const { stream, taken } = streamOf(bytes.slice(HEAD_SIZE), size);
  return { ...contentOf({ head: bytes.slice(0, HEAD_SIZE), rest: () => stream }), taken };
}

for (const size of [1, 1000, 16_384, 1_000_000]) {
  const some = size === 1 ? BYTES.slice(0, 5000) : BYTES;

  Deno.test(`a plain stream in chunks of ${size} is read as it is`, async () => {
    const { reader, inflated } = open(some, size);
    assertEquals(await readAll(reader), some);
    assertEquals(inflated, false);
  });

  Deno.test(`a gzip stream in chunks of ${size} is inflated`, async () => {
    const { reader, inflated, check } = open(await gzip(some), size);
    assertEquals(await readAll(reader), some);
    assertEquals(inflated, true);
    await check();
  });
}

Deno.test("a reader is used in place of the stream, and its head is given back", async () => {
  let at = 0;
  const reader: ByteReader = {
    read: (buffer) => {
      if (at === BYTES.length) return null;
      const piece = BYTES.subarray(at, at + Math.min(1, buffer.length));
      buffer.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
  const head = await readHead(reader);
  assertEquals(head, BYTES.subarray(0, HEAD_SIZE));
  const rest = () => {
    throw new Error("the stream is not wanted");
  };
  const content = contentOf({ head, rest, reader });
  const first = new Uint8Array(1);
  assertEquals([await content.reader.read(first), ...first], [1, BYTES[0]]);
  assertEquals(await content.reader.read(new Uint8Array(10)), 1);
  assertEquals(await content.reader.read(first), 1);
  assertEquals(first, BYTES.slice(2, 3));
});

for (const length of [0, 1]) {
  Deno.test(`a source of ${length} bytes has a head of ${length}`, async () => {
    let at = 0;
    const head = await readHead({ read: (buffer) => at++ < length ? (buffer.fill(7, 0, 1), 1) : null });
    assertEquals(head.length, length);
    const content = contentOf({ head, rest: () => streamOf(new Uint8Array(), 1).stream });
    assertEquals(await readAll(content.reader), new Uint8Array(length).fill(7));
  });
}

const bomb = await gzip(new Uint8Array(160 * 2 ** 20));

Deno.test("a bomb is inflated only as far as it is read", async () => {
  const { reader, taken, close } = open(bomb, 2 ** 16);
  await reader.read(new Uint8Array(64));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertLess(taken(), bomb.length);
  close();
});

Deno.test("the way to a checksum that is far is not gone", async () => {
  const { check, taken, close } = open(bomb, 2 ** 14);
  await check();
  assertLess(taken(), bomb.length);
  close();
});

const packed = await gzip(BYTES.slice(0, 5000));
const flipped = packed.with(packed.length - 8, packed[packed.length - 8] ^ 1);
const DAMAGED: readonly (readonly [string, Bytes])[] = [
  ["cut off in its header", packed.slice(0, 5)],
  ["cut off in its data", packed.slice(0, packed.length >> 1)],
  ["cut off before its checksum", packed.slice(0, -8)],
  ["that has another checksum", flipped],
  ["overwritten", packed.slice().fill(0xff, 10)],
];

for (const [damage, bytes] of DAMAGED) {
  Deno.test(`gzip ${damage} fails`, async () => {
    await assertRejects(() => readAll(open(bytes, 100).reader), Error, "damaged, cut off");
    await assertRejects(() => open(bytes, 100).check(), Error, "damaged, cut off");
  });
}

Deno.test("what fails below comes through", async () => {
  const failing = () => new ReadableStream<Bytes>({ pull: (controller) => controller.error(new Error("no carrier")) });
  const content = contentOf({ head: BYTES.slice(0, 2), rest: failing });
  await content.reader.read(new Uint8Array(2));
  await assertRejects(async () => await content.reader.read(new Uint8Array(2)), Error, "no carrier");
});
