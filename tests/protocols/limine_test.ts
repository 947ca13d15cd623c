/** Limine's tags are recognized where loaders look for them, and described one by one. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ELFCLASS32, PF_R } from "../../core/elf/constants.ts";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile, type RandomSource } from "../../core/file/kept_file.ts";
import type { KernelSource } from "../../core/intake/source.ts";
import { limine, type LimineProtocol } from "../../protocols/limine.ts";
import { findTags, MOST_TAGS } from "../../protocols/limine/tags.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import * as tags from "../loaders/limine_kernel.ts";
import { BASE, bytesOf, data, kernel, request, revision } from "../loaders/limine_kernel.ts";

const FIELD = new URL("../fixtures/field/", import.meta.url);

async function recognize(source: KernelSource | RandomSource): Promise<LimineProtocol | undefined> {
  return limine.recognize(await readModel(keepFile(source), limine.parts));
}

/** A kernel with the given tags at the start of its image. */
function withTags(...list: readonly (readonly bigint[])[]): Uint8Array {
  return kernel({ tags: list });
}

Deno.test("a base revision tag and requests are described", async () => {
  const file = withTags(
    revision(3n),
    request(tags.FRAMEBUFFER, 1n),
    request(tags.HHDM),
    request(tags.MEMORY_MAP),
    request(tags.RSDP),
  );
  const found = await recognize(file);
  assertEquals(found?.summary, "Limine: base revision 3, 4 requests (framebuffer, HHDM, memory map, RSDP)");
  assertEquals([found?.name, found?.offset, found?.baseRevision], ["limine", 0x1000, 3n]);
  assertEquals(found?.requests[0], {
    name: "framebuffer",
    id: tags.FRAMEBUFFER,
    offset: 0x1018,
    address: BASE + 0x18n,
    index: 0,
    revision: 1n,
    reachesBss: false,
    isDuplicate: false,
  });
});

Deno.test("real kernels for Limine are recognized", async () => {
  const summary = async (name: string) => (await recognize(Deno.readFileSync(new URL(name, FIELD))))?.summary;
  assertEquals(await summary("limine.elf"), "Limine: base revision 2, 1 request (framebuffer)");
  assertEquals(
    await summary("limine-duplicate-request.elf"),
    "Limine: base revision 2, 2 requests (framebuffer, framebuffer)",
  );
});

Deno.test("no other file of the field is for Limine", async () => {
  for (const { name } of Deno.readDirSync(FIELD)) {
    if (name.startsWith("limine")) continue;
    assertEquals([name, await recognize(Deno.readFileSync(new URL(name, FIELD)))], [name, undefined]);
  }
});

Deno.test("a kernel without a base revision tag has revision 0", async () => {
  const found = await recognize(withTags(request(tags.HHDM)));
  assertEquals(found?.summary, "Limine: no base revision tag, which means revision 0, 1 request (HHDM)");
  assertEquals(found?.baseRevision, 0n);
});

Deno.test("unknown requests are shown by number", async () => {
  const found = await recognize(withTags(revision(3n), request([0x1234n, 0xabcdn])));
  assertEquals(found?.summary, "Limine: base revision 3, 1 request (unknown id 0x1234 0xabcd)");
  assertEquals(found?.requests[0].name, undefined);
});

Deno.test("duplicates are marked", async () => {
  const found = await recognize(withTags(revision(3n), revision(2n), request(tags.HHDM), request(tags.HHDM)));
  assertEquals(found?.requests.map(({ isDuplicate }) => isDuplicate), [false, true]);
  assertEquals(found?.revisionTags.map((tag) => tag.revision), [3n, 2n]);
  assertEquals(found?.summary, "Limine: base revision 3 and 2, 2 requests (HHDM, HHDM)");
});

Deno.test("requests before the last start marker or after the first end marker are outside", async () => {
  const found = await recognize(withTags(
    ...[request(tags.HHDM), tags.START, request(tags.RSDP), tags.START, request(tags.FRAMEBUFFER)],
    ...[tags.END, request(tags.MEMORY_MAP), tags.END],
  ));
  assertEquals(found?.requests.map(({ name, outside }) => [name, outside]), [
    ["HHDM", "before the start marker"],
    ["RSDP", "before the start marker"],
    ["framebuffer", undefined],
    ["memory map", "after the end marker"],
  ]);
  assertEquals([found?.startMarkers.length, found?.endMarkers.length], [2, 2]);
  assert(found?.summary.endsWith(", 3 outside the markers"), found?.summary);
});

Deno.test("tags count at addresses that are multiples of 8, not at such file offsets", async () => {
  const bytes = bytesOf(revision(3n));
  const at = (offset: number, p_vaddr: bigint) => recognize(buildElf({ segments: [{ offset, p_vaddr, data: bytes }] }));
  assertEquals((await at(0x1004, BASE))?.baseRevision, 3n);
  assertEquals((await at(0x1003, BASE + 8n))?.offset, 0x1003);
  assertEquals(await at(0x1000, BASE + 4n), undefined);
  assertEquals(await at(0x1001, BASE + 1n), undefined);
});

