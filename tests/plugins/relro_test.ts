import { assert, assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { WRITABLE } from "../../core/paging/mod.ts";
import { relro } from "../../plugins/relro.ts";
import { PF_R, PF_W, PT_GNU_RELRO } from "../../core/elf/constants.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { ORIGINAL_LAYOUT } from "../original.ts";
import { counted } from "./counted_work.ts";

const TEXT: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000 };

/** A kernel with writable data from `start` for `size` bytes, and a RELRO header. */
function kernelFile(start: bigint, size: number, from: bigint, memsz: bigint, more: readonly SegmentSpec[] = []) {
  const offset = 0x2000 + Number(start % 4096n);
  const data: SegmentSpec = { offset, p_vaddr: start, filesz: size, p_flags: PF_R | PF_W };
  const header = { p_type: PT_GNU_RELRO, offset, p_vaddr: from, filesz: 0, p_memsz: memsz, p_align: 1n };
  return buildElf({ segments: [TEXT, data, header, ...more], length: 0x9000 });
}

function writablePages(
  kernel: { readonly pageTable: { readonly leaves: () => Iterable<{ virt: bigint; flags: bigint }> } },
) {
  return [...kernel.pageTable.leaves()].filter(({ flags }) => flags & WRITABLE).map(({ virt }) => virt);
}

Deno.test("pages that are wholly in the range become read-only", async () => {
  const kernel = await loadKernel(kernelFile(0x50_0000n, 0x3000, 0x50_0000n, 0x2000n), { plugins: [relro()] });
  assertEquals(writablePages(kernel), [0x50_2000n]);
  assertEquals(kernel.results.relro, { sealedPages: 2, keptPages: [] });
  assertEquals(kernel.diagnostics, []);
});

Deno.test("a page that also holds writable data stays writable, with a diagnostic", async () => {
  const kernel = await loadKernel(kernelFile(0x50_0000n, 0x3000, 0x50_0800n, 0x1a00n), { plugins: [relro()] });
  assertEquals(writablePages(kernel), [0x50_0000n, 0x50_2000n]);
  assertEquals(kernel.results.relro, { sealedPages: 1, keptPages: [0x50_0000n, 0x50_2000n] });
  const found = kernel.diagnostics.map(({ code, index, addresses }) => [code, index, addresses]);
  assertEquals(found, [["relro-page-shared", 2, [0x50_0000n]], ["relro-page-shared", 2, [0x50_2000n]]]);
});

Deno.test("a partial page without other writable data is sealed", async () => {
  const kernel = await loadKernel(kernelFile(0x50_0e00n, 0x1200, 0x50_0e00n, 0x1200n), { plugins: [relro()] });
  assertEquals(writablePages(kernel), []);
  assertEquals(kernel.results.relro, { sealedPages: 2, keptPages: [] });
});

Deno.test("a page that two ranges hold is counted once", async () => {
  const again = { p_type: PT_GNU_RELRO, offset: 0x2000, p_vaddr: 0x50_0000n, filesz: 0, p_memsz: 0x1000n, p_align: 1n };
  const file = kernelFile(0x50_0000n, 0x3000, 0x50_0000n, 0x2000n, [again]);
  const kernel = await loadKernel(file, { plugins: [relro()] });
  assertEquals(writablePages(kernel), [0x50_2000n]);
  assertEquals(kernel.results.relro, { sealedPages: 2, keptPages: [] });
});

Deno.test("an empty range seals nothing; the newest original seals the page that it lies in", async () => {
  const file = kernelFile(0x50_0000n, 0x1000, 0x50_0800n, 0n);
  const kernel = await loadKernel(file, { plugins: [relro()] });
  assertEquals(writablePages(kernel), [0x50_0000n]);
  const original = await loadKernel(file, { rules: "bootloader-0.11", plugins: [relro()], ...ORIGINAL_LAYOUT });
  assertEquals(writablePages(original), []);
});

Deno.test("the newest original seals whole pages, whatever else is in them", async () => {
  const file = kernelFile(0x50_0000n, 0x3000, 0x50_0800n, 0x1a00n);
  const kernel = await loadKernel(file, { rules: "bootloader-0.11", plugins: [relro()], ...ORIGINAL_LAYOUT });
  assertEquals(writablePages(kernel), []);
});

Deno.test("a range that no segment covers is refused", async () => {
  const load = () => loadKernel(kernelFile(0x50_0000n, 0x1000, 0x50_0000n, 0x2000n), { plugins: [relro()] });
  const error = await assertRejects(load, LoadError);
  assertObjectMatch(error, { code: "page-not-mapped", detail: { index: 2, value: 0x50_1000n } });
  const wide = () => loadKernel(kernelFile(0x50_0000n, 0x1000, 0x60_0000n, 1n << 45n), { plugins: [relro()] });
  assertEquals((await assertRejects(wide, LoadError)).code, "page-not-mapped");
});

const relroOf = (p_vaddr: bigint, p_memsz: bigint): SegmentSpec => {
  return { p_type: PT_GNU_RELRO, offset: 0x2000, p_vaddr, filesz: 0, p_memsz, p_align: 1n };
};

