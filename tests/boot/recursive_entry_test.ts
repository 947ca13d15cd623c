import { assert, assertEquals, assertObjectMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { addDirectMap } from "../../boot/direct_map.ts";
import { addFramebuffer } from "../../boot/framebuffer.ts";
import { writeBootInfo } from "../../boot/boot_info.ts";
import { addKernelStack } from "../../boot/kernel_stack.ts";
import { addRamdisk } from "../../boot/ramdisk.ts";
import { addRecursiveEntry, recursiveEntryBytes } from "../../boot/recursive_entry.ts";
import { LoadError, loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { snapshotOf } from "./snapshot.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0xffff_ffff_8000_0000n, filesz: 0x1800 }] });

/** The virtual address that these four indices, level 4 first, select. */
function addressOf(...indices: readonly [number, number, number, number]): bigint {
  const low = indices.reduce((address, index) => address << 9n | BigInt(index), 0n) << 12n;
  return BigInt.asUintN(64, BigInt.asIntN(48, low));
}

for (
  const { index, found } of [{ index: undefined, found: 1 }, { index: 255, found: 255 }, { index: 510, found: 510 }]
) {
  Deno.test(`with index ${index ?? "left out"} each table lies where the recursion by ${found} puts it`, async () => {
    const kernel = await loadKernel(FILE);
    const { nextFrame } = kernel;
    const { index: at } = addRecursiveEntry(kernel, { index });
    assertEquals([at, kernel.nextFrame - nextFrame], [found, recursiveEntryBytes({ index })]);
    assert(kernel.usedLevel4Entries.has(at));
    // The kernel's address 0xffffffff80000000 has indices 511, 510, 0, 0.
    const virt = [addressOf(at, at, at, at), addressOf(at, at, at, 511), addressOf(at, at, 511, 510)];
    const tables = [...kernel.pageTable.walk(0xffff_ffff_8000_0000n)].map(({ table }) => table);
    for (const [level, address] of [...virt, addressOf(at, 511, 510, 0)].entries()) {
      const page = kernel.pageTable.translate(address);
      assert(page.mapped);
      assertEquals(page.phys, tables[level]);
      assertEquals(kernel.read(address, 4096), kernel.memory.bytes(tables[level], 4096));
    }
  });
}

Deno.test("the tables can be written and not be executed", async () => {
  const kernel = await loadKernel(FILE);
  addRecursiveEntry(kernel, { index: 300 });
  const seen = [...kernel.mappings()].filter(({ virt }) => virt < 0xffff_ffff_8000_0000n);
  assert(seen.length > 0);
  for (const { writable, executable } of seen) assertEquals([writable, executable], [true, false]);
});

Deno.test("an entry that is in use is refused, and nothing is changed", async () => {
  const kernel = await loadKernel(FILE);
  addKernelStack(kernel, { address: 0xffff_9000_0000_0000n }); // entry 288
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addRecursiveEntry(kernel, { index: 511 }), LoadError);
  assertEquals(error.code, "page-already-mapped");
  assertStringIncludes(error.message, "level-4 entry 511, at 0xffffff8000000000");
  assertThrows(() => addRecursiveEntry(kernel, { index: 288 }), LoadError, "level-4 entry 288");
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("an index that no entry has is refused", async () => {
  const kernel = await loadKernel(FILE);
  for (const index of [-1, 0, 512, 1.5]) {
    assertThrows(() => addRecursiveEntry(kernel, { index }), RangeError, "as index: it must be 1 to 511");
  }
  assertThrows(() => addRecursiveEntry(kernel, { index: "1" as never }), TypeError, '1" as index');
  assertThrows(() => recursiveEntryBytes({ entry: 1 } as never), TypeError, 'the option "entry"');
});

// Level-4 entry 300 starts at 0xffff960000000000, and the range of the last one reaches into it from 299.
const INSIDE = 0xffff_9600_0000_0000n;
const BEFORE = INSIDE - 0x4000n;

type Kernel = Awaited<ReturnType<typeof loadKernel>>;

const WAYS: Readonly<Record<string, (kernel: Kernel, address: bigint) => unknown>> = {
  "a stack": (kernel, address) => addKernelStack(kernel, { address, size: 0x8000 }),
  "a direct map": (kernel, address) => addDirectMap(kernel, { address, size: 2 ** 30 }),
  "a framebuffer": (kernel, address) => addFramebuffer(kernel, { address, phys: 0xfd00_0000, size: 0x8000 }),
  "a ramdisk": (kernel, address) => addRamdisk(kernel, { address, bytes: new Uint8Array(0x8000) }),
  "a ramdisk in memory": (kernel, address) => addRamdisk(kernel, { address, phys: 0x4000_0000, size: 0x8000 }),
  "boot information": (kernel, address) => {
    const memoryMap = Array.from({ length: 1000 }, (_, index) => {
      return { start: index * 0x2000, end: index * 0x2000 + 0x1000, kind: "usable" } as const;
    });
    return writeBootInfo(kernel, { address, memoryMap });
  },
};

for (const [what, add] of Object.entries(WAYS)) {
  Deno.test(`${what} in a recursive entry is refused before a frame is taken`, async () => {
    const kernel = await loadKernel(FILE);
    addRecursiveEntry(kernel, { index: 300 });
    const before = snapshotOf(kernel);
    for (const address of [INSIDE, INSIDE + 0x1234_5000n, BEFORE]) {
      const error = assertThrows(() => add(kernel, address), LoadError);
      const value = address < INSIDE ? INSIDE : address;
      assertObjectMatch(error, { code: "range-recursive", detail: { value } });
    }
    assertEquals(snapshotOf(kernel), before);
  });
}
