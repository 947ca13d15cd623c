/** The stage map-load: where the file parts of segments are mapped, and which are copied. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { PF_R, PF_W } from "../../../core/elf/constants.ts";
import type { LoadedKernel } from "../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";
import { assertRefused, codes, END, fileBytes, loadDefault, loadOriginal, pages, TEXT } from "./by_rules.ts";

Deno.test("an empty file part at an unaligned offset maps zeroed pages only", async () => {
  const data: SegmentSpec = { offset: 0x2200, p_vaddr: 0x50_0200n, filesz: 0, p_memsz: 0x100n, p_flags: PF_R | PF_W };
  const file = buildElf({ segments: [{ ...TEXT, filesz: 0x1300 }, data], length: END });
  const [kernel, original] = [await loadDefault(file), await loadOriginal(file)];
  const expected = ["0x400000 R-X", "0x401000 R-X", "0x500000 RW-"];
  assertEquals([pages(kernel), pages(original)], [expected, expected]);
  assertEquals(kernel.read(0x50_0000n, 0x1000), new Uint8Array(0x1000));
  assertEquals(original.read(0x50_0000n, 0x200), fileBytes(0x2000, 0x200));
});

Deno.test("bytes whose offset and address differ within their pages are copied to their place", async () => {
  const shifted: SegmentSpec = { offset: 0x1010, p_vaddr: 0x40_0ff0n, filesz: 0x1800, p_memsz: 0x3000n, p_align: 1n };
  const file = buildElf({ segments: [shifted], header: { e_entry: 0x40_0ff0n }, length: END });
  const kernel = await loadDefault(file);
  assertEquals(kernel.read(0x40_0ff0n, 0x1800), fileBytes(0x1010, 0x1800));
  assertEquals(kernel.read(0x40_27f0n, 0x1800), new Uint8Array(0x1800));
  assertEquals(codes(kernel), ["segment-copied"]);
  assertEquals(kernel.diagnostics[0].index, 0);
  assert(kernel.diagnostics[0].addresses.includes(0x40_0ff0n));

  const plain: SegmentSpec = { ...shifted, p_memsz: 0x1800n };
  const original = await loadOriginal({ segments: [plain], length: END });
  assertEquals(original.read(0x40_0ff0n, 0x10), fileBytes(0x1ff0, 0x10)); // shifted: the page's bytes, not the segment's
});

Deno.test("two segments in one page are merged, with the permissions of both", async () => {
  const data: SegmentSpec = {
    offset: 0x1200,
    p_vaddr: 0x40_0200n,
    filesz: 0x100,
    p_memsz: 0x180n,
    p_flags: PF_R | PF_W,
  };
  const more: SegmentSpec = { offset: 0x1400, p_vaddr: 0x40_0400n, filesz: 0x80, p_flags: PF_R };
  const file = buildElf({ segments: [TEXT, data, more], length: END });
  const kernel = await loadDefault(file);
  assertEquals(pages(kernel), ["0x400000 RWX"]);
  assertEquals(kernel.read(0x40_0000n, 0x300), fileBytes(0x1000, 0x300));
  assertEquals(kernel.read(0x40_0300n, 0x100), new Uint8Array(0x100));
  assertEquals(kernel.read(0x40_0400n, 0x80), fileBytes(0x1400, 0x80));
  assertEquals(codes(kernel), ["pages-merged", "pages-merged"]);
  const [{ index, message, addresses }] = kernel.diagnostics;
  assertEquals([index, addresses], [1, [0x40_0000n]]);
  assertStringIncludes(message, "0x400000..0x400200");
  assertStringIncludes(message, "0x400200..0x400380");
  await assertRefused(loadOriginal(file), "page-already-mapped", { index: 1, otherIndex: 0 });
});

Deno.test("a page that ends one segment's bss and starts the next is merged", async () => {
  const data: SegmentSpec = {
    offset: 0x2000,
    p_vaddr: 0x50_0000n,
    filesz: 0x1080,
    p_memsz: 0x3100n,
    p_flags: PF_R | PF_W,
  };
  const next: SegmentSpec = { offset: 0x4200, p_vaddr: 0x50_3200n, filesz: 0x1000, p_flags: PF_R };
  const file = buildElf({ segments: [TEXT, data, next], length: END });
  const kernel = await loadDefault(file);
  const expected = ["0x400000 R-X", "0x500000 RW-", "0x501000 RW-", "0x502000 RW-", "0x503000 RW-", "0x504000 R--"];
  assertEquals(pages(kernel), expected);
  assertEquals(kernel.read(0x50_0000n, 0x1080), fileBytes(0x2000, 0x1080));
  assertEquals(kernel.read(0x50_1080n, 0x2080), new Uint8Array(0x2080));
  assertEquals(kernel.read(0x50_3200n, 0x1000), fileBytes(0x4200, 0x1000));
  await assertRefused(loadOriginal(file), "page-already-mapped", { index: 2, otherIndex: 1 });
});

Deno.test("entries above the leaves are always writable", async () => {
  const file = buildElf({ segments: [{ ...TEXT, p_flags: PF_R }], length: END });
  const parents = (kernel: LoadedKernel) =>
    kernel.pageTable.walk(0x40_0000n).slice(0, 3).map(({ entry }) => entry & 3n);
  assertEquals(parents(await loadDefault(file)), [3n, 3n, 3n]);
  assertEquals(parents(await loadOriginal(file)), [1n, 1n, 1n]);
});