Deno.test("ranges that cover a page together seal it, whatever their order", async () => {
  const parts = [relroOf(0x50_1800n, 0x800n), relroOf(0x50_0000n, 0x400n), relroOf(0x50_0400n, 0x1400n)];
  for (const [first, ...more] of [parts, parts.toReversed(), [parts[1], parts[0], parts[2]]]) {
    const file = kernelFile(0x50_0000n, 0x3000, first.p_vaddr!, first.p_memsz!, more);
    const kernel = await loadKernel(file, { plugins: [relro()] });
    assertEquals(writablePages(kernel), [0x50_2000n]);
    assertEquals(kernel.results.relro, { sealedPages: 2, keptPages: [] });
  }
});

Deno.test("a page with a gap between ranges stays writable, and is reported once, for a header that covers it", async () => {
  const more = [relroOf(0x50_1900n, 0x700n), relroOf(0x50_1000n, 0x800n), relroOf(0x50_1a00n, 0x100n)];
  const file = kernelFile(0x50_0000n, 0x3000, 0x50_0000n, 0x1000n, more);
  const kernel = await loadKernel(file, { plugins: [relro()] });
  assertEquals(writablePages(kernel), [0x50_1000n, 0x50_2000n]);
  assertEquals(kernel.results.relro, { sealedPages: 1, keptPages: [0x50_1000n] });
  const found = kernel.diagnostics.map(({ code, index, addresses }) => [code, index, addresses]);
  assertEquals(found, [["relro-page-shared", 4, [0x50_1000n]]]);
});

Deno.test("a gap without writable data does not keep a page writable", async () => {
  // The data segment ends at 0x50_1800, and the ranges leave out what is after it.
  const file = kernelFile(0x50_0800n, 0x1000, 0x50_0800n, 0x800n, [relroOf(0x50_1000n, 0x800n)]);
  const kernel = await loadKernel(file, { plugins: [relro()] });
  assertEquals(writablePages(kernel), []);
});

Deno.test("a page that is not mapped is refused for the header that covers it", async () => {
  const file = kernelFile(0x50_0000n, 0x2000, 0x50_1000n, 0x1000n, [relroOf(0x50_1800n, 0x1000n)]);
  for (const rules of ["default", "bootloader-0.11"] as const) {
    const error = await assertRejects(() => loadKernel(file, { rules, plugins: [relro()] }), LoadError);
    assertObjectMatch(error, { code: "page-not-mapped", detail: { index: 3, value: 0x50_2000n } });
  }
});

Deno.test("v0.11: a range with the last page of the lower half is refused before its pages are looked at", async () => {
  const file = kernelFile(0x50_0000n, 0x2000, 0x50_1000n, 0x1000n, [relroOf(0x7fff_ffff_e000n, 0x1fffn)]);
  const error = await assertRejects(
    () => loadKernel(file, { rules: "bootloader-0.11", plugins: [relro()] }),
    LoadError,
  );
  assertObjectMatch(error, { code: "address-not-canonical", detail: { index: 3, value: 2n ** 47n } });
});

for (const rules of ["default", "bootloader-0.11"] as const) {
  Deno.test(`however many headers there are under ${rules}, each page is sealed once`, async () => {
    const pages = 4096;
    const bss = { offset: 0x1000, p_vaddr: 0x80_0000n, filesz: 1, p_memsz: BigInt(pages * 4096), p_flags: PF_R | PF_W };
    const headers = Array.from({ length: 1000 }, (_, at) => {
      return { ...relroOf(0x80_0000n + BigInt(4096 * (at % 7)), BigInt(4096 * (pages - at % 7))), offset: 0x1000 };
    });
    const file = buildElf({ header: { e_phoff: 0x2000n }, segments: [TEXT, bss, ...headers], length: 0x1_2000 });
    const { plugin, work } = counted(relro());
    const kernel = await loadKernel(file, { rules, plugins: [plugin] });
    assertEquals(kernel.results.relro, { sealedPages: pages, keptPages: [] });
    assertEquals([work.translated, work.updated], [0, pages]);
    assert(work.pauses >= 2 && work.pauses <= (rules === "default" ? 1000 : 0) + 16, `${work.pauses} pauses`);
  });
}

Deno.test("a load pauses while pages stay writable, too: ranges in thousands of pages can leave a part of each", async () => {
  const pages = 1000;
  const bss = { offset: 0x1000, p_vaddr: 0x80_0000n, filesz: 1, p_memsz: BigInt(pages * 4096), p_flags: PF_R | PF_W };
  const headers = Array.from({ length: pages }, (_, at) => relroOf(0x80_0008n + BigInt(4096 * at), 16n));
  const file = buildElf({ header: { e_phoff: 0x2000n }, segments: [TEXT, bss, ...headers], length: 0x1_2000 });
  const { plugin, work } = counted(relro());
  const kernel = await loadKernel(file, { plugins: [plugin] });
  const keptPages = Array.from({ length: pages }, (_, at) => 0x80_0000n + BigInt(4096 * at));
  assertEquals(kernel.results.relro, { sealedPages: 0, keptPages });
  assertEquals([work.translated, work.updated], [pages, 0]);
  assert(work.pauses >= pages, `${work.pauses} pauses`);
});
