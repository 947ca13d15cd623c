import { assertEquals, assertObjectMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { addKernelStack, DEFAULT_STACK_SIZE, kernelStackBytes } from "../../boot/kernel_stack.ts";
import type { KernelStackOptions } from "../../boot/kernel_stack.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { LoadError, loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { scatteredFrames } from "./scattered_frames.ts";
import { snapshotOf } from "./snapshot.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n; // level-4 entry 1: the kernel is in entry 0

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
  {
    options: { address: 0x7fff_ffff_d000n, size: 0x2000 },
    guardPage: 0x7fff_ffff_d000n,
    bottom: 0x7fff_ffff_e000n,
    top: 0x8000_0000_0000n,
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
    const kernel = await loadKernel(FILE);
    const stack = addKernelStack(kernel, options);
    assertEquals(stack, { bottom, top, ...(guardPage === undefined ? {} : { guardPage }) });
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
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    const error = assertThrows(() => addKernelStack(kernel, { address }), LoadError);
    assertObjectMatch(error, { code: "page-already-mapped", detail: { otherIndex: 0 } });
    assertStringIncludes(error.message, "the kernel stack's page 0x40");
    assertStringIncludes(error.message, "program header 0, which covers 0x400000..0x401800");
    assertEquals(snapshotOf(kernel), before);
  });
}

Deno.test("a guard page that the kernel has mapped is refused", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addKernelStack(kernel, { address: 0x40_1000n, size: 0x1000 }), LoadError);
  assertObjectMatch(error, { code: "page-already-mapped", detail: { value: 0x40_1000n } });
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("a fixed address is marked as used, the guard page's entry too", async () => {
  const kernel = await loadKernel(FILE);
  addKernelStack(kernel, { address: FIRST_FREE + 0x1234_5000n });
  assertEquals([...kernel.usedLevel4Entries], [0, 1]);
  addKernelStack(kernel, { address: 0xffff_807f_ffff_f000n });
  assertEquals([...kernel.usedLevel4Entries], [0, 1, 256, 257]);
});

Deno.test("two stacks get level-4 entries of their own", async () => {
  const kernel = await loadKernel(FILE);
  const bottoms = [addKernelStack(kernel), addKernelStack(kernel)].map(({ bottom }) => bottom);
  assertEquals(bottoms, [FIRST_FREE + 0x1000n, 2n * FIRST_FREE + 0x1000n]);
});

Deno.test("a stack of 4 MiB fits into a reserve of as many bytes as it says", async () => {
  const size = 4 * 2 ** 20;
  const kernel = await loadKernel(FILE, { reserve: kernelStackBytes({ size }) });
  const { top, bottom } = addKernelStack(kernel, { size });
  assertEquals(top - bottom, BigInt(size));
  assertEquals(kernel.read(bottom, size), new Uint8Array(size));
});

Deno.test("a stack that there are no frames for is refused before any is taken, and a smaller one fits then", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addKernelStack(kernel, { size: 2 ** 22 }), LoadError);
  assertEquals(error.code, "frames-exhausted");
  assertStringIncludes(error.message, "the kernel stack and its page tables: there is no room for ");
  assertEquals(snapshotOf(kernel), before);
  assertEquals(addKernelStack(kernel).top - before.free, BigInt(DEFAULT_STACK_SIZE + 0x1000));
});

Deno.test("frames that an allocator hands out one by one, far apart, make one stack", async () => {
  const kernel = await loadKernel(FILE, { memory: { size: 0x80_0000 }, frames: scatteredFrames() });
  const { bottom, top } = addKernelStack(kernel, { size: 0x4000 });
  assertEquals([...kernel.pageTable.leaves()].filter(({ virt }) => virt >= bottom && virt < top).length, 4);
});

Deno.test("an allocator that runs out without notice leaves no page of the stack mapped", async () => {
  let left = 100;
  const frames = {
    allocateFrame: () => left-- > 0 ? 0x30_0000 + left * 0x2000 : undefined,
    nextFrame: 0x30_0000,
    framesAllocated: 0,
  };
  const kernel = await loadKernel(FILE, { memory: { size: 0x80_0000 }, frames });
  const { pages, level4 } = snapshotOf(kernel);
  left = 6; // enough for the stack, not for its three tables
  const error = assertThrows(() => addKernelStack(kernel, { size: 0x5000 }), LoadError);
  assertEquals(error.code, "frames-exhausted");
  assertEquals([snapshotOf(kernel).pages, snapshotOf(kernel).level4], [pages, level4]);
});

const BAD: readonly [KernelStackOptions, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "Cannot use 0x0 as size"],
  [{ size: 15 }, RangeError, "Cannot use 0xf as size: it must be a number of bytes from 16"],
  [{ size: 4096.5 }, RangeError, "4096.5 as size"],
  [{ size: 2 ** 47 }, RangeError, "0x800000000000 as size"],
  [{ size: "64K" as never }, TypeError, '64K" as size: it must be a number of bytes'],
  [{ guardPage: 1 as never }, TypeError, "guardPage"],
  [{ address: 0x1234n }, RangeError, "0x1234 as address: it must be a multiple of 4096"],
  [{ address: 0x8000_0000_0000n }, RangeError, "not canonical"],
  [{ address: 1n << 64n }, RangeError, "not canonical"],
  [{ address: 0x7fff_ffff_e000n }, RangeError, "86016 bytes from there leave its half"],
  [{ address: 0xffff_ffff_ffff_e000n }, RangeError, "86016 bytes from there leave its half"],
  [{ address: 4096 as never }, TypeError, "it must be a bigint"],
  [{ length: 4096 } as never, TypeError, 'the option "length"'],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`options that make no stack are refused, and nothing is changed: ${message}`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    assertThrows(() => addKernelStack(kernel, options), kind, message);
    assertThrows(() => kernelStackBytes(options), kind, message);
    assertEquals(snapshotOf(kernel), before);
  });
}
