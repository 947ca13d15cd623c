/** Each fault of the original beside what the default rules do instead, shown with the same file. */

import { assert, assertEquals, assertObjectMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type ErrorCode, type LoadedKernel, LoadError, loadKernel, type LoadOptions } from "../../mod.ts";
import { WRITABLE } from "../../core/paging/mod.ts";
import {
  ET_DYN,
  PF_R,
  PF_W,
  PF_X,
  PT_DYNAMIC,
  PT_GNU_STACK,
  PT_NOTE,
  PT_SHLIB,
  PT_TLS,
} from "../../core/elf/constants.ts";
import { buildElf, type ElfSpec, fileByte, type SegmentSpec } from "../elf_builder.ts";

const KERNEL_OFFSET = 0x1000_1000;
const LAYOUT = { memory: { base: 0x1000_0000, size: 2 ** 26 }, kernelOffset: KERNEL_OFFSET, level4Frame: 0x1000_0000 };
const ORIGINAL: LoadOptions = { rules: "bootloader-0.10", ...LAYOUT };

const loadDefault = (spec: ElfSpec | Uint8Array) => loadKernel(spec instanceof Uint8Array ? spec : buildElf(spec));
const loadOriginal = (spec: ElfSpec | Uint8Array) =>
  loadKernel(spec instanceof Uint8Array ? spec : buildElf(spec), ORIGINAL);

/** A well-formed text segment of one page; a file that ends behind its last segment suits the original too. */
const TEXT: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x200 };
const END = 0x8000;

async function assertRefused(load: Promise<LoadedKernel>, code: ErrorCode, detail: object = {}): Promise<void> {
  const error = await assertRejects(() => load, LoadError);
  assertEquals(error.code, code, error.message);
  assertObjectMatch(error.detail as object as Record<string, unknown>, detail as Record<string, unknown>);
}

/** Pages as "address RWX". */
function pages(kernel: LoadedKernel): string[] {
  return [...kernel.pageTable.leaves()].map(({ virt, flags }) => {
    const executable = (flags >> 63n) === 0n;
    return `0x${virt.toString(16)} R${flags & WRITABLE ? "W" : "-"}${executable ? "X" : "-"}`;
  });
}

function fileBytes(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => fileByte(offset + at));
}

function rules(kernel: LoadedKernel): string[] {
  return kernel.diagnostics.map(({ code }) => code);
}

Deno.test("a bss that ends on a page boundary takes no page too many", async () => {
  const file = buildElf({
    segments: [
      { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000, p_memsz: 0x2000n, p_flags: PF_R | PF_W },
      { offset: 0x2000, p_vaddr: 0x40_2000n, filesz: 0x100 },
    ],
    length: END,
  });
  assertEquals(pages(await loadDefault(file)), ["0x400000 RW-", "0x401000 RW-", "0x402000 R-X"]);
  await assertRefused(loadOriginal(file), "page-already-mapped", { index: 1, value: 0x40_2000n, otherIndex: 0 });
});

Deno.test("level-4 usage counts what is loaded, with an exclusive end", async () => {
  const level4 = 1n << 39n;
  const file = buildElf({
    segments: [
      { offset: 0x1000, p_vaddr: 3n * level4 - 0x1000n, filesz: 0x1000 },
      { p_type: PT_GNU_STACK, p_vaddr: 7n * level4, p_memsz: 0n, p_align: 16n, offset: 0 },
      { p_type: PT_NOTE, p_vaddr: 9n * level4, p_memsz: 16n, filesz: 16, p_align: 4n },
      { p_type: PT_TLS, p_vaddr: 11n * level4, p_memsz: 16n, offset: 0x1000, filesz: 0 },
    ],
    header: { e_entry: 3n * level4 - 0x1000n },
    length: END,
  });
  assertEquals([...(await loadDefault(file)).usedLevel4Entries], [0, 2, 11]);
  assertEquals([...(await loadOriginal(file)).usedLevel4Entries], [0, 2, 3, 7, 9, 11]);
});

Deno.test("a segment may end at the end of the file", async () => {
  const file = buildElf({ segments: [TEXT] });
  const kernel = await loadDefault(file);
  assertEquals(kernel.read(0x40_0000n, 0x200), fileBytes(0x1000, 0x200));
  await assertRefused(loadOriginal(file), "segment-out-of-file", { index: 0, value: 0x1200n, limit: 0x1200 });
});

