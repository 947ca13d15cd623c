/** What is not a source, or cannot be read any more, is refused with what to pass instead. */

import { PassThrough, Readable } from "node:stream";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import type { KernelSource } from "../../../core/intake/source.ts";
import { loadKernel } from "../../../core/load_kernel.ts";
import { readHeaders } from "../../../core/read_headers.ts";
import { buildElf } from "../../elf_builder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const FILE = buildElf({ segments: [{ filesz: 0x100 }] });

const INSTEAD = "pass bytes, a ReadableStream, an open file or anything with read(buffer), a Blob or a Response";
const OPEN = "a path is not a source; pass await Deno.open(path) or await Deno.readFile(path)";
const NODE_STREAM = "a Node.js stream is not a source; pass the web stream that Readable.toWeb() returns for it";
const VIEW = "pass new Uint8Array(view.buffer, view.byteOffset, view.byteLength)";

const REFUSED: readonly (readonly [what: string, source: () => unknown, message: string])[] = [
  ["undefined", () => undefined, `undefined is not a source; ${INSTEAD}`],
  ["null", () => null, `null is not a source; ${INSTEAD}`],
  ["a number, such as a file descriptor", () => 3, `a number is not a source; ${INSTEAD}`],
  ["a function", () => () => FILE, `a function is not a source; ${INSTEAD}`],
  ["an object", () => ({}), `an Object is not a source; ${INSTEAD}`],
  ["an object whose read is not a method", () => ({ read: 1 }), `an Object is not a source; ${INSTEAD}`],
  ["a Map", () => new Map(), `a Map is not a source; ${INSTEAD}`],
  ["a promise of bytes", () => Promise.resolve(FILE), "a promise is not a source; await it first"],
  ["a promise of a response", () => Promise.resolve(new Response(FILE)), "a promise is not a source; await it first"],
  ["a thenable", () => ({ then: () => {} }), "a promise is not a source; await it first"],
  ["a path", () => "no/such/kernel.elf", OPEN],
  ["a path that exists", () => "examples/hello/hello.elf", OPEN],
  ["an empty string", () => "", OPEN],
  ["a file URL", () => new URL("file:///kernel.elf"), OPEN],
  ["an https URL", () => new URL("https://example.com/x"), "an address is not a source; pass await fetch(address)"],
  ["an http address", () => "HTTP://example.com/x", "an address is not a source; pass await fetch(address)"],
  ["a request", () => new Request("http://localhost/"), "a Request is not a source; pass await fetch(request)"],
  ["a Readable of Node's", () => Readable.from([FILE]), NODE_STREAM],
  ["a PassThrough of Node's", () => new PassThrough(), NODE_STREAM],
  ["what is shaped like Node's streams", () => ({ read: () => null, pipe: () => {} }), NODE_STREAM],
  ["a response whose body is Node's stream", () => nodeResponse(), NODE_STREAM],
  ["a DataView", () => new DataView(FILE.buffer), `a DataView is not a source; ${VIEW}`],
  ["a Uint8ClampedArray", () => new Uint8ClampedArray(64), `a Uint8ClampedArray is not a source; ${VIEW}`],
  ["a Uint32Array", () => new Uint32Array(16), `a Uint32Array is not a source; ${VIEW}`],
  ["an Int8Array", () => new Int8Array(64), `an Int8Array is not a source; ${VIEW}`],
  [
    "a stream's reader",
    () => new Blob([FILE]).stream().getReader(),
    "a stream's reader is not a source; release it and pass the stream",
  ],
  [
    "a stream's BYOB reader",
    () => new Blob([FILE]).stream().getReader({ mode: "byob" }),
    "a stream's reader is not a source; release it and pass the stream",
  ],
  [
    "a pair of streams",
    () => new DecompressionStream("gzip"),
    "an object with a readable side is not a source; pass its readable property",
  ],
  [
    "a file system handle",
    () => ({ kind: "file", getFile: () => Promise.resolve(new File([FILE], "k")) }),
    "a file system handle is not a source; pass await handle.getFile()",
  ],
  ["an async generator", () => chunks(), "an async iterable is not a source; pass ReadableStream.from(iterable)"],
  [
    "an array of chunks",
    () => [FILE],
    "an Array is not a source; pass new Blob(parts) for several parts, Uint8Array.from(bytes) for numbers",
  ],
];

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(FILE);
}

