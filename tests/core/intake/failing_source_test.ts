/** Sources that end early or fail, when they are read or when they are let go. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { PF_R, PF_W, PF_X, PT_NOTE } from "../../../core/elf/constants.ts";
import { type ErrorCode, LoadError } from "../../../core/errors.ts";
import type { KernelSource } from "../../../core/intake/source.ts";
import { loadKernel } from "../../../core/load_kernel.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";
import { readerOf, watched } from "./watched_sources.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const RULES: readonly RuleSetName[] = ["default", "bootloader-0.10"];
const TABLE_END = 64 + 3 * 56;
const NEEDED = 0x1a00;
const FILE = buildElf({
  segments: [
    { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x800 },
    { p_flags: PF_R | PF_W, p_vaddr: 0x40_1800n, offset: 0x1800, filesz: 0x200, p_memsz: 0x1200n },
    { p_type: PT_NOTE, p_vaddr: 0n, offset: 0x1b00, filesz: 0x100, p_align: 4n },
  ],
  length: 0x1d00,
});

/** What stands in a file that was cut off, from each length on, under each rule set. */
const CUT_OFF: readonly (readonly [number, ErrorCode | "loaded", ErrorCode | "loaded"])[] = [
  [0, "file-too-short", "file-too-short"],
  [64, "program-headers-out-of-file", "program-headers-out-of-file"],
  [TABLE_END, "segment-out-of-file", "segment-out-of-file"],
  [NEEDED, "loaded", "segment-out-of-file"],
  [0x1c01, "loaded", "loaded"], // the original wants every segment to end before the file does
];

function expectedAt(length: number, rules: RuleSetName): ErrorCode | "loaded" {
  const [, byDefault, original] = CUT_OFF.findLast(([start]) => start <= length)!;
  return rules === "default" ? byDefault : original;
}

async function outcomeOf(source: KernelSource, rules: RuleSetName): Promise<ErrorCode | "loaded"> {
  try {
    await loadKernel(source, { rules, memory: { size: 2 ** 17 }, kernelOffset: 0 });
    return "loaded";
  } catch (error) {
    if (error instanceof LoadError) return error.code;
    throw error;
  }
}

