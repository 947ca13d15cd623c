/** Where physical addresses are mapped, in tables that are written by hand. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { physicalMemory } from "../../../mod.ts";
import { findVirtualAddresses } from "../../../explain/tables/find_virtual_addresses.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";

const FLAGS = 3n; // PRESENT, WRITABLE

/** Tables of levels 4 to 1 at 0x1000 to 0x4000, each of whose entries is what `entry` says. */
function tablesOf(entry: (level: number, index: number) => bigint): TableSet {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x6000) });
  const words = new BigUint64Array(memory.buffer);
  for (const level of [4, 3, 2, 1]) {
    for (let index = 0; index < 512; index++) words[(5 - level) * 512 + index] = entry(level, index);
  }
  return openTableSet({ memory, cr3: 0x1000 });
}

/** The entry that points to the table of the level below, or maps the page at 0x5000. */
const below = (level: number): bigint => BigInt((6 - level) * 0x1000) | FLAGS;

Deno.test("all addresses are counted, and the first of them listed, ascending", async () => {
  const tables = tablesOf((level, index) => level === 1 || index === 0 ? below(level) : 0n);
  const found = await findVirtualAddresses(tables, 0x5123, { limit: 3 });
  assertEquals(found.addresses.map(({ virt }) => virt), [0x123n, 0x1123n, 0x2123n]);
  assertEquals([found.count, found.mayHaveMore, found.unknownTables], [512, false, 0]);
  assertEquals((await findVirtualAddresses(tables, 0x5123)).addresses.length, 16);
  const none = await findVirtualAddresses(tables, 0x4000);
  assertEquals([none.count, none.addresses, none.mayHaveMore], [0, [], false]);
});

Deno.test("tables in memory that is not known may map more", async () => {
  const tables = tablesOf((level, index) => {
    if (level === 2 && index > 0) return index < 4 ? 0x100_0000n | FLAGS : 0n;
    return index === 0 ? below(level) : 0n;
  });
  const found = await findVirtualAddresses(tables, 0x5000);
  assertEquals([found.count, found.mayHaveMore, found.unknownTables], [1, true, 3]);
});

Deno.test("four tables that map a page 2^36 times are not counted to the end", async () => {
  const found = await findVirtualAddresses(tablesOf(below), 0x5000, { limit: 2 });
  assertEquals(found.addresses.map(({ virt }) => virt), [0n, 0x1000n]);
  assertEquals([found.count, found.mayHaveMore], [1_000_000, true]);
});

Deno.test("a long search hears an abort", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const search = findVirtualAddresses(tablesOf(below), 0x5000, { signal });
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason));
  assertEquals(await assertRejects(() => search), reason);
  assert(signal.aborted);
});
