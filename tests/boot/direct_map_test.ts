import { assertEquals, assertObjectMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { addDirectMap, directMapBytes, type DirectMapOptions } from "../../boot/direct_map.ts";
import { addIdentityMap } from "../../boot/identity_map.ts";
import { addKernelStack } from "../../boot/kernel_stack.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { LoadError, loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { snapshotOf } from "./snapshot.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** How many pages of 1 GiB, 2 MiB and 4 KiB are expected. */
const CASES: readonly [DirectMapOptions & { readonly size: number }, readonly [number, number, number]][] = [
  [{ size: 3 * GIB }, [3, 0, 0]],
  [{ size: GIB + 4 * MIB + 0x3000 }, [1, 2, 3]],
  [{ size: 6 * MIB }, [0, 3, 0]],
  [{ size: 0x3000 }, [0, 0, 3]],
  [{ size: 512 * GIB + GIB }, [513, 0, 0]],
  [{ size: GIB + 4 * MIB, largestPage: 0x20_0000 }, [0, 514, 0]],
  [{ size: 4 * MIB, largestPage: 0x1000 }, [0, 0, 1024]],
  [{ size: GIB + 0x1000, address: 0xffff_8880_0000_0000n }, [1, 0, 1]],
  [{ size: GIB + 0x1000, address: 0xffff_8880_0020_0000n }, [0, 512, 1]],
  [{ size: 2 * MIB, address: 0xffff_8880_0000_1000n }, [0, 0, 512]],
  [{ size: GIB, address: 0xffff_ffff_c000_0000n }, [1, 0, 0]],
];

for (const [options, pages] of CASES) {
  const { size, address = FIRST_FREE, largestPage = GIB } = options;
  const name = `${size} bytes at 0x${address.toString(16)} with pages up to ${largestPage}`;
  Deno.test(`${name} are mapped with the largest pages that fit, in as many bytes as is said`, async () => {
    const kernel = await loadKernel(FILE, { reserve: directMapBytes(options) });
    assertEquals(addDirectMap(kernel, options), { offset: address, size });
    const leaves = [...kernel.pageTable.leaves()].filter(({ virt }) => virt >= address);
    const count = (bytes: number) => leaves.filter(({ pageSize }) => pageSize === bytes).length;
    assertEquals([count(GIB), count(2 * MIB), count(4096)], [...pages]);
    let next = 0;
    for (const { virt, phys, pageSize, flags } of leaves) {
      assertEquals([virt - address, phys], [BigInt(next), next]);
      assertEquals(flags & (PRESENT | WRITABLE | NO_EXECUTE), PRESENT | WRITABLE | NO_EXECUTE);
      next += pageSize;
    }
    assertEquals(next, size);
  });
}

Deno.test("left to itself, it maps up to the end of the load's memory, and the kernel's bytes can be read there", async () => {
  const kernel = await loadKernel(FILE);
  const { offset, size } = addDirectMap(kernel);
  assertEquals(size, kernel.memory.base + kernel.memory.size);
  const text = kernel.pageTable.translate(0x40_0000n);
  const there = text.mapped ? kernel.read(offset + BigInt(text.phys), 64) : undefined;
  assertEquals(there, kernel.read(0x40_0000n, 64));
});

Deno.test("memory that ends above what half of the address space can hold is refused", async () => {
  for (const base of [2 ** 47, 2 ** 51]) {
    const kernel = await loadKernel(FILE, { memory: { base } });
    const error = assertThrows(() => addDirectMap(kernel), LoadError);
    assertEquals(error.code, "level4-exhausted");
  }
});

Deno.test("every level-4 entry that it reaches is marked as used", async () => {
  const free = await loadKernel(FILE);
  addDirectMap(free, { size: 513 * GIB });
  assertEquals([...free.usedLevel4Entries], [0, 1, 2]);
  const fixed = await loadKernel(FILE);
  addDirectMap(fixed, { size: 4 * GIB, address: 0xffff_ff7f_c000_0000n });
  assertEquals([...fixed.usedLevel4Entries], [0, 510, 511]);
});

Deno.test("a range that would cover the kernel is refused by name, and nothing is mapped", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  for (const address of [0n, 0x20_0000n, 0x1000n]) {
    const error = assertThrows(() => addDirectMap(kernel, { address, size: 8 * MIB }), LoadError);
    assertEquals(error.code, "page-already-mapped");
    assertStringIncludes(error.message, "the direct map's page");
  }
  const error = assertThrows(() => addDirectMap(kernel, { address: 0x3f_f000n, size: 0x2000 }), LoadError);
  assertObjectMatch(error, { detail: { value: 0x40_0000n, otherIndex: 0 } });
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("page tables that there are no frames for are refused, and no page stays mapped", async () => {
  const kernel = await loadKernel(FILE, { reserve: 0x2000 });
  const { pages, level4 } = snapshotOf(kernel);
  const error = assertThrows(() => addDirectMap(kernel, { size: GIB + 2 * MIB + 0x1000 }), LoadError);
  assertEquals(error.code, "frames-exhausted");
  assertEquals([snapshotOf(kernel).pages, snapshotOf(kernel).level4], [pages, level4]);
  addDirectMap(kernel, { size: GIB });
});

Deno.test("page tables for which there are too few frames are refused before any frame is taken", async () => {
  for (const add of [addDirectMap, addIdentityMap]) {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    const { framesLeft } = kernel.addressSpace.frames;
    const error = assertThrows(() => add(kernel, { size: GIB, largestPage: 0x1000 }), LoadError);
    assertEquals(error.code, "frames-exhausted");
    assertEquals([snapshotOf(kernel), kernel.addressSpace.frames.framesLeft], [before, framesLeft]);
    addKernelStack(kernel);
  }
});

const ENDS: readonly [address: bigint, code: string, message: string][] = [
  [0x7fff_ffff_f000n, "address-not-canonical", "the end of the direct map 0x8"],
  [0xffff_ffff_ffff_f000n, "address-overflow", "the end of the direct map 0x1000000000"],
];

for (const [address, code, message] of ENDS) {
  Deno.test(`memory whose size the file decides, and that does not fit above the address, is ${code}`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    const error = assertThrows(() => addDirectMap(kernel, { address }), LoadError, message);
    assertEquals(error.code, code);
    assertEquals(snapshotOf(kernel), before);
  });
}

const BAD: readonly [DirectMapOptions, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "0x0 as size"],
  [{ size: 0x1001 }, RangeError, "0x1001 as size: it must be a multiple of 4096"],
  [{ size: 2 ** 48 }, RangeError, "0x1000000000000 as size"],
  [{ size: 8192n as never }, TypeError, "it must be a number of bytes"],
  [{ address: 0x800n }, RangeError, "it must be a multiple of 4096"],
  [{ address: 1n << 63n }, RangeError, "not canonical"],
  [{ address: 0 as never }, TypeError, "it must be a bigint"],
  [{ address: 0x7fff_ffff_f000n, size: 0x2000 }, RangeError, "8192 bytes from there leave its half"],
  [{ largestPage: 0x2000 as never }, RangeError, "0x2000 as largestPage"],
  [{ offset: 0n } as never, TypeError, 'the option "offset"'],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`options that map no memory are refused, and nothing is changed: ${message}`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    assertThrows(() => addDirectMap(kernel, options), kind, message);
    assertThrows(() => directMapBytes({ size: 4096, ...options }), kind, message);
    assertEquals(snapshotOf(kernel), before);
  });
}
