import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { WRITABLE } from "../../core/paging/mod.ts";
import { relro } from "../../plugins/relro.ts";
import { PF_R, PF_W, PT_GNU_RELRO } from "../../core/elf/constants.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { ORIGINAL_LAYOUT } from "../original.ts";

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
