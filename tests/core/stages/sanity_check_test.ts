/** The stage sanity-check: which headers are refused, and what is reported of others. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { PF_R, PF_W, PT_NOTE, PT_SHLIB, PT_TLS } from "../../../core/elf/constants.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";
import { assertRefused, codes, END, fileBytes, loadDefault, loadOriginal, pages, TEXT } from "./by_rules.ts";

Deno.test("a segment may end at the end of the file", async () => {
  const file = buildElf({ segments: [TEXT] });
  const kernel = await loadDefault(file);
  assertEquals(kernel.read(0x40_0000n, 0x200), fileBytes(0x1000, 0x200));
  await assertRefused(loadOriginal(file), "segment-out-of-file", { index: 0, value: 0x1200n, limit: 0x1200 });
});

Deno.test("a PT_LOAD without memory is left out", async () => {
  const file = buildElf({
    segments: [TEXT, { offset: 0x2001, p_vaddr: 0x40_0001n, filesz: 0, p_memsz: 0n }],
    length: END,
  });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X"]);
  await assertRefused(loadOriginal(file), "page-already-mapped", { index: 1, value: 0x40_0000n, otherIndex: 0 });
});

Deno.test("p_filesz above p_memsz is refused, also with p_memsz 0", async () => {
  for (const p_memsz of [0x100n, 0n]) {
    const file = buildElf({ segments: [{ ...TEXT, p_memsz }], length: END });
    await assertRefused(loadDefault(file), "filesz-exceeds-memsz", { index: 0, field: "p_filesz", value: 0x200n });
    assertEquals(pages(await loadOriginal(file)), ["0x400000 R-X"]);
  }
});

Deno.test("segments whose ranges intersect are refused, in whichever order they stand", async () => {
  const one: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1800, p_memsz: 0x1800n };
  const other: SegmentSpec = { offset: 0x3000, p_vaddr: 0x40_1000n, filesz: 0x1000 };
  for (const segments of [[one, other], [other, one]]) {
    const place = { index: 1, otherIndex: 0, field: "p_vaddr", value: segments[1].p_vaddr };
    await assertRefused(loadDefault({ segments, length: END }), "segments-overlap", place);
    await assertRefused(loadOriginal({ segments, length: END }), "page-already-mapped", { index: 1, otherIndex: 0 });
  }
});

Deno.test("what is not loaded need not lie in the file", async () => {
  const note: SegmentSpec = { p_type: PT_NOTE, offset: 0x9000, p_vaddr: 0n, filesz: 0x100, p_align: 4n };
  const file = buildElf({ segments: [TEXT, note], length: END });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X"]);
  await assertRefused(loadOriginal(file), "segment-out-of-file", { index: 1 });
});

Deno.test("an unknown type is ignored, with a diagnostic; PT_SHLIB stays refused", async () => {
  const unknown = buildElf({ segments: [TEXT, { p_type: 8, p_vaddr: 0n, offset: 0 }], length: END });
  const kernel = await loadDefault(unknown);
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["segment-type-unknown", 1]]);
  const place = { index: 1, field: "p_type", value: 8 };
  await assertRefused(loadOriginal(unknown), "segment-type-refused", place);

  const shlib = buildElf({ segments: [TEXT, { p_type: PT_SHLIB, p_vaddr: 0n, offset: 0 }], length: END });
  await assertRefused(loadDefault(shlib), "segment-type-refused", { index: 1, value: PT_SHLIB });
  await assertRefused(loadOriginal(shlib), "segment-type-refused", { index: 1, value: PT_SHLIB });
});

Deno.test("addresses that differ modulo p_align load with a diagnostic", async () => {
  const file = buildElf({ segments: [{ ...TEXT, p_align: 0x20_0000n }], length: END });
  const kernel = await loadDefault(file);
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["alignment-mismatch", 0]]);
  assertEquals(kernel.read(0x40_0000n, 0x200), fileBytes(0x1000, 0x200));
  await assertRefused(loadOriginal(file), "alignment-mismatch", { index: 0, field: "p_align", value: 0x20_0000n });
});

Deno.test("a p_align that is not 0 or a power of two is refused", async () => {
  const file = buildElf({
    segments: [{ ...TEXT, p_vaddr: 0x40_0000n + 7n, offset: 0x1007, p_align: 3n }],
    length: END,
  });
  await assertRefused(loadDefault(file), "alignment-invalid", { index: 0, field: "p_align", value: 3n });
  assertEquals((await loadOriginal(file)).framesAllocated, 3);
  const zero = buildElf({ segments: [{ ...TEXT, p_align: 0n }], length: END });
  assertEquals(pages(await loadDefault(zero)), ["0x400000 R-X"]);
});

Deno.test("a TLS template whose end lies outside the address space is refused", async () => {
  const tls: SegmentSpec = {
    p_type: PT_TLS,
    p_vaddr: 0x40_0000n,
    offset: 0x1000,
    filesz: 0,
    p_memsz: (1n << 64n) - 1n,
  };
  const file = buildElf({ segments: [TEXT, tls], length: END });
  await assertRefused(loadDefault(file), "address-overflow", { index: 1, field: "p_vaddr + p_memsz" });
  await assertRefused(loadOriginal(file), "address-overflow", { index: 1 });
});

Deno.test("the offset of a segment without file bytes does not matter", async () => {
  const bss: SegmentSpec = { offset: 2 ** 50, p_vaddr: 0x50_0000n, filesz: 0, p_memsz: 0x1000n, p_flags: PF_R | PF_W };
  const file = buildElf({ segments: [TEXT, bss], length: END });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X", "0x500000 RW-"]);
  await assertRefused(loadOriginal(file), "segment-out-of-file", { index: 1 });
});

Deno.test("an entry that is not canonical is refused; one in no executable page gives a diagnostic", async () => {
  const e_entry = 0x1234_0000_0000_0000n;
  const wild = buildElf({ header: { e_entry }, segments: [TEXT], length: END });
  await assertRefused(loadDefault(wild), "address-not-canonical", { field: "e_entry", value: e_entry });
  await assertRefused(loadOriginal(wild), "address-not-canonical", { field: "e_entry", value: e_entry });
  const data = buildElf({ segments: [{ ...TEXT, p_flags: PF_R | PF_W }], length: END });
  assertEquals(codes(await loadDefault(data)), ["entry-not-executable"]);
  assertStringIncludes((await loadDefault(data)).diagnostics[0].hint ?? "", "Check ENTRY(…)");
  assertEquals(codes(await loadOriginal(data)), []);
  const bit47 = buildElf({ header: { e_entry: 1n << 47n }, segments: [TEXT], length: END });
  await assertRefused(loadDefault(bit47), "address-not-canonical", { field: "e_entry" });
  assertEquals((await loadOriginal(bit47)).entryPoint, 0xffff_8000_0000_0000n);
});

Deno.test("a file without a PT_LOAD is refused", async () => {
  for (const segments of [[], [{ p_type: PT_NOTE, p_vaddr: 0n, offset: 0 }]]) {
    const file = buildElf({ segments, length: END });
    await assertRefused(loadDefault(file), "no-load-segment", { field: "e_phnum", value: segments.length });
    assertEquals(pages(await loadOriginal(file)), []);
  }
});

Deno.test("kernelBase is refused for a kernel whose addresses are fixed", async () => {
  const file = buildElf({ segments: [TEXT], length: END });
  await assertRefused(loadKernel(file, { kernelBase: 0x1000n }), "kernel-base-refused", { field: "e_type", value: 2 });
});
