import { assertEquals, assertObjectMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { kernelStack, type KernelStackOptions } from "../../plugins/kernel_stack.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n; // level-4 entry 1: the kernel is in entry 0

const load = (options?: KernelStackOptions) => loadKernel(FILE, { plugins: [kernelStack(options)] });

interface Case {
  readonly options?: KernelStackOptions;
  readonly guardPage?: bigint;
  readonly bottom: bigint;
  readonly top: bigint;
  readonly mapped: number;
}

// The original's default is 80 KiB; its fixed address is that of the guard page.
const CASES: readonly Case[] = [
  { guardPage: FIRST_FREE, bottom: FIRST_FREE + 0x1000n, top: FIRST_FREE + 0x1_5000n, mapped: 0x1_4000 },
  { options: { guardPage: false }, bottom: FIRST_FREE, top: FIRST_FREE + 0x1_4000n, mapped: 0x1_4000 },
  {
    options: { address: 0xffff_8000_0000_0000n, size: 0x2000 },
    guardPage: 0xffff_8000_0000_0000n,
    bottom: 0xffff_8000_0000_1000n,
    top: 0xffff_8000_0000_3000n,
    mapped: 0x2000,
  },
  {
    options: { address: 0xffff_ffff_ffff_e000n, size: 0x2000, guardPage: false },
    bottom: 0xffff_ffff_ffff_e000n,
    top: 1n << 64n,
    mapped: 0x2000,
  },
  // A top that is a multiple of 16, and whole pages.
  {
    options: { size: 3001 },
    guardPage: FIRST_FREE,
    bottom: FIRST_FREE + 0x1000n,
    top: FIRST_FREE + 0x1000n + 2992n,
    mapped: 0x1000,
  },
];

for (const { options, guardPage, bottom, top, mapped } of CASES) {
  const name = options ? `options ${Object.entries(options).map(([key, value]) => `${key} ${value}`)}` : "no options";
  Deno.test(`with ${name} the stack's pages are writable, not executable, and its own`, async () => {
    const kernel = await load(options);
    const found = kernel.results["kernel-stack"].kernelStack;
    assertEquals(found, { bottom, top, ...(guardPage === undefined ? {} : { guardPage }) });
    const leaves = [...kernel.pageTable.leaves()].filter(({ virt }) => virt >= bottom && virt < top);
    assertEquals(leaves.length * 4096, mapped);
    for (const { flags } of leaves) assertEquals(flags, PRESENT | WRITABLE | NO_EXECUTE);
    const own = kernel.frameRuns().filter(({ owner }) => owner === "kernel-stack");
    assertEquals(own.reduce((sum, { size }) => sum + size, 0), mapped);
    for (const { phys } of leaves) {
      assertEquals(own.some((run) => run.phys <= phys && phys < run.phys + run.size), true);
    }
    if (guardPage !== undefined) assertEquals(kernel.pageTable.translate(guardPage).mapped, false);
  });
}

for (const address of [0x40_1000n, 0x3f_f000n, 0x3f_0000n]) {
  Deno.test(`a stack at 0x${address.toString(16)} would cover the kernel, and is refused by name`, async () => {
    const error = await assertRejects(() => load({ address }), LoadError);
    assertObjectMatch(error, { code: "page-already-mapped", detail: { otherIndex: 0 } });
    assertStringIncludes(error.message, "the kernel stack's page 0x40");
    assertStringIncludes(error.message, "program header 0, which covers 0x400000..0x401800");
  });
}

Deno.test("a guard page that the kernel has mapped is refused", async () => {
  const error = await assertRejects(() => load({ address: 0x40_1000n, size: 0x1000 }), LoadError);
  assertObjectMatch(error, { code: "page-already-mapped", detail: { value: 0x40_1000n } });
});

Deno.test("a fixed address is marked as used", async () => {
  const kernel = await load({ address: FIRST_FREE + 0x1234_5000n });
  assertEquals([...kernel.usedLevel4Entries], [0, 1]);
});

const BAD: readonly [KernelStackOptions, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "0 bytes"],
  [{ size: 15 }, RangeError, "15 bytes"],
  [{ size: 4096.5 }, RangeError, "4096.5 bytes"],
  [{ size: 2 ** 47 }, RangeError, "at most 2^47"],
  [{ address: 0x1234n }, RangeError, "0x1234: it is not a multiple of 4096"],
  [{ address: 0x8000_0000_0000n }, RangeError, "not canonical"],
  [{ address: 0x7fff_ffff_e000n }, RangeError, "crosses the end"],
  [{ address: 0xffff_ffff_ffff_e000n }, RangeError, "crosses the end"],
  [{ address: 4096 as never }, TypeError, "not a bigint"],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`options that make no stack are refused: ${message}`, () => {
    assertThrows(() => kernelStack(options), kind, message);
  });
}