Deno.test("tags outside the file bytes of segments do not count", async () => {
  const bytes = bytesOf(revision(3n));
  const only = (change: SegmentSpec) =>
    recognize(buildElf({ segments: [{ data: bytes, filesz: 24, ...change }], length: 0x1100 }));
  assert(await only({}));
  assertEquals(await only({ p_type: 4 }), undefined);
  assertEquals(await only({ p_memsz: 0n }), undefined);
  assertEquals(await only({ filesz: 15, p_memsz: 0x100n }), undefined);
});

Deno.test("a request that ends past its segment's file bytes reaches the bss", async () => {
  const bytes = bytesOf(request(tags.HHDM));
  const file = buildElf({ segments: [{ data: bytes, filesz: 32, p_memsz: 0x1000n }], length: 0x2000 });
  const found = await recognize(file);
  assertEquals(found?.requests.map(({ name, reachesBss, revision }) => [name, reachesBss, revision]), [[
    "HHDM",
    true,
    0n,
  ]]);
});

Deno.test("32-bit and big-endian files are not for Limine", async () => {
  const file = kernel();
  file[4] = ELFCLASS32;
  assertEquals(await recognize(file), undefined);
  const bigEndian = kernel();
  bigEndian[5] = 2;
  assertEquals(await recognize(bigEndian), undefined);
});

Deno.test("a file read at offsets and a stream are the same as bytes", async () => {
  const file = kernel({
    tags: [revision(3n), request(tags.HHDM)],
    more: [data({ data: bytesOf(request(tags.RSDP)) })],
  });
  const expected = await recognize(file);
  assertEquals(expected?.requests.length, 2);
  const readAt = (offset: number, buffer: Uint8Array): number => {
    const piece = file.subarray(offset, offset + Math.min(buffer.length, 100));
    buffer.set(piece);
    return piece.length;
  };
  assertEquals(await recognize({ size: file.length, readAt }), expected);
  assertEquals(await recognize(ReadableStream.from([file.slice(0, 70), file.slice(70)])), expected);
});

Deno.test("overlapping segments of a file that is read at offsets are read whole", async () => {
  const bytes = bytesOf(revision(3n), request(tags.HHDM));
  const parts = [[0x1000, 0x1000], [0x1800, 0x1000], [0x800, 0x1800]];
  const segments = parts.map(([offset, filesz], at): SegmentSpec => ({
    offset,
    filesz,
    p_vaddr: BASE + BigInt(offset + at * 0x10000),
  }));
  const file = buildElf({ segments });
  file.set(bytes, 0x1900);
  const readAt = (offset: number, buffer: Uint8Array): number => {
    buffer.set(file.subarray(offset, offset + buffer.length));
    return Math.min(buffer.length, file.length - offset);
  };
  const found = await recognize({ size: file.length, readAt });
  assertEquals(found?.revisionTags.map(({ index, offset }) => [index, offset]), [[0, 0x1900], [1, 0x1900], [
    2,
    0x1900,
  ]]);
});

/** What a loader does, slowly: looks at each word of the image. */
function slowly(file: Uint8Array, vaddr: bigint, start: number): readonly number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const found: number[] = [];
  for (let offset = start; offset + 24 <= file.length; offset++) {
    if ((vaddr + BigInt(offset - start)) % 8n !== 0n) continue;
    const words = [0, 8].map((at) => view.getBigUint64(offset + at, true));
    if (revision(0n).slice(0, 2).every((word, at) => word === words[at])) found.push(offset);
  }
  return found;
}

Deno.test("findTags() finds what a slow search finds", async () => {
  const places = fc.array(fc.integer({ min: 0x1000, max: 0x1fd0 }), { maxLength: 8 });
  const property = fc.asyncProperty(places, fc.integer({ min: 0, max: 15 }), async (offsets, shift) => {
    const p_vaddr = BASE + BigInt(shift);
    const file = buildElf({ segments: [{ offset: 0x1000, filesz: 0x1000, p_vaddr }] });
    for (const offset of offsets) file.set(bytesOf(revision(1n)), offset);
    const model = await readModel(keepFile(file), ["image"]);
    const found = findTags(model, model.elf!.programHeaders);
    assertEquals(found.map(({ offset }) => offset), slowly(file, p_vaddr, 0x1000));
    assert(found.every(({ address, offset }) => address === p_vaddr + BigInt(offset - 0x1000)));
  });
  await fc.assert(property, { numRuns: 200 });
});

Deno.test("thousands of segments that load the same tags cost no more than a few", async () => {
  const bytes = bytesOf(...Array.from({ length: 64 }, () => request(tags.HHDM)));
  const many = Array.from({ length: 60_000 }, (_, at): SegmentSpec => ({
    ...{ offset: 0x40_0000, data: bytes, filesz: bytes.length, p_flags: PF_R },
    p_vaddr: BASE + BigInt(at % 8) + 0x1000n * BigInt(at),
  }));
  const found = await recognize(buildElf({ segments: many }));
  assertEquals(found?.requests.length, MOST_TAGS);
});