Deno.test("a segment may end at the end of the address space", async () => {
  const top = (1n << 64n) - 0x2000n;
  const file = buildElf({
    segments: [{ offset: 0x1000, p_vaddr: top, filesz: 0x1000, p_memsz: 0x2000n, p_flags: PF_R | PF_W }],
    header: { e_entry: top },
    length: END,
  });
  const kernel = await loadDefault(file);
  assertEquals(pages(kernel), ["0xffffffffffffe000 RW-", "0xfffffffffffff000 RW-"]);
  assertEquals(kernel.read(top + 0x1000n, 0x1000), new Uint8Array(0x1000));
  await assertRefused(loadOriginal(file), "address-overflow", { index: 0 });
});

Deno.test("an address with only bit 47 set is not canonical, and no segment crosses the hole", async () => {
  const hole = 1n << 47n;
  const bit47 = buildElf({ segments: [{ ...TEXT, p_vaddr: hole }], length: END });
  await assertRefused(loadDefault(bit47), "address-not-canonical", { index: 0, field: "p_vaddr", value: hole });
  assertEquals(pages(await loadOriginal(bit47)), ["0xffff800000000000 R-X"]);

  const across = buildElf({ segments: [{ ...TEXT, p_vaddr: hole - 0x1000n, filesz: 0x2000 }], length: END });
  await assertRefused(loadDefault(across), "address-not-canonical", {
    index: 0,
    field: "p_vaddr + p_memsz - 1",
    value: hole + 0xfffn,
  });
  assertEquals(pages(await loadOriginal(across)), ["0x7ffffffff000 R-X", "0xffff800000000000 R-X"]);
});

Deno.test("only 64-bit little-endian executables for x86-64 are kernels", async (t) => {
  const cases: readonly [string, ElfSpec["header"], ErrorCode, object][] = [
    ["machine", { e_machine: 183 }, "machine-unsupported", { field: "e_machine", value: 183 }],
    ["ET_REL", { e_type: 1 }, "type-unsupported", { field: "e_type", value: 1 }],
    ["big-endian", { EI_DATA: 2 }, "data-encoding-unsupported", { field: "EI_DATA", value: 2 }],
  ];
  for (const [name, header, code, detail] of cases) {
    await t.step(name, async () => {
      const file = buildElf({ header, segments: [TEXT], length: END });
      await assertRefused(loadDefault(file), code, detail);
      assertEquals(pages(await loadOriginal(file)), ["0x400000 R-X"]);
    });
  }
  await t.step("32-bit", async () => {
    const file = await Deno.readFile(new URL("../fixtures/original/corpus/hdr-elf32-well-formed.elf", import.meta.url));
    await assertRefused(loadDefault(file), "class-unsupported", { field: "EI_CLASS", value: 1 });
    assertEquals([...(await loadOriginal(file)).mappings()].length, 1);
  });
});

Deno.test("an empty file part at an unaligned offset maps zeroed pages only", async () => {
  const data: SegmentSpec = { offset: 0x2200, p_vaddr: 0x50_0200n, filesz: 0, p_memsz: 0x100n, p_flags: PF_R | PF_W };
  const file = buildElf({ segments: [{ ...TEXT, filesz: 0x1300 }, data], length: END });
  const [kernel, original] = [await loadDefault(file), await loadOriginal(file)];
  const expected = ["0x400000 R-X", "0x401000 R-X", "0x500000 RW-"];
  assertEquals([pages(kernel), pages(original)], [expected, expected]);
  assertEquals(kernel.read(0x50_0000n, 0x1000), new Uint8Array(0x1000));
  assertEquals(original.read(0x50_0000n, 0x200), fileBytes(0x2000, 0x200));
});

Deno.test("a LOAD without memory is left out", async () => {
  const file = buildElf({
    segments: [TEXT, { offset: 0x2001, p_vaddr: 0x40_0001n, filesz: 0, p_memsz: 0n }],
    length: END,
  });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X"]);
  await assertRefused(loadOriginal(file), "page-already-mapped", { index: 1, value: 0x40_0000n, otherIndex: 0 });
});

Deno.test("an empty PT_TLS stays a template", async () => {
  const file = buildElf({
    segments: [TEXT, { p_type: PT_TLS, p_vaddr: 0x40_0100n, offset: 0x1100, filesz: 0, p_align: 8n }],
    length: END,
  });
  const template = { startAddr: 0x40_0100n, fileSize: 0n, memSize: 0n, align: 8n };
  assertEquals((await loadDefault(file)).tlsTemplate, template);
  assertEquals((await loadOriginal(file)).tlsTemplate, template);
});

