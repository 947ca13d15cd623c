import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { keepFile, type KeptFile, type RandomSource } from "../../../core/file/kept_file.ts";
import type { KernelSource } from "../../../core/intake/source.ts";
import { LoadError } from "../../../mod.ts";
import { readerOf, watched } from "../intake/watched_sources.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const FILE: Bytes = Uint8Array.from({ length: 1000 }, (_, at) => (at * 7) % 251);

/** A source with `readAt` that returns at most `most` bytes a read, and counts what it returned. */
function randomly(file: Uint8Array, most = Infinity) {
  const counted = { bytes: 0, reads: 0 };
  const source: RandomSource = {
    size: file.length,
    readAt: (offset, buffer) => {
      const piece = file.subarray(offset, offset + Math.min(most, buffer.length));
      buffer.set(piece);
      counted.bytes += piece.length;
      counted.reads++;
      return piece.length;
    },
  };
  return { source, counted };
}

function byteStream(file: Bytes): ReadableStream<Bytes> {
  return watched(Array.from(file, (byte) => Uint8Array.of(byte))).stream;
}

/** Every kind of source of the same bytes. */
const KINDS: Readonly<Record<string, (file: Bytes) => KernelSource | RandomSource>> = {
  "bytes": (file) => file,
  "a part of a buffer": (file) => Uint8Array.of(1, 2, 3, ...file, 4).subarray(3, 3 + file.length),
  "an ArrayBuffer": (file) => file.slice().buffer,
  "a SharedArrayBuffer": (file) => {
    const buffer = new SharedArrayBuffer(file.length);
    new Uint8Array(buffer).set(file);
    return buffer;
  },
  "a Blob": (file) => new Blob([file]),
  "a Response": (file) => new Response(file),
  "a stream": (file) => new Blob([file]).stream(),
  "a stream of single bytes": byteStream,
  "a stream with empty chunks": (file) =>
    watched([new Uint8Array(), file.slice(0, 9), new Uint8Array(), file.slice(9)]).stream,
  "a reader": (file) => readerOf(file, () => null),
  "a source with readAt": (file) => randomly(file).source,
  "a source with readAt that returns 3 bytes a read": (file) => randomly(file, 3).source,
};

async function readAll(file: KeptFile, buffer: Uint8Array): Promise<readonly number[]> {
  const reader = file.reader();
  const all: number[] = [];
  for (;;) {
    const count = await reader.read(buffer);
    if (count === null) return all;
    all.push(...buffer.subarray(0, count as number));
  }
}

for (const [kind, sourceOf] of Object.entries(KINDS)) {
  Deno.test(`parts of ${kind} are kept in any order`, async () => {
    const file = keepFile(sourceOf(FILE));
    for (const [offset, length] of [[900, 50], [0, 64], [10, 20], [890, 30], [500, 0], [980, 100], [2000, 5]]) {
      await file.keep(offset, length);
      assertEquals([...file.bytes(offset, length)], [...FILE.subarray(offset, offset + length)]);
    }
    assertEquals(file.length, FILE.length);
    assert(file.isWhole);
    assert(file.bytesRead >= 150 && file.bytesRead <= 2 * FILE.length);
    await file.close();
  });

  Deno.test(`a reader of ${kind} delivers every byte, whatever was kept before`, async () => {
    const file = keepFile(sourceOf(FILE));
    await file.keep(300, 100);
    assertEquals(await readAll(file, new Uint8Array(7)), [...FILE]);
    assertEquals(await readAll(file, new Uint8Array(4096)), [...FILE]);
    assertEquals([...file.bytes(300, 100)], [...FILE.subarray(300, 400)]);
  });

  Deno.test(`an empty file from ${kind} has no bytes`, async () => {
    const file = keepFile(sourceOf(new Uint8Array()));
    await file.reach(1);
    await file.keep(0, 10);
    assertEquals([file.length, file.isWhole, file.bytes(0, 10).length], [0, true, 0]);
    assertEquals(await readAll(file, new Uint8Array(8)), []);
  });

  Deno.test(`offsets and lengths of 2^64 - 1 in ${kind} are past its end`, async () => {
    const file = keepFile(sourceOf(FILE));
    const absurd = Number(2n ** 64n - 1n);
    await file.keep(absurd, absurd);
    assertEquals(file.bytes(absurd, absurd).length, 0);
    await file.keep(990, absurd);
    assertEquals([...file.bytes(990, absurd)], [...FILE.subarray(990)]);
    await file.reach(absurd);
    assertEquals([file.length, file.isWhole], [FILE.length, true]);
    assert(file.bytesRead <= 2 * FILE.length);
  });
}