/** Lets what is still under way come to its end, so that a rejection that nobody handles fails the test. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

for (const rules of RULES) {
  Deno.test(`bytes that are cut off give the error for what is missing, at any length (${rules})`, async () => {
    const edges = CUT_OFF.flatMap(([start]) => [start - 1, start, start + 1]).filter((length) => length >= 0);
    const inside = Array.from({ length: FILE.length / 61 }, (_, index) => index * 61);
    const headers = Array.from({ length: TABLE_END }, (_, length) => length);
    for (const length of [...edges, ...inside, ...headers, FILE.length]) {
      const expected = expectedAt(length, rules);
      assertStrictEquals(await outcomeOf(FILE.slice(0, length), rules), expected, `${length} bytes`);
    }
  });

  for (const length of [0, 1, 15, 16, 63, 64, TABLE_END - 1, TABLE_END, 0x1234, NEEDED - 1, NEEDED, 0x1c00, 0x1c01]) {
    Deno.test(`every kind of source that ends after ${length} bytes gives the same outcome (${rules})`, async () => {
      const cut = FILE.slice(0, length);
      const expected = expectedAt(length, rules);
      const { stream, cancels } = watched([cut.slice(0, length / 2), cut.slice(length / 2)]);
      const kinds: readonly KernelSource[] = [
        stream,
        new Blob([cut]),
        new Response(cut),
        readerOf(cut, () => null),
        readerOf(cut, () => Promise.resolve(null)),
        cut.buffer,
      ];
      for (const source of kinds) assertStrictEquals(await outcomeOf(source, rules), expected);
      assertStrictEquals(stream.locked, false);
      assert(cancels.length <= 1);
    });
  }
}

Deno.test("a segment that the source ends in is named with its index, its end and the source's", async () => {
  const cut = FILE.slice(0, 0x1900);
  for (const source of [cut, readerOf(cut, () => null), watched([cut]).stream]) {
    const error = await assertRejects(() => loadKernel(source), LoadError);
    assertEquals([error.code, error.detail], [
      "segment-out-of-file",
      { index: 1, field: "p_offset + p_filesz", value: 0x1a00n, limit: 0x1900 },
    ]);
  }
});

// Sources that fail

const FAILURES: readonly (readonly [string, number])[] = [
  ["before the first byte", 0],
  ["inside the file header", 30],
  ["inside the program header table", TABLE_END - 20],
  ["inside a segment", 0x1300],
  ["one byte before the last that is needed", NEEDED - 1],
];

for (const rules of RULES) {
  for (const [where, length] of FAILURES) {
    Deno.test(`a stream's error ${where} is the cause of source-failed, and the stream is unlocked (${rules})`, async () => {
      const cause = new Error("the network is down");
      const chunks = length > 0 ? [FILE.slice(0, length)] : [];
      const { stream, cancels } = watched(chunks, (controller) => controller.error(cause));
      const error = await assertRejects(() => loadKernel(stream, { rules }), LoadError);
      assertEquals([error.code, error.detail], ["source-failed", {
        field: "the number of bytes read",
        value: length,
      }]);
      assertStrictEquals(error.cause, cause);
      // a stream that failed has nothing left to cancel
      assertEquals([stream.locked, cancels], [false, []]);
      await settled();
    });

    Deno.test(`a reader's error ${where} is the cause of source-failed (${rules})`, async () => {
      const cause = { errno: 5 };
      const fail = (): never => {
        throw cause;
      };
      for (const after of [fail, () => Promise.reject(cause)]) {
        const source = readerOf(FILE.slice(0, length), after);
        const error = await assertRejects(() => loadKernel(source, { rules }), LoadError);
        assertStrictEquals(error.code, "source-failed");
        assertStrictEquals(error.cause, cause);
      }
    });
  }
}

Deno.test("default: an error behind the last byte that is needed is never met", async () => {
  const { stream, cancels } = watched([FILE.slice(0, NEEDED)], (controller) => controller.error(new Error("late")));
  await loadKernel(stream);
  assertEquals([stream.locked, cancels.length], [false, 1]);
});

Deno.test("a byte stream's error is the cause of source-failed, and the stream is unlocked", async () => {
  const cause = new Error("the network is down");
  let pulls = 0;
  const stream = new ReadableStream({
    type: "bytes",
    pull: (controller) => pulls++ === 0 ? controller.enqueue(FILE.slice(0, 100)) : controller.error(cause),
  });
  const error = await assertRejects(() => loadKernel(stream as ReadableStream<Bytes>), LoadError);
  assertEquals([error.code, stream.locked], ["source-failed", false]);
  assertStrictEquals(error.cause, cause);
});

Deno.test("damaged gzip is the cause of source-failed", async () => {
  const packed = await new Response(new Blob([FILE]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
  packed.fill(0, 20, 40);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const error = await assertRejects(() => loadKernel(stream, { rules: "bootloader-0.10" }), LoadError);
  assertStrictEquals(error.code, "source-failed");
  assert(error.cause instanceof TypeError);
  assertStrictEquals(stream.locked, false);
  await settled();
});

// Letting go

Deno.test("a stream whose cancel() fails does not hide why the file was refused, nor spoil a load", async () => {
  const failing = (file: Bytes) => {
    let sent = false;
    return new ReadableStream<Bytes>({
      pull: (controller) => {
        if (!sent) controller.enqueue(file.slice());
        sent = true;
      },
      cancel: () => Promise.reject(new Error("cannot cancel")),
    }, { highWaterMark: 0 });
  };
  const error = await assertRejects(() => loadKernel(failing(new Uint8Array(64))), LoadError);
  assertStrictEquals(error.code, "not-elf");
  const stream = failing(FILE);
  assertStrictEquals((await loadKernel(stream)).entryPoint, 0x40_0000n);
  assertStrictEquals(stream.locked, false);
  await settled();
});

Deno.test("a stream of another make whose cancel() and releaseLock() throw spoils neither a load nor a refusal", async () => {
  const throwing = (file: Bytes) => {
    const fail = (): never => {
      throw new Error("cannot let go");
    };
    let sent = false;
    const read = () => Promise.resolve(sent ? { done: true } : (sent = true, { value: file.slice(), done: false }));
    const stream = { locked: false, getReader: () => ({ read, cancel: fail, releaseLock: fail }) };
    return stream as unknown as ReadableStream<Bytes>;
  };
  assertStrictEquals((await loadKernel(throwing(FILE))).entryPoint, 0x40_0000n);
  assertStrictEquals((await assertRejects(() => loadKernel(throwing(new Uint8Array(64))), LoadError)).code, "not-elf");
});

Deno.test("a response that is refused and whose body cannot be cancelled is refused all the same", async () => {
  const cancel = () => {
    throw new Error("cannot cancel");
  };
  for (const body of [null, undefined, {}, { cancel }, { cancel: () => Promise.reject(new Error("later")) }]) {
    const response = { ok: false, status: 500, statusText: "", body, arrayBuffer: () => {} };
    const error = await assertRejects(() => loadKernel(response as unknown as Response), LoadError);
    assertStrictEquals(error.code, "response-not-ok");
  }
  await settled();
});

Deno.test("an error that onProgress throws ends the load with it, and the stream is cancelled", async () => {
  const { stream, cancels } = watched([FILE.slice(0, 100), FILE.slice(100)]);
  const cause = new Error("from the caller");
  const onProgress = () => {
    throw cause;
  };
  assertStrictEquals(await assertRejects(() => loadKernel(stream, { onProgress })), cause);
  assertStrictEquals(cancels[0], cause);
  assertEquals([stream.locked, cancels.length], [false, 1]);
});