Deno.test("p_filesz above p_memsz is refused, also with p_memsz 0", async () => {
  for (const p_memsz of [0x100n, 0n]) {
    const file = buildElf({ segments: [{ ...TEXT, p_memsz }], length: END });
    await assertRefused(loadDefault(file), "filesz-exceeds-memsz", { index: 0, field: "p_filesz", value: 0x200n });
    assertEquals(pages(await loadOriginal(file)), ["0x400000 R-X"]);
  }
});

Deno.test("bytes whose offset and address differ within their pages are copied to their place", async () => {
  const shifted: SegmentSpec = { offset: 0x1010, p_vaddr: 0x40_0ff0n, filesz: 0x1800, p_memsz: 0x3000n, p_align: 1n };
  const file = buildElf({ segments: [shifted], header: { e_entry: 0x40_0ff0n }, length: END });
  const kernel = await loadDefault(file);
  assertEquals(kernel.read(0x40_0ff0n, 0x1800), fileBytes(0x1010, 0x1800));
  assertEquals(kernel.read(0x40_27f0n, 0x1800), new Uint8Array(0x1800));
  assertEquals(rules(kernel), ["segment-copied"]);
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
  assertEquals(rules(kernel), ["pages-merged", "pages-merged"]);
  const [{ index, message, addresses }] = kernel.diagnostics;
  assertEquals([index, addresses], [1, [0x40_0000n]]);
  assertStringIncludes(message, "0x400200..0x400380 and that of program header 0, 0x400000..0x400200,");
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

Deno.test("segments whose ranges intersect are refused, in whichever order they stand", async () => {
  const one: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1800, p_memsz: 0x1800n };
  const other: SegmentSpec = { offset: 0x3000, p_vaddr: 0x40_1000n, filesz: 0x1000 };
  for (const segments of [[one, other], [other, one]]) {
    const place = { index: 1, otherIndex: 0, field: "p_vaddr", value: segments[1].p_vaddr };
    await assertRefused(loadDefault({ segments, length: END }), "segments-overlap", place);
    await assertRefused(loadOriginal({ segments, length: END }), "page-already-mapped", { index: 1, otherIndex: 0 });
  }
});

Deno.test("entries above the leaves are always writable", async () => {
  const file = buildElf({ segments: [{ ...TEXT, p_flags: PF_R }], length: END });
  const parents = (kernel: LoadedKernel) =>
    kernel.pageTable.walk(0x40_0000n).slice(0, 3).map(({ entry }) => entry & 3n);
  assertEquals(parents(await loadDefault(file)), [3n, 3n, 3n]);
  assertEquals(parents(await loadOriginal(file)), [1n, 1n, 1n]);
});

Deno.test("the section header table is not looked at", async () => {
  const file = buildElf({
    header: { e_shoff: 0x7fff_0000n, e_shnum: 3, e_shentsize: 64 },
    segments: [TEXT],
    length: END,
  });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X"]);
  await assertRefused(loadOriginal(file), "section-headers-out-of-file", { limit: END });
});

Deno.test("what is not loaded need not lie in the file", async () => {
  const note: SegmentSpec = { p_type: PT_NOTE, offset: 0x9000, p_vaddr: 0n, filesz: 0x100, p_align: 4n };
  const file = buildElf({ segments: [TEXT, note], length: END });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X"]);
  await assertRefused(loadOriginal(file), "segment-out-of-file", { index: 1 });
});

Deno.test("a type that nobody knows is ignored, with a diagnostic; PT_SHLIB stays refused", async () => {
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

Deno.test("a TLS template outside every LOAD is accepted, with a diagnostic", async () => {
  const tls: SegmentSpec = { p_type: PT_TLS, p_vaddr: 0x90_0000n, offset: 0x1000, filesz: 0x10, p_memsz: 0x20n };
  const file = buildElf({ segments: [TEXT, tls], length: END });
  const kernel = await loadDefault(file);
  assertEquals(kernel.tlsTemplate, { startAddr: 0x90_0000n, fileSize: 0x10n, memSize: 0x20n, align: 0x1000n });
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["tls-outside-load", 1]]);
  assertEquals(rules(await loadOriginal(file)), []);
});

Deno.test("a TLS template whose end is no address is refused", async () => {
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
  assertEquals(rules(await loadDefault(data)), ["entry-not-executable"]);
  assertEquals(rules(await loadOriginal(data)), []);
  const bit47 = buildElf({ header: { e_entry: 1n << 47n }, segments: [TEXT], length: END });
  await assertRefused(loadDefault(bit47), "address-not-canonical", { field: "e_entry" });
  assertEquals((await loadOriginal(bit47)).entryPoint, 0xffff_8000_0000_0000n);
});

Deno.test("a file without a LOAD is refused", async () => {
  for (const segments of [[], [{ p_type: PT_NOTE, p_vaddr: 0n, offset: 0 }]]) {
    const file = buildElf({ segments, length: END });
    await assertRefused(loadDefault(file), "no-load-segment", { field: "e_phnum", value: segments.length });
    assertEquals(pages(await loadOriginal(file)), []);
  }
});

Deno.test("an ET_DYN kernel is loaded at kernelBase, with a diagnostic when it has relocations", async () => {
  const dynamic = new BigUint64Array([7n, 0x100n, 8n, 24n, 9n, 24n, 0n, 0n]); // DT_RELA, DT_RELASZ, DT_RELAENT, DT_NULL
  const text: SegmentSpec = { offset: 0x1000, p_vaddr: 0n, filesz: 0x200, data: new Uint8Array(dynamic.buffer) };
  const segments = [text, { p_type: PT_DYNAMIC, offset: 0x1000, p_vaddr: 0n, filesz: 64, p_align: 8n }];
  const file = buildElf({ header: { e_type: ET_DYN, e_entry: 0x10n }, segments, length: END });
  const kernelBase = 0xffff_ffff_8000_0000n;
  const kernel = await loadKernel(file, { kernelBase });
  assertEquals(pages(kernel), ["0xffffffff80000000 R-X"]);
  assertEquals([kernel.entryPoint, kernel.virtualAddressOffset], [kernelBase + 0x10n, kernelBase]);
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["relocations-unapplied", 1]]);
  assertEquals(pages(await loadDefault(file)), ["0x0 R-X"]);
  const original = await loadOriginal(file);
  assertEquals([pages(original), rules(original)], [["0x0 R-X"], []]);

  const none = buildElf({ header: { e_type: ET_DYN, e_entry: 0n }, segments: [text], length: END });
  assertEquals(rules(await loadDefault(none)), []);
  await assertRefused(loadKernel(none, { kernelBase: 0x1800n }), "kernel-base-misaligned", { value: 0x1800n });
});

