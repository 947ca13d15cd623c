/** Every kind of source gives the same kernel. */

import { Buffer } from "node:buffer";
import { open } from "node:fs/promises";
import { runInNewContext } from "node:vm";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import { type ByteReader, type KernelSource, openSource } from "../../../core/intake/source.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { readHeaders } from "../../../core/read_headers.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The last byte that a segment needs is at 0x26ff; 0x500 bytes of what nobody needs are behind it. */
const NEEDED = 0x2700;
const FILE = buildElf({
  segments: [
    { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1000 },
    { p_flags: PF_R | PF_W, p_vaddr: 0x40_1000n, offset: 0x2000, filesz: 0x700, p_memsz: 0x2700n },
  ],
  length: NEEDED + 0x500,
});
const RULES: readonly RuleSetName[] = ["default", "bootloader-0.10"];

/** The two segments as the builder made them, the second with its zeros. */
function assertLoaded(kernel: LoadedKernel): void {
  assert(equals(kernel.read(0x40_0000n, 0x1000), FILE.subarray(0x1000, 0x2000)), "the first segment differs");
  assert(equals(kernel.read(0x40_1000n, 0x700), FILE.subarray(0x2000, NEEDED)), "the second segment differs");
  assert(equals(kernel.read(0x40_1700n, 0x2000), new Uint8Array(0x2000)), "the bss is not zero");
}

function assertSameMemory(kernel: LoadedKernel, expected: LoadedKernel): void {
  assertStrictEquals(kernel.nextFrame, expected.nextFrame);
  const [one, other] = [kernel, expected].map(({ memory, nextFrame }) => memory.bytes(0, nextFrame));
  assert(equals(one, other), "memory differs");
}

/** A reader over bytes that gives at most `size(call)` of them a time. */
function reader(bytes: Bytes, size: (call: number) => number): { read: (into: Uint8Array) => number | null } {
  let at = 0;
  let call = 0;
  return {
    read: (into) => {
      const piece = bytes.subarray(at, at + Math.min(into.length, size(call++)));
      into.set(piece);
      at += piece.length;
      return piece.length === 0 && at === bytes.length ? null : piece.length;
    },
  };
}

/** The same reader, each of whose reads ends in a later turn of the event loop or at least a later microtask. */
function slowly(quick: { read: (into: Uint8Array) => number | null }): ByteReader {
  let call = 0;
  return {
    read: async (into) => {
      if (call++ % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      return quick.read(into);
    },
  };
}

/** A byte stream that fills the buffer of a request, if there is one, at most `size` bytes a time. */
function byobStream(bytes: Bytes, size: number, autoAllocateChunkSize?: number): ReadableStream<Bytes> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize,
    pull: (controller) => {
      const request = controller.byobRequest;
      if (at === bytes.length) {
        controller.close();
        request?.respond(0);
        return;
      }
      const view = request?.view;
      const count = Math.min(size, bytes.length - at, view?.byteLength ?? size);
      const piece = bytes.subarray(at, at + count);
      at += count;
      if (!request || !view) return controller.enqueue(piece.slice());
      new Uint8Array(view.buffer, view.byteOffset, count).set(piece);
      request.respond(count);
    },
  }) as ReadableStream<Bytes>;
}

/** A byte stream that only enqueues and closes, without ever answering a BYOB request, as many do. */
function enqueuingByteStream(bytes: Bytes, size: number, autoAllocateChunkSize?: number): ReadableStream<Bytes> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize,
    pull: (controller) => {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += size));
      else controller.close();
    },
  }) as ReadableStream<Bytes>;
}

/** A byte stream whose chunks are all there from the start. */
function filledByteStream(bytes: Bytes): ReadableStream<Bytes> {
  return new ReadableStream({
    type: "bytes",
    start: (controller) => {
      controller.enqueue(bytes.slice(0, 100));
      controller.enqueue(bytes.slice(100));
      controller.close();
    },
  }) as ReadableStream<Bytes>;
}

function inOtherRealm(bytes: Bytes): Bytes {
  const other: Bytes = runInNewContext(`new Uint8Array(${bytes.length})`);
  other.set(bytes);
  return other;
}

function onShared(bytes: Bytes): Uint8Array<SharedArrayBuffer> {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length));
  view.set(bytes);
  return view;
}

