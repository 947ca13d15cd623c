/** Memory read through page tables that are written by hand, by the formats of the Intel SDM (vol. 3, tables 4-15 to 4-20). */

import { assertEquals } from "@std/assert";
import { physicalMemory } from "../../../mod.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import { readVirtual } from "../../../explain/tables/read_virtual.ts";

const PRESENT = 1n;
const HUGE = 1n << 7n;
const NO_EXECUTE = 1n << 63n;

/** Tables at 0x1000 to 0x4000 and pages at 0x5000 on, whose bytes are the number of their page. */
function tablesWith(entries: readonly (readonly [table: number, index: number, entry: bigint])[]) {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x40_0000) });
  const words = new DataView(memory.buffer);
  for (const [table, index, entry] of entries) words.setBigUint64(table + 8 * index, entry, true);
  for (let page = 5; page < 0x400; page++) memory.bytes(page * 0x1000, 0x1000).fill(page);
  return openTableSet({ memory, cr3: 0x1000 });
}

const PAGES = tablesWith([
  [0x1000, 0, 0x2000n | PRESENT],
  [0x1000, 511, 0x2000n | PRESENT],
  [0x2000, 0, 0x3000n | PRESENT],
  [0x2000, 511, 0x3000n | PRESENT],
  [0x3000, 0, 0x4000n | PRESENT],
  [0x3000, 1, 0x20_0000n | PRESENT | HUGE],
  [0x3000, 511, 0x4000n | PRESENT],
  [0x4000, 0, 0x7000n | PRESENT],
  [0x4000, 1, 0x5000n | PRESENT],
  [0x4000, 2, 0x6000n | PRESENT | NO_EXECUTE],
  [0x4000, 511, 0x8000n | PRESENT],
]);

const runs = (bytes: Uint8Array): string => {
  return Array.from(bytes).join().replaceAll(/\b(\d+)(?:,\1\b)*/g, (run, byte) => `${byte}x${run.split(",").length}`);
};

Deno.test("readVirtual() goes on through pages that are next to each other only in virtual memory", () => {
  assertEquals(runs(readVirtual(PAGES, 0xff0n, 0x1020)), "7x16,5x4096,6x16");
});

Deno.test("readVirtual() ends before a page that is not mapped, and returns nothing if that is the first", () => {
  assertEquals(runs(readVirtual(PAGES, 0x2ff8n, 100)), "6x8");
  assertEquals(readVirtual(PAGES, 0x3000n, 100).length, 0);
  assertEquals(readVirtual(PAGES, 0x8000_0000_0000n, 100).length, 0);
});

Deno.test("readVirtual() ends before a page that cannot be executed, if only those are wanted", () => {
  assertEquals(runs(readVirtual(PAGES, 0x1ff8n, 100, { executable: true })), "5x8");
  assertEquals(readVirtual(PAGES, 0x2000n, 100, { executable: true }).length, 0);
});

Deno.test("readVirtual() reads large pages, across 4 KiB and up to the end of what is known", () => {
  const first = 0x20_0000 / 0x1000;
  assertEquals(runs(readVirtual(PAGES, 0x20_0ffcn, 8)), `${first % 256}x4,${(first + 1) % 256}x4`);
  assertEquals(readVirtual(PAGES, 0x3f_fff8n, 100).length, 8);
});

Deno.test("readVirtual() does not wrap at the end of the address space", () => {
  assertEquals(runs(readVirtual(PAGES, 0xffff_ffff_ffff_fff8n, 100)), "8x8");
});

Deno.test("readVirtual() returns a copy", () => {
  readVirtual(PAGES, 0n, 1)[0] = 1;
  assertEquals(readVirtual(PAGES, 0n, 1)[0], 7);
});
