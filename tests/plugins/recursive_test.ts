import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { recursive } from "../../plugins/recursive.ts";
import { buildElf } from "../elf_builder.ts";

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
    const kernel = await loadKernel(FILE, { plugins: [recursive({ index })] });
    const { recursiveIndex: at } = kernel.results.recursive;
    assertEquals(at, found);
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
  const kernel = await loadKernel(FILE, { plugins: [recursive({ index: 300 })] });
  const seen = [...kernel.mappings()].filter(({ virt }) => virt < 0xffff_ffff_8000_0000n);
  assert(seen.length > 0);
  for (const { writable, executable } of seen) assertEquals([writable, executable], [true, false]);
});

Deno.test("an entry that the kernel uses is refused", async () => {
  const error = await assertRejects(() => loadKernel(FILE, { plugins: [recursive({ index: 511 })] }), LoadError);
  assertEquals(error.code, "page-already-mapped");
  assertStringIncludes(error.message, "level-4 entry 511, address 0xffffff8000000000");
});

Deno.test("an index that no entry has is refused", () => {
  for (const index of [-1, 0, 512, 1.5]) assertThrows(() => recursive({ index }), RangeError, `entry ${index}`);
});