function inTheMiddle(bytes: Bytes): Bytes {
  const larger = new Uint8Array(bytes.length + 0x300).fill(0xee);
  larger.set(bytes, 0x123);
  return larger.subarray(0x123, 0x123 + bytes.length);
}

const KINDS: readonly (readonly [string, () => KernelSource])[] = [
  ["a Uint8Array", () => FILE],
  ["a Uint8Array inside a larger buffer", () => inTheMiddle(FILE)],
  ["a Uint8Array on shared memory", () => onShared(FILE)],
  ["a Buffer of Node's", () => Buffer.from(FILE)],
  ["a Uint8Array of another realm", () => inOtherRealm(FILE)],
  ["an ArrayBuffer", () => FILE.buffer],
  ["an ArrayBuffer of another realm", () => inOtherRealm(FILE).buffer],
  ["a SharedArrayBuffer", () => onShared(FILE).buffer],
  ["a Blob", () => new Blob([FILE])],
  ["a Blob of several parts", () => new Blob([FILE.slice(0, 40), FILE.slice(40, 0x1801), FILE.slice(0x1801)])],
  ["a File", () => new File([FILE], "kernel.elf")],
  ["a Response with bytes", () => new Response(FILE)],
  ["a Response with a stream", () => new Response(new Blob([FILE]).stream())],
  ["a byte stream that answers BYOB requests", () => byobStream(FILE, 3)],
  ["a byte stream that fills the chunks that it allocates", () => byobStream(FILE, 700, 512)],
  ["a byte stream that only enqueues large chunks and closes", () => enqueuingByteStream(FILE, 0x1801)],
  ["a byte stream that only enqueues single bytes and closes", () => enqueuingByteStream(FILE, 1)],
  ["a byte stream that allocates chunks, and enqueues others", () => enqueuingByteStream(FILE, 700, 512)],
  ["a byte stream that is closed from the start", () => filledByteStream(FILE)],
  ["read(buffer) that fills the buffer", () => reader(FILE, () => Infinity)],
  ["read(buffer) that gives one byte a time", () => reader(FILE, () => 1)],
  ["read(buffer) that gives some bytes and at times none", () => reader(FILE, (call) => [7, 0, 0, 300, 1][call % 5])],
  ["asynchronous read(buffer)", () => slowly(reader(FILE, () => 1000))],
];

for (const rules of RULES) {
  for (const [name, source] of KINDS) {
    Deno.test(`${name} can be loaded, and gives what the file says (${rules})`, async () => {
      const kernel = await loadKernel(source(), { rules });
      assertLoaded(kernel);
      assertSameMemory(kernel, await loadKernel(FILE, { rules }));
    });

    Deno.test(`${name} can be loaded into shared memory (${rules})`, async () => {
      const memory = physicalMemory({ base: 0, buffer: new SharedArrayBuffer(0x40_0000) });
      const kernel = await loadKernel(source(), { rules, memory });
      assertLoaded(kernel);
      assertSameMemory(kernel, await loadKernel(FILE, { rules }));
    });
  }
}

Deno.test("the bytes of a source are left as they are", async () => {
  for (const source of [FILE.slice(), FILE.slice().buffer]) {
    await loadKernel(source);
    assert(equals(new Uint8Array(source instanceof ArrayBuffer ? source : source.buffer), FILE));
  }
});

Deno.test("a kernel does not follow later changes of the bytes that it was loaded from", async () => {
  const bytes = FILE.slice();
  const kernel = await loadKernel(bytes);
  bytes.fill(0);
  assertLoaded(kernel);
});

// Open files