Deno.test("of a stream, no chunk is taken past the one with the last byte asked for", async () => {
  const { stream, cancels } = watched([FILE.slice(0, 100), FILE.slice(100, 200), FILE.slice(200)]);
  const file = keepFile(stream);
  await file.keep(20, 80);
  assertEquals([file.bytesRead, file.length, file.isWhole], [100, 100, false]);
  await file.keep(20, 81);
  assertEquals([file.bytesRead, file.length], [200, 101]);
  assertThrows(() => file.bytes(100, 2), Error, "not kept");
  await file.close();
  assertEquals(cancels.length, 1);
});

Deno.test("of a reader, no byte is read past the last one asked for", async () => {
  const file = keepFile(readerOf(FILE, () => null));
  await file.keep(20, 80);
  assertEquals([file.bytesRead, file.length], [100, 100]);
  const reader = file.reader();
  assertEquals(await reader.read(new Uint8Array(150)), 100);
  assertEquals(await reader.read(new Uint8Array(150)), 150);
  assertEquals([file.bytesRead, file.length], [250, 250]);
});

Deno.test("of a source with readAt, only what is asked for is read, and once", async () => {
  const { source, counted } = randomly(FILE);
  const file = keepFile(source);
  await file.keep(900, 50);
  await file.keep(910, 20);
  await file.keep(900, 50);
  assertEquals([file.bytesRead, counted.bytes, counted.reads], [50, 50, 1]);
  assertThrows(() => file.bytes(0, 1), Error, "not kept");
  assertThrows(() => file.bytes(890, 20), Error, "not kept");
});

Deno.test("many parts, or parts that overlap, cost no more than the file twice", async () => {
  const random = fc.array(fc.tuple(fc.nat(1100), fc.nat(1100)), { maxLength: 200 });
  await fc.assert(fc.asyncProperty(random, async (parts) => {
    const { source, counted } = randomly(FILE);
    const file = keepFile(source);
    for (const [offset, length] of parts) {
      await file.keep(offset, length);
      assertEquals([...file.bytes(offset, length)], [...FILE.subarray(offset, offset + length)]);
    }
    assert(counted.bytes <= 2 * FILE.length, `${counted.bytes} bytes were read`);
    assertEquals(file.bytesRead, counted.bytes);
  }));
});

Deno.test("no more bytes than the limit are kept of a stream; a file of exactly that size is", async () => {
  const file = keepFile(byteStream(FILE), { maxMemory: FILE.length });
  await file.reach(Infinity);
  assertEquals([file.length, file.isWhole], [FILE.length, true]);
  const small = keepFile(byteStream(FILE), { maxMemory: FILE.length - 1 });
  const error = await assertRejects(() => small.reach(Infinity), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
  assert(!/Infinity|NaN/.test(error.message), error.message);
});

Deno.test("no more bytes than the limit are kept of a source with readAt", async () => {
  const { source, counted } = randomly(FILE);
  const file = keepFile(source, { maxMemory: 100 });
  await file.keep(0, 60);
  const error = await assertRejects(() => file.keep(500, 50), LoadError);
  assertEquals([error.code, counted.bytes], ["memory-limit-exceeded", 60]);
  assertEquals(file.bytes(0, 60).length, 60);
});

Deno.test("a part that the system cannot allocate is a limit that was exceeded", async () => {
  const file = keepFile({ size: 2 ** 52, readAt: () => 0 }, { maxMemory: 2 ** 53 });
  const error = await assertRejects(() => file.keep(0, 2 ** 52), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
  assert(error.message.includes("could not be allocated"), error.message);
});

Deno.test("an endless stream ends at the limit", async () => {
  const file = keepFile(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(4096)) }), { maxMemory: 2 ** 20 });
  const error = await assertRejects(() => file.keep(2 ** 60, 1), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
  await file.close();
});