Deno.test("kernelBase is refused for a kernel whose addresses are fixed", async () => {
  const file = buildElf({ segments: [TEXT], length: END });
  await assertRefused(loadKernel(file, { kernelBase: 0x1000n }), "kernel-base-refused", { field: "e_type", value: 2 });
});

Deno.test("p_paddr is ignored, with a diagnostic where it is set and differs", async () => {
  const elsewhere = buildElf({ segments: [{ ...TEXT, p_paddr: 0x10_0000n }], length: END });
  assertEquals(rules(await loadDefault(elsewhere)), ["physical-address-ignored"]);
  assertEquals(rules(await loadDefault({ segments: [{ ...TEXT, p_paddr: 0n }], length: END })), []);
  const physicalEntry = buildElf({ header: { e_entry: 0x10_0010n }, segments: [{ ...TEXT, p_paddr: 0x10_0000n }] });
  const kernel = await loadDefault(physicalEntry);
  assertEquals(rules(kernel), ["entry-not-executable", "physical-address-ignored"]);
  assertStringIncludes(kernel.diagnostics[0].message, "p_paddr range of program header 0");
});

Deno.test("a count of PN_XNUM program headers is refused by name", async () => {
  const file = buildElf({ header: { e_phnum: 0xffff }, segments: [TEXT], length: END });
  await assertRefused(loadDefault(file), "program-header-count-extended", { field: "e_phnum", value: 0xffff });
  await assertRefused(loadOriginal(file), "program-headers-out-of-file");
});

Deno.test("the file's bytes stay as they are, and the bss behind them is zero", async () => {
  const data: SegmentSpec = {
    offset: 0x1234,
    p_vaddr: 0x40_0234n,
    filesz: 0x1000,
    p_memsz: 0x5000n,
    p_flags: PF_R | PF_W | PF_X,
  };
  const file = buildElf({ segments: [data], header: { e_entry: 0x40_0234n }, length: END });
  const kernel = await loadKernel(file, LAYOUT);
  assertEquals(kernel.read(0x40_0234n, 0x1000), fileBytes(0x1234, 0x1000));
  assertEquals(kernel.read(0x40_1234n, 0x4000), new Uint8Array(0x4000));
  assertEquals(kernel.memory.bytes(KERNEL_OFFSET, 0x2234), file.subarray(0, 0x2234));
  const runs = kernel.frameRuns().map(({ owner, size }) => [owner, size / 4096]);
  assertEquals(runs, [["file", 3], ["table", 1], ["table", 3], ["copy", 1], ["bss", 4]]);
});