async function withPath(bytes: Bytes, use: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/kernel.elf`;
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function withFile(bytes: Bytes, use: (file: Deno.FsFile) => Promise<void>): Promise<void> {
  await withPath(bytes, async (path) => {
    using file = await Deno.open(path);
    await use(file);
  });
}

const FILE_LOADS: readonly (readonly [string, LoadOptions, number])[] = [
  ["default", {}, NEEDED],
  ["bootloader-0.10", { rules: "bootloader-0.10" }, FILE.length],
];

for (const [rules, options, end] of FILE_LOADS) {
  for (const before of [0, 100, 4096]) {
    Deno.test(`an open file is read from position ${before} on, and stays open behind what was read (${rules})`, async () => {
      const bytes = new Uint8Array(before + FILE.length).fill(0xee);
      bytes.set(FILE, before);
      await withFile(bytes, async (file) => {
        await file.seek(before, Deno.SeekMode.Start);
        const kernel = await loadKernel(file, options);
        assertLoaded(kernel);
        assertStrictEquals(kernel.bytesRead, end);
        assertStrictEquals(await file.seek(0, Deno.SeekMode.Current), before + end);
      });
    });
  }

  Deno.test(`an open file is read into shared memory (${rules})`, async () => {
    await withFile(FILE, async (file) => {
      const memory = physicalMemory({ base: 0x10_0000, buffer: new SharedArrayBuffer(0x40_0000) });
      const kernel = await loadKernel(file, { ...options, memory });
      assertLoaded(kernel);
      assertStrictEquals(kernel.memory.buffer, memory.buffer);
    });
  });
}

Deno.test("an open file's stream is cancelled, which closes the file, and gives the same kernel", async () => {
  await withFile(FILE, async (file) => {
    const stream = file.readable;
    assertLoaded(await loadKernel(stream));
    assertStrictEquals(stream.locked, false);
  });
});

Deno.test("an open file of Node's is read from its position on, and stays open behind what was read", async () => {
  for (const [, options, end] of FILE_LOADS) {
    for (const before of [0, 100, 4096]) {
      const bytes = new Uint8Array(before + FILE.length).fill(0xee);
      bytes.set(FILE, before);
      await withPath(bytes, async (path) => {
        await using file = await open(path);
        if (before > 0) await file.read(new Uint8Array(before));
        const kernel = await loadKernel(file, options);
        assertLoaded(kernel);
        assertStrictEquals(kernel.bytesRead, end);
        const next = await file.read(new Uint8Array(8));
        assertEquals([...next.buffer.subarray(0, next.bytesRead)], [...FILE.subarray(end, end + 8)]);
      });
    }
  }
});

Deno.test("an open file of Node's is read into shared memory, and its end is the file's", async () => {
  await withPath(FILE.slice(0, NEEDED - 1), async (path) => {
    const memory = physicalMemory({ base: 0, buffer: new SharedArrayBuffer(0x40_0000) });
    for (const options of [{}, { memory }]) {
      await using file = await open(path);
      const error = await assertRejects(() => loadKernel(file, options), LoadError);
      assertEquals([error.code, (error.detail as { limit: number }).limit], ["segment-out-of-file", NEEDED - 1]);
    }
    await Deno.writeFile(path, FILE);
    await using file = await open(path);
    assertLoaded(await loadKernel(file, { memory }));
  });
});

Deno.test("the headers of a file that Node opened are read, and nothing after them", async () => {
  await withPath(FILE, async (path) => {
    await using file = await open(path);
    assertStrictEquals((await readHeaders(file)).bytesRead, 64 + 2 * 56);
    assertEquals([...(await file.read(new Uint8Array(1))).buffer], [FILE[64 + 2 * 56]]);
  });
});

// The source on its own

Deno.test("openSource() knows the length of bytes before they are read, and none of a reader or stream", () => {
  assertStrictEquals(openSource(FILE).length, FILE.length);
  assertStrictEquals(openSource(FILE.buffer).length, FILE.length);
  assertStrictEquals(openSource({ read: () => null }).length, undefined);
  assertStrictEquals(openSource(new ReadableStream<Bytes>()).length, undefined);
});

Deno.test("openSource() locks a stream until it is closed, and closing cancels it once with the reason", async () => {
  const reasons: unknown[] = [];
  const stream = new ReadableStream<Bytes>({ cancel: (reason) => void reasons.push(reason) });
  const source = openSource(stream);
  assertStrictEquals(stream.locked, true);
  const reason = new Error("enough");
  await source.close(reason);
  await source.close(new Error("again"));
  assertStrictEquals(stream.locked, false);
  assertEquals(reasons.length, 1);
  assertStrictEquals(reasons[0], reason);
});

Deno.test("openSource() counts the bytes of a chunk as taken when the stream hands it over", async () => {
  const source = openSource(new ReadableStream({ start: (controller) => controller.enqueue(FILE.slice(0, 100)) }));
  const into = new Uint8Array(10);
  assertStrictEquals(await source.read(into), 10);
  assert(equals(into, FILE.subarray(0, 10)));
  assertStrictEquals(source.taken, 100);
  assertStrictEquals(await source.read(into), 10);
  assert(equals(into, FILE.subarray(10, 20)));
  assertStrictEquals(source.taken, 100);
  await source.close();
});