/** As some implementations of fetch() for Node have it. */
function nodeResponse(): unknown {
  const body = Readable.from([FILE]);
  return { ok: true, status: 200, statusText: "OK", bodyUsed: false, body, arrayBuffer: () => {} };
}

for (const [what, source, message] of REFUSED) {
  Deno.test(`${what} is refused with a TypeError that says what to pass`, async () => {
    for (const load of [loadKernel, readHeaders] as const) {
      const error = await assertRejects(() => load(source() as KernelSource), TypeError);
      assertStrictEquals(error.message, `Cannot read the source: ${message}`);
    }
  });
}

Deno.test("a source is refused before anything is read", async () => {
  let reads = 0;
  const read = () => (reads++, null);
  for (const other of [{ pipe: () => {} }, { releaseLock: () => {} }]) {
    await assertRejects(() => loadKernel({ read, ...other }), TypeError, "Cannot read the source");
  }
  assertStrictEquals(reads, 0);
});

Deno.test("bytes whose buffer was transferred are refused with a TypeError, and not taken for an empty file", async () => {
  for (const sourceOf of [(bytes: Bytes) => bytes, (bytes: Bytes) => bytes.buffer]) {
    const bytes = FILE.slice();
    const source = sourceOf(bytes);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await assertRejects(() => loadKernel(source), TypeError, "its buffer was transferred");
  }
  for (const empty of [new Uint8Array(), new ArrayBuffer(), new SharedArrayBuffer()]) {
    const error = await assertRejects(() => loadKernel(empty), LoadError);
    assertStrictEquals(error.code, "file-too-short");
  }
});

Deno.test("a stream that is locked is refused with a TypeError and stays with its reader", async () => {
  for (const stream of [new Blob([FILE]).stream(), new ReadableStream<Bytes>()]) {
    const owner = stream.getReader();
    await assertRejects(() => loadKernel(stream), TypeError, "locked");
    assertStrictEquals(stream.locked, true);
    await owner.cancel();
  }
});

Deno.test("a response whose body is used is refused with a TypeError", async () => {
  const response = new Response(FILE);
  await response.arrayBuffer();
  await assertRejects(() => loadKernel(response), TypeError, "used");
});

Deno.test("a response whose body is locked is refused with a TypeError", async () => {
  const response = new Response(FILE);
  const owner = response.body!.getReader();
  await assertRejects(() => loadKernel(response), TypeError, "locked");
  await owner.cancel();
});

Deno.test("a response without a body is an empty file", async () => {
  const error = await assertRejects(() => loadKernel(new Response(null)), LoadError);
  assertStrictEquals(error.code, "file-too-short");
});

for (
  const [status, statusText] of [[404, "Not Found"], [500, "Internal Server Error"], [304, "Not Modified"]] as const
) {
  Deno.test(`a response with status ${status} is refused, and its body is cancelled unread`, async () => {
    const calls: string[] = [];
    const body = status === 304 ? null : new ReadableStream<Bytes>({
      pull: () => void calls.push("pull"),
      cancel: () => void calls.push("cancel"),
    }, { highWaterMark: 0 });
    const response = new Response(body, { status, statusText });
    const error = await assertRejects(() => loadKernel(response), LoadError);
    assertEquals([error.code, error.detail], [
      "response-not-ok",
      { field: "its status", value: `${status} ${statusText}` },
    ]);
    assertEquals(calls, body ? ["cancel"] : []);
  });
}

Deno.test("a response that is not ok and whose body is locked is refused without a second error", async () => {
  const response = new Response(FILE, { status: 404 });
  const owner = response.body!.getReader();
  assertStrictEquals((await assertRejects(() => loadKernel(response), LoadError)).code, "response-not-ok");
  await owner.cancel();
});

Deno.test("a response with a status and no text is refused with its status", async () => {
  const error = await assertRejects(() => loadKernel(new Response("no", { status: 403 })), LoadError);
  assertEquals([error.code, error.detail], ["response-not-ok", { field: "its status", value: "403" }]);
});
