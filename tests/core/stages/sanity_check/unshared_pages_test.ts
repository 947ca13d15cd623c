/** Pages of the file that a writable segment must not share: found by sanity-check, copied by map-load. */

import { assert, assertEquals, assertGreater, assertNotEquals, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { join } from "@std/path/join";
import fc from "fast-check";
import { PF_R, PF_W, PF_X } from "../../../../core/elf/constants.ts";
import { LoadError } from "../../../../core/errors.ts";
import { WRITABLE } from "../../../../core/paging/mod.ts";
import type { RuleSetName } from "../../../../core/rules.ts";
import { type LoadedKernel, loadKernel } from "../../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../../elf_builder.ts";
import { answeredFiles, readOriginal } from "../../../original.ts";
import { runTool, testWithTools } from "../../../tools.ts";
import { checkHeaders } from "../../check_headers.ts";
import { layoutFile, layouts, modelPages } from "../../kernel_layouts.ts";
import { codes } from "../by_rules.ts";

const PAGE = 0x1000;
const NX = 1n << 63n;

/** Text that ends in the page of the file in which the data starts, as linkers without separate-code lay files out. */
const TEXT: SegmentSpec = { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1800 };
const DATA: SegmentSpec = { p_flags: PF_R | PF_W, p_vaddr: 0x40_2800n, offset: 0x2800, filesz: 0x2800 };

/** Asserts that no frame is written to through one page and seen through another, and that no segment lacks a byte. */
function assertSeparate(kernel: LoadedKernel, file: Uint8Array, what: string): void {
  const users = Map.groupBy(kernel.pageTable.leaves(), ({ phys }) => phys);
  for (const [phys, leaves] of users) {
    if (leaves.length === 1) continue;
    const pages = leaves.map(({ virt, flags }) => `0x${virt.toString(16)}${flags & WRITABLE ? " W" : ""}`);
    assert(leaves.every(({ flags }) => (flags & WRITABLE) === 0n), `${what}: frame ${phys} is at ${pages}`);
  }
  for (const { index, p_type, p_vaddr, p_offset, p_filesz, p_memsz } of kernel.programHeaders) {
    if (p_type !== 1 || p_memsz === 0n) continue;
    const bytes = new Uint8Array(Number(p_memsz));
    bytes.set(file.subarray(Number(p_offset), Number(p_offset + p_filesz)));
    const virt = BigInt.asUintN(64, p_vaddr + kernel.virtualAddressOffset);
    assert(equals(kernel.read(virt, bytes.length), bytes), `${what}: bytes of program header ${index}`);
  }
  const { phys, size } = kernel.addressSpace.file;
  assert(equals(kernel.memory.bytes(phys, size), file.subarray(0, size)), `${what}: the file's bytes in memory`);
}

/** The physical addresses and flags of pages. */
const leavesAt = ({ pageTable }: LoadedKernel, ...pages: bigint[]) => {
  return pages.map((virt) => {
    const found = pageTable.translate(virt);
    return found.mapped ? [found.phys, found.flags] : undefined;
  });
};

Deno.test("a writable segment gets a copy of a file page that another segment maps, and a diagnostic says so", async () => {
  const file = buildElf({ segments: [TEXT, DATA], length: 0x6000 });
  const kernel = await loadKernel(file);
  const [[text, textFlags] = [], [data, dataFlags] = [], [next] = []] = leavesAt(
    kernel,
    0x40_1000n,
    0x40_2000n,
    0x40_3000n,
  );
  const [{ phys }] = kernel.frameRuns();
  assertEquals([text, textFlags, next], [phys + 0x2000, 1n, phys + 0x3000]);
  assertNotEquals(data, text);
  assertEquals(dataFlags, 1n | WRITABLE | NX);
  assertSeparate(kernel, file, "text and data");
  assertEquals(kernel.frameRuns().filter(({ owner }) => owner === "copy").map(({ size }) => size), [PAGE]);

  const [diagnostic] = kernel.diagnostics;
  const { code, severity, index, addresses } = diagnostic;
  assertEquals([code, severity, index, addresses], ["page-unshared", "info", 1, [0x40_2000n]]);
  assertEquals(
    diagnostic.message,
    "A page of its file data is also part of another segment; copied, to keep its writes private.",
  );
});

Deno.test("segments that only read share pages of the file, in as many places as they like", async () => {
  const other = { ...TEXT, p_flags: PF_R, p_vaddr: 0x50_0000n };
  const kernel = await loadKernel(buildElf({ segments: [TEXT, other] }));
  assertEquals([leavesAt(kernel, 0x50_0000n)[0]?.[0], codes(kernel)], [leavesAt(kernel, 0x40_0000n)[0]?.[0], []]);
});

Deno.test("two writable segments of the same file pages both get copies", async () => {
  const twin = { ...DATA, p_vaddr: 0x50_0800n };
  const file = buildElf({ header: { e_entry: DATA.p_vaddr }, segments: [DATA, twin], length: 0x6000 });
  const kernel = await loadKernel(file);
  assertSeparate(kernel, file, "twins");
  const found = kernel.diagnostics.filter(({ code }) => code === "page-unshared");
  assertEquals(found.map(({ index, addresses }) => [index, addresses]), [[0, [0x40_2000n]], [1, [0x50_0000n]]]);
  assert(found.every(({ message }) => message.startsWith("3 pages of its file data are also part of another segment")));
  const copies = kernel.frameRuns().filter(({ owner }) => owner === "copy");
  assertStrictEquals(copies.reduce((sum, { size }) => sum + size, 0), 6 * PAGE);
});

Deno.test("a page that is copied for its bss, its misalignment or a merge is not copied twice, nor makes others copy", async () => {
  const cases: readonly (readonly [what: string, other: SegmentSpec])[] = [
    ["bss", { ...DATA, p_vaddr: 0x50_0800n, filesz: 0x400, p_memsz: 0x800n }],
    ["misaligned", { ...DATA, p_vaddr: 0x50_0801n, filesz: 0x400 }],
    ["merged", { ...DATA, p_vaddr: 0x40_1800n, filesz: 0x400 }],
  ];
  for (const [what, other] of cases) {
    const file = buildElf({ segments: [TEXT, other], length: 0x6000 });
    const kernel = await loadKernel(file);
    assertSeparate(kernel, file, what);
    assert(!codes(kernel).includes("page-unshared"), what);
    const copies = kernel.frameRuns().filter(({ owner }) => owner === "copy");
    assertStrictEquals(copies.reduce((sum, { size }) => sum + size, 0), PAGE, what);
  }
});

for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const satisfies readonly RuleSetName[]) {
  Deno.test(`under ${rules} text and data share their page of the file, as in the original`, async () => {
    const kernel = await loadKernel(buildElf({ segments: [TEXT, DATA], length: 0x6000 }), { rules });
    const [[text] = [], [data] = []] = leavesAt(kernel, 0x40_1000n, 0x40_2000n);
    assertStrictEquals(text, data);
    assertEquals(codes(kernel), []);
  });
}