Deno.test("a source that fails is source-failed, with its error as the cause", async () => {
  const cause = new Error("the disk is gone");
  const fails = () => {
    throw cause;
  };
  const sources: readonly (KernelSource | RandomSource)[] = [
    watched([FILE.slice(0, 100)], (controller) => controller.error(cause)).stream,
    readerOf(FILE.slice(0, 100), fails),
    { size: 1000, readAt: fails },
    { size: 1000, readAt: () => Promise.reject(cause) },
  ];
  for (const source of sources) {
    const file = keepFile(source);
    const error = await assertRejects(() => file.keep(50, 100), LoadError);
    assertEquals(error.code, "source-failed");
    assertStrictEquals(error.cause, cause);
  }
});

Deno.test("a file that becomes shorter is source-failed, not a shorter file", async () => {
  const file = keepFile({ size: 1000, readAt: (offset, into) => Math.max(0, Math.min(into.length, 600 - offset)) });
  await file.keep(0, 600);
  const error = await assertRejects(() => file.keep(590, 20), LoadError);
  assertEquals(error.code, "source-failed");
  assert(error.cause instanceof Error && error.cause.message.includes("shorter"));
});

Deno.test("a count that is none is source-failed", async () => {
  for (const count of [-1, 1.5, NaN, 51, "50", undefined]) {
    const file = keepFile({ size: 1000, readAt: () => count as number });
    const error = await assertRejects(() => file.keep(0, 50), LoadError);
    assertEquals(error.code, "source-failed");
  }
});

Deno.test("an abort ends a wait with the signal's reason", async () => {
  const never = new Promise<never>(() => {});
  const sources: readonly (KernelSource | RandomSource)[] = [
    watched([FILE.slice(0, 100)], () => never).stream,
    readerOf(FILE.slice(0, 100), () => never),
    { size: 1000, readAt: () => never },
  ];
  for (const source of sources) {
    const controller = new AbortController();
    const reason = new Error("enough");
    const file = keepFile(source, controller);
    const waiting = file.keep(0, 200);
    queueMicrotask(() => controller.abort(reason));
    assertStrictEquals(await assertRejects(() => waiting), reason);
    await file.close();
  }
});

Deno.test("an abort is heard while a source always has bytes at once", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const file = keepFile({ read: (into: Uint8Array) => Math.min(1, into.length) }, controller);
  setTimeout(() => controller.abort(reason));
  assertStrictEquals(await assertRejects(() => file.reach(2 ** 40)), reason);
});

Deno.test("a signal that is aborted already opens nothing", () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(assertThrows(() => keepFile(FILE, { signal })), reason);
});

Deno.test("what is not a source is a TypeError", () => {
  const transferred = FILE.slice();
  structuredClone(transferred, { transfer: [transferred.buffer] });
  for (const source of [undefined, null, 1, "kernel.elf", {}, [], transferred, transferred.buffer]) {
    assertThrows(() => keepFile(source as unknown as KernelSource), TypeError);
  }
  for (const size of [undefined, -1, NaN, Infinity, 1.5, "10"]) {
    assertThrows(() => keepFile({ size: size as number, readAt: () => 0 }), TypeError, "size");
  }
});

Deno.test("a response with an error status is refused as a load refuses it", () => {
  const error = assertThrows(() => keepFile(new Response("not here", { status: 404 })), LoadError);
  assertEquals(error.code, "response-not-ok");
});
