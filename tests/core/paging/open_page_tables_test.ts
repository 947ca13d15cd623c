/** Page tables that something else built, opened over its memory. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { freshMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { openPageTables, PRESENT, WRITABLE } from "../../../core/paging/mod.ts";
import { loadKernel } from "../../../mod.ts";
import { putEntry } from "./bits.ts";

const PAGE = 0x1000;
const HELLO = await Deno.readFile(new URL("../../../examples/hello/hello.elf", import.meta.url));

Deno.test("openPageTables() reads a dump of a kernel's memory as the kernel's own tables", async () => {
  const kernel = await loadKernel(HELLO, { memory: { base: 0x4000_0000 } });
  const dump = physicalMemory({ base: kernel.memory.base, buffer: kernel.memory.buffer.slice(0) });
  const tables = openPageTables(dump, kernel.level4Frame);
  assertStrictEquals(tables.level4Frame, kernel.level4Frame);
  assertEquals([...tables.mappings()], [...kernel.mappings()]);
  assertEquals([...tables.leaves()], [...kernel.pageTable.leaves()]);
  assertEquals([...tables.tables()], [...kernel.pageTable.tables()]);
  assertEquals(tables.translate(kernel.entryPoint), kernel.pageTable.translate(kernel.entryPoint));
  assertEquals(tables.walk(kernel.entryPoint), kernel.pageTable.walk(kernel.entryPoint));
  tables.updateFlags(kernel.entryPoint, PRESENT | WRITABLE);
  const page = kernel.pageTable.translate(kernel.entryPoint);
  assert(page.mapped && (page.flags & WRITABLE) === 0n); // the kernel's memory is another
});

Deno.test("openPageTables() ignores bits 0 to 11 of CR3", async () => {
  const { memory, level4Frame, entryPoint, pageTable } = await loadKernel(HELLO);
  for (const low of [0, 1, 0x18, 0xfff]) { // PWT and PCD, or a process-context identifier
    const tables = openPageTables(memory, level4Frame + low);
    assertStrictEquals(tables.level4Frame, level4Frame);
    assertEquals(tables.translate(entryPoint), pageTable.translate(entryPoint));
  }
});

Deno.test("openPageTables() refuses a level-4 table outside the memory, and what is not a number", () => {
  const memory = freshMemory(0x10_0000, 4 * PAGE);
  for (const cr3 of [0, 0xf_f000, 0x10_4000, 2 ** 51, -PAGE, NaN, Infinity, 0x10_0000 + 2 ** 52]) {
    assertThrows(() => openPageTables(memory, cr3), RangeError, "Cannot open page tables: the level-4 table at ");
  }
  assertThrows(
    () => openPageTables(memory, 0x10_0000n as never),
    TypeError,
    "Cannot use 1048576 as CR3: pass a number",
  );
  assertThrows(() => openPageTables(memory, undefined as never), TypeError);
  assertStrictEquals(openPageTables(memory, 0x10_3000).level4Frame, 0x10_3000);
});

Deno.test("mapTo() of opened tables takes new tables from the frames that were passed, and needs none for others", () => {
  const memory = physicalMemory({ base: 0, buffer: new Uint8Array(16 * PAGE).fill(0xee).buffer });
  memory.bytes(0, 4 * PAGE).fill(0);
  putEntry(memory, 0, 0, 0x1000n | PRESENT | WRITABLE);
  putEntry(memory, 0x1000, 0, 0x2000n | PRESENT | WRITABLE);
  putEntry(memory, 0x2000, 0, 0x3000n | PRESENT | WRITABLE);

  const bare = openPageTables(memory, 0);
  bare.mapTo(0x5000n, 0x7000, PRESENT);
  const error: LoadError = assertThrows(() => bare.mapTo(0x20_0000n, 0x7000, PRESENT), LoadError);
  assertEquals([error.code, error.detail], ["frames-exhausted", { field: "page tables", value: PAGE }]);
  assertEquals([...bare.leaves()].map(({ virt }) => virt), [0x5000n]);

  const frames = ascendingFrames({ start: 8 * PAGE, end: 16 * PAGE });
  const tables = openPageTables(memory, 0, { frames });
  tables.mapTo(0x20_0000n, 0x7000, PRESENT);
  tables.mapTo(0x80_0000_0000n, 0x7000, PRESENT);
  assertStrictEquals(frames.framesAllocated, 4); // zeroed, whatever lay there
  assertEquals([...tables.leaves()].map(({ virt }) => virt), [0x5000n, 0x20_0000n, 0x80_0000_0000n]);
});

Deno.test("opened tables refuse entries that point outside the memory, and ranges in a recursive entry", () => {
  const memory = freshMemory(0, 8 * PAGE);
  putEntry(memory, 0, 3, 0x10_0000n | PRESENT);
  putEntry(memory, 0, 511, 0n | PRESENT | WRITABLE);
  const tables = openPageTables(memory, 0);
  for (const work of [() => tables.translate(3n << 39n), () => [...tables.mappings()]]) {
    const error: LoadError = assertThrows(() => void work(), LoadError);
    assertEquals([error.code, error.detail.value], ["table-out-of-memory", 0x10_0000]);
  }
  const error: LoadError = assertThrows(() => tables.mapTo(0xffff_ff80_0000_0000n, 0, PRESENT), LoadError);
  assertEquals(error.code, "range-recursive");
});