Deno.test("no file of the corpus has a page that is written to and seen elsewhere", async () => {
  let loaded = 0;
  for (const { name } of answeredFiles()) {
    const file = readOriginal(name);
    const load = loadKernel(file, { reserve: 0 });
    const kernel = await load.catch((error) => assert(error instanceof LoadError, name));
    if (!kernel || kernel.memory.size > 2 ** 28) continue;
    assertSeparate(kernel, file, name);
    loaded++;
  }
  assertGreater(loaded, 170);
});

Deno.test("no layout of segments makes a page that is written to and seen elsewhere; what is copied is reported", async () => {
  let unshared = 0;
  await fc.assert(
    fc.asyncProperty(layouts, async (segments) => {
      const file = layoutFile(segments);
      const kernel = await loadKernel(file, { reserve: 0 });
      assertSeparate(kernel, file, "layout");
      const model = modelPages(kernel.programHeaders);
      const [{ phys }] = kernel.frameRuns();
      for (const { page, filePage } of model) {
        const found = kernel.pageTable.translate(page * 4096n);
        assert(found.mapped);
        const inFile = found.phys < phys + kernel.frameRuns()[0].size ? (found.phys - phys) / PAGE : undefined;
        assertStrictEquals(inFile, filePage, `page ${page}`);
      }
      const { context: { unsharedPages } } = await checkHeaders(file);
      const reported = kernel.diagnostics.filter(({ code }) => code === "page-unshared").map(({ index }) => index);
      assertEquals(reported, [...unsharedPages.keys()]);
      unshared += reported.length;
    }),
    { numRuns: 300 },
  );
  assertGreater(unshared, 30); // the layouts are of no use if they share nothing
});

const PROGRAM = `
volatile int counters[2048] = { 41 };
static const char text[] = "read only";
const char *volatile where = text;
void _start(void) { counters[1] += *where; for (;;); }
`;

for (const separate of [false, true]) {
  const flag = separate ? "separate-code" : "noseparate-code";
  testWithTools(
    ["gcc", "ld.lld"],
    `what lld links with -z ${flag} ${separate ? "needs no copy" : "is kept apart"}`,
    async () => {
      const folder = await Deno.makeTempDir();
      try {
        const [source, object, path] = ["kernel.c", "kernel.o", "kernel.elf"].map((name) => join(folder, name));
        await Deno.writeTextFile(source, PROGRAM);
        await runTool("gcc", ["-c", "-O1", "-ffreestanding", "-fno-pic", "-mcmodel=kernel", source, "-o", object]);
        const base = "--image-base=0xffffffff80000000";
        await runTool("ld.lld", ["-z", flag, "-z", "max-page-size=4096", base, object, "-o", path]);
        const file = await Deno.readFile(path);
        const kernel = await loadKernel(file);
        assertSeparate(kernel, file, flag);
        const data = kernel.programHeaders.find(({ p_type, p_flags }) => p_type === 1 && (p_flags & PF_W) !== 0)!;
        const sharers = kernel.programHeaders.filter(({ index, p_type, p_offset, p_filesz }) => {
          return p_type === 1 && index !== data.index && (p_offset + p_filesz - 1n) / 4096n === data.p_offset / 4096n;
        });
        assertStrictEquals(sharers.length === 0, separate, "the layout of the file");
        const found = kernel.diagnostics.filter(({ code }) => code === "page-unshared");
        const page = data.p_vaddr - data.p_vaddr % 4096n;
        assertEquals(found.map(({ index, addresses }) => [index, addresses]), separate ? [] : [[data.index, [page]]]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}
