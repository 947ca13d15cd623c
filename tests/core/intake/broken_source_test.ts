/** Sources that do not keep to what was agreed, in what they give or in what they do with their buffers. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import type { ByteReader } from "../../../core/intake/source.ts";
import { loadKernel } from "../../../core/load_kernel.ts";
import { buildElf } from "../../elf_builder.ts";
import { readerOf, watched } from "./watched_sources.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NEEDED = 0x1a00;
const FILE = buildElf({ segments: [{ filesz: 0xa00 }], length: 0x1d00 });

/** Moves the bytes to another buffer, as `postMessage()` with a transfer list does. */
function transfer(bytes: Bytes): Bytes {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const UINT8 = "as a chunk; expected a Uint8Array";
const WRONG_CHUNKS: readonly (readonly [chunk: unknown, cause: string])[] = [
  ["\x7fELF", `the stream produced a string ${UINT8}`],
  [new ArrayBuffer(64), `the stream produced an ArrayBuffer ${UINT8}`],
  [new DataView(new ArrayBuffer(64)), `the stream produced a DataView ${UINT8}`],
  [[0x7f, 0x45, 0x4c, 0x46], `the stream produced an Array ${UINT8}`],
  [new Uint16Array(64), `the stream produced a Uint16Array ${UINT8}`],
  [new Blob([FILE]), `the stream produced a Blob ${UINT8}`],
  [null, `the stream produced null ${UINT8}`],
  [undefined, `the stream produced undefined ${UINT8}`],
  [64, `the stream produced a number ${UINT8}`],
  [
    transfer(FILE.slice(0, 64)),
    "the stream produced a chunk whose buffer was transferred; expected a Uint8Array with its bytes",
  ],
];

for (const [chunk, cause] of WRONG_CHUNKS) {
  Deno.test(`source-failed because ${cause}; the stream is cancelled with that error`, async () => {
    for (const before of [[], [FILE.slice(0, 0x1100)]]) {
      const { stream, cancels } = watched([...before, chunk, FILE.slice(0x1100)]);
      const error = await assertRejects(() => loadKernel(stream), LoadError);
      assertStrictEquals(error.code, "source-failed");
      assert(error.cause instanceof TypeError);
      assertStrictEquals(error.cause.message, cause);
      assertEquals([stream.locked, cancels.length], [false, 1]);
      assertStrictEquals(cancels[0], error);
    }
  });
}

Deno.test("empty chunks are allowed anywhere", async () => {
  const empty = new Uint8Array();
  const { stream } = watched([empty, empty, FILE.slice(0, 100), empty, FILE.slice(100), empty]);
  assertStrictEquals((await loadKernel(stream)).entryPoint, 0x40_0000n);
});

Deno.test("a chunk that is transferred or shrunk before all of it was read gives source-failed", async () => {
  const resizable = new Uint8Array(new ArrayBuffer(FILE.length, { maxByteLength: FILE.length }));
  resizable.set(FILE);
  const spoiled: readonly (readonly [Bytes, () => void])[] = [
    [FILE.slice(), () => transfer(spoiled[0][0])],
    [resizable, () => resizable.buffer.resize(200)],
  ];
  for (const [chunk, spoil] of spoiled) {
    const { stream, cancels } = watched([chunk]);
    const error = await assertRejects(() => loadKernel(stream, { onProgress: spoil }), LoadError);
    assertStrictEquals(error.code, "source-failed");
    assert(error.cause instanceof TypeError);
    assertStringIncludes(error.cause.message, "transferred or resized");
    assertEquals(cancels.length, 1);
  }
});

Deno.test("bytes that are transferred during a load give source-failed", async () => {
  for (const sourceOf of [(bytes: Bytes) => bytes, (bytes: Bytes) => bytes.buffer]) {
    const bytes = FILE.slice();
    const onProgress = () => void (bytes.length > 0 && transfer(bytes));
    const error = await assertRejects(() => loadKernel(sourceOf(bytes), { onProgress }), LoadError);
    assertEquals([error.code, error.message], [
      "source-failed",
      "Cannot read the source: it failed after 64 bytes: the source's buffer was transferred or resized during the load",
    ]);
    assert(error.cause instanceof TypeError);
  }
});

const WRONG_COUNTS: readonly unknown[] = [
  -1,
  0.5,
  NaN,
  Infinity,
  undefined,
  "64",
  2 ** 32,
  5n,
  {},
  { value: FILE, done: false },
  { bytesRead: -1 },
  { bytesRead: undefined },
  { bytesRead: 2 ** 32 },
];

for (const count of WRONG_COUNTS) {
  Deno.test(`a reader that gives ${Deno.inspect(count).slice(0, 40)} as its count gives source-failed`, async () => {
    for (const length of [0, 100, 0x1100]) {
      for (const after of [() => count as number, () => Promise.resolve(count as number)]) {
        const source = readerOf(FILE.slice(0, length), after);
        const error = await assertRejects(() => loadKernel(source), LoadError);
        assertStrictEquals(error.code, "source-failed");
        assert(error.cause instanceof TypeError);
        assertMatch(
          error.cause.message,
          /^read\(buffer\) returned .*; expected a number of bytes from 0 to \d+, or null/,
        );
      }
    }
  });
}

Deno.test("a reader that transfers the buffer that it is given gives source-failed", async () => {
  const source = { read: (into: Uint8Array) => (transfer(into as Bytes), 64) };
  const error = await assertRejects(() => loadKernel(source), LoadError);
  assertStrictEquals(error.code, "source-failed");
  assert(error.cause instanceof TypeError);
  assertStringIncludes(error.cause.message, "transferred the buffer");
});

Deno.test("a reader whose promises are not the platform's own is read like any other", async () => {
  const inner = readerOf(FILE, () => null);
  const read = (into: Uint8Array) => {
    const count = inner.read(into);
    return { then: (resolve: (count: unknown) => void) => void setTimeout(resolve, 0, count) };
  };
  const kernel = await loadKernel({ read } as unknown as ByteReader);
  assertStrictEquals(kernel.bytesRead, NEEDED);
});

Deno.test("a reader that gives one byte more than the buffer holds gives source-failed", async () => {
  for (const length of [0, 100, 0x1100]) {
    const source = readerOf(FILE.slice(0, length), (into) => into.length + 1);
    const error = await assertRejects(() => loadKernel(source), LoadError);
    assertStrictEquals(error.code, "source-failed");
    assert(error.cause instanceof TypeError);
  }
});

Deno.test("a reader that gives 0 bytes for ever gives source-failed after a bounded number of reads", async () => {
  for (const length of [0, 100, 0x1100]) {
    for (const zero of [() => 0, () => Promise.resolve(0)]) {
      let reads = 0;
      const source = readerOf(FILE.slice(0, length), () => (reads++, zero()));
      const error = await assertRejects(() => loadKernel(source), LoadError);
      assertStrictEquals(error.code, "source-failed");
      assert(error.cause instanceof TypeError);
      assert(reads <= 100_000, `${reads} reads`);
    }
  }
});

Deno.test("a stream that gives empty chunks for ever gives source-failed after a bounded number of chunks", async () => {
  const most = 100_000;
  for (const length of [0, 100, 0x1100]) {
    let pulls = 0;
    const chunks = length > 0 ? [FILE.slice(0, length)] : [];
    const { stream, cancels } = watched(chunks, (controller) => {
      if (++pulls <= most) controller.enqueue(new Uint8Array());
      else controller.error(new Error("too many pulls"));
    });
    const error = await assertRejects(() => loadKernel(stream), LoadError);
    assertStrictEquals(error.code, "source-failed");
    assert(pulls <= most, "the stream was pulled on and on");
    assert(error.cause instanceof TypeError);
    assertEquals([stream.locked, cancels.length], [false, 1]);
  }
});
