/** Headers without a load: of any machine and class, and no byte more. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { LoadError, readHeaders } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { readOriginal } from "../original.ts";

const SEGMENTS = [{ filesz: 0x100 }, { p_type: 0x5fff_ffff, p_vaddr: 1n << 47n, filesz: 0x10, p_align: 3n }];

/** A source that counts what is read of it. */
function reader(file: Uint8Array) {
  const state = { read: 0, closed: 0 };
  return {
    state,
    read: (into: Uint8Array) => {
      const piece = file.subarray(state.read, state.read + into.length);
      into.set(piece);
      state.read += piece.length;
      return piece.length || null;
    },
  };
}

Deno.test("readHeaders() reads the headers and no byte more, whatever is wrong with them", async () => {
  const file = buildElf({ segments: SEGMENTS, length: 0x2000 });
  const source = reader(file);
  const { fileHeader, programHeaders, bytesRead } = await readHeaders(source);
  assertEquals([fileHeader.e_phnum, programHeaders.map(({ p_type }) => p_type)], [2, [1, 0x5fff_ffff]]);
  assertEquals([bytesRead, source.state.read], [64 + 2 * 56, 64 + 2 * 56]);
});

Deno.test("readHeaders() reads files of other machines, types and classes", async () => {
  for (const header of [{ e_machine: 183 }, { e_type: 1 }, { e_type: 4 }]) {
    const { fileHeader } = await readHeaders(buildElf({ header, segments: SEGMENTS }));
    assertEquals({ ...fileHeader, ...header }, fileHeader);
  }
  const { fileHeader, programHeaders } = await readHeaders(readOriginal("hdr-elf32-well-formed.elf"));
  assertEquals([fileHeader.EI_CLASS, programHeaders.length, typeof programHeaders[0].p_vaddr], [1, 1, "bigint"]);
});

Deno.test("readHeaders() refuses what has no headers, and headers that are cut off or too far away", async () => {
  const file = buildElf({ segments: SEGMENTS });
  const refused = [
    [new Uint8Array(64), {}, "not-elf"],
    [file.subarray(0, 63), {}, "file-too-short"],
    [file.subarray(0, 100), {}, "program-headers-out-of-file"],
    [file, { maxMemory: 100 }, "memory-limit-exceeded"],
  ] as const;
  for (const [source, options, code] of refused) {
    assertStrictEquals((await assertRejects(() => readHeaders(source, options), LoadError)).code, code);
  }
});

Deno.test("readHeaders() rejects with the reason of its signal, and cancels the source", async () => {
  const reason = new Error("enough");
  await assertRejects(() => readHeaders(buildElf(), { signal: AbortSignal.abort(reason) }), Error, "enough");
  const cancels: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({ cancel: (given) => void cancels.push(given) });
  const controller = new AbortController();
  const headers = readHeaders(stream, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await headers.catch((error: unknown) => error), reason);
  assertEquals(cancels.length, 1);
});
