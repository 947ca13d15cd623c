import { assertEquals, assertObjectMatch, assertThrows } from "@std/assert";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { addIdentityMap, identityMapBytes, type IdentityMapOptions } from "../../boot/identity_map.ts";
import { addRecursiveEntry } from "../../boot/recursive_entry.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { LoadError, loadKernel, physicalMemory } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { snapshotOf } from "./snapshot.ts";

const HIGH = buildElf({ segments: [{ p_vaddr: 0xffff_ffff_8000_0000n, filesz: 0x1800 }] });
const LOW = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FLAGS = PRESENT | WRITABLE | NO_EXECUTE;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** How many pages of 1 GiB, 2 MiB and 4 KiB are expected. */
const CASES: readonly [IdentityMapOptions & { readonly size: number }, readonly [number, number, number]][] = [
  [{ size: 4 * GIB }, [4, 0, 0]],
  [{ size: 4 * GIB, largestPage: 0x20_0000 }, [0, 2048, 0]],
  [{ size: GIB + 4 * MIB + 0x3000 }, [1, 2, 3]],
  [{ size: 0x1000 }, [0, 0, 1]],
  [{ size: 513 * GIB }, [513, 0, 0]],
];

for (const [options, pages] of CASES) {
  const name = `${options.size} bytes with pages up to ${options.largestPage ?? GIB}`;
  Deno.test(`${name} are mapped at their own addresses, in as many bytes as is said`, async () => {
    const kernel = await loadKernel(HIGH, { reserve: identityMapBytes(options) });
    assertEquals(addIdentityMap(kernel, options), { size: options.size, leftOut: 0 });
    const leaves = [...kernel.pageTable.leaves()].filter(({ virt }) => virt < 1n << 47n);
    const count = (bytes: number) => leaves.filter(({ pageSize }) => pageSize === bytes).length;
    assertEquals([count(GIB), count(2 * MIB), count(4096)], [...pages]);
    for (const { virt, phys, flags } of leaves) {
      assertEquals([Number(virt), flags & FLAGS], [phys, FLAGS]);
    }
    assertEquals(leaves.reduce((sum, { pageSize }) => sum + pageSize, 0), options.size);
  });
}

Deno.test("left to itself, it maps up to the end of the load's memory", async () => {
  const kernel = await loadKernel(HIGH);
  const { size } = addIdentityMap(kernel);
  assertEquals(size, kernel.memory.base + kernel.memory.size);
  const last = kernel.pageTable.translate(BigInt(size - 1));
  assertEquals(last.mapped && last.phys, size - 1);
  assertEquals(kernel.pageTable.translate(BigInt(size)).mapped, false);
});

Deno.test("a kernel at low addresses and the page of the context switch stay as they are", async () => {
  const size = GIB + 6 * MIB;
  const kernel = await loadKernel(LOW, { reserve: 0x4000 + identityMapBytes({ size }) });
  const { page } = addContextSwitch(kernel);
  const before = [...kernel.pageTable.leaves()];
  assertEquals(addIdentityMap(kernel, { size }), { size, leftOut: 0x3000 }); // two pages of text, and that page
  const after = [...kernel.pageTable.leaves()];
  for (const leaf of before) assertEquals(after.find(({ virt }) => virt === leaf.virt), leaf);
  for (const { virt, phys, flags } of after.filter(({ virt }) => !before.some((leaf) => leaf.virt === virt))) {
    assertEquals([Number(virt), flags & FLAGS], [phys, FLAGS]);
  }
  assertEquals(after.reduce((sum, { pageSize }) => sum + pageSize, 0), size);
  const code = kernel.pageTable.translate(BigInt(page));
  assertEquals(code.mapped && code.flags, PRESENT);
  // 2 MiB areas with a mapped page: that of the text, and that of the page below 4 MiB
  assertEquals(after.filter(({ pageSize }) => pageSize === 4096).length, 2 * 512);
});

Deno.test("a table that is left without pages gets small ones", async () => {
  const kernel = await loadKernel(LOW);
  for (const page of [0x40_0000n, 0x40_1000n]) kernel.pageTable.unmap(page);
  assertEquals(addIdentityMap(kernel, { size: 8 * MIB }), { size: 8 * MIB, leftOut: 0 });
  const found = kernel.pageTable.translate(0x40_0000n);
  assertEquals(found.mapped && [found.phys, found.pageSize], [0x40_0000, 4096]);
});

Deno.test("without frames for its tables nothing stays mapped", async () => {
  const kernel = await loadKernel(HIGH, { reserve: 0x2000 });
  const { pages, level4 } = snapshotOf(kernel);
  const error = assertThrows(() => addIdentityMap(kernel, { size: GIB + 2 * MIB + 0x1000 }), LoadError);
  assertEquals(error.code, "frames-exhausted");
  assertEquals([snapshotOf(kernel).pages, snapshotOf(kernel).level4], [pages, level4]);
  addIdentityMap(kernel, { size: GIB });
});

Deno.test("a recursive entry in its way is refused", async () => {
  const kernel = await loadKernel(HIGH);
  addRecursiveEntry(kernel, { index: 1 });
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addIdentityMap(kernel, { size: 513 * GIB }), LoadError);
  assertObjectMatch(error, { code: "range-recursive", detail: { value: 0x80_0000_0000n } });
  assertEquals(snapshotOf(kernel), before);
  addIdentityMap(kernel, { size: 512 * GIB });
});

Deno.test("memory past the lower half is refused", async () => {
  const memory = physicalMemory({ base: 2 ** 47 - 0x1000, buffer: new ArrayBuffer(MIB) });
  const kernel = await loadKernel(HIGH, { memory, kernelOffset: 2 ** 47 });
  const error = assertThrows(() => addIdentityMap(kernel), LoadError);
  assertEquals(error.code, "address-not-canonical");
  assertThrows(() => addIdentityMap(kernel, { size: 2 ** 47 + 4096 }), RangeError, "as size");
});

const BAD: readonly [IdentityMapOptions, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "0x0 as size"],
  [{ size: 0x801 }, RangeError, "as size"],
  [{ size: "1G" as never }, TypeError, "it must be a number of bytes"],
  [{ largestPage: 0 as never }, RangeError, "largestPage"],
  [{ address: 0n } as never, TypeError, 'the option "address"'],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`options that map no memory are refused: ${message} ${JSON.stringify(Object.keys(options))}`, async () => {
    const kernel = await loadKernel(HIGH);
    assertThrows(() => addIdentityMap(kernel, options), kind, message);
    assertThrows(() => identityMapBytes({ size: 4096, ...options }), kind, message);
  });
}
