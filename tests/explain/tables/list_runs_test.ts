/** Listings of tables that were written by hand: what is listed, where, and in which words. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { listTables } from "../../../explain/tables/list_tables.ts";
import { openTableSet, type TableSetOptions } from "../../../explain/tables/open_table_set.ts";
import type { PhysicalPages } from "../../../explain/tables/physical_pages.ts";
import { virtualAddressesOf } from "../../../explain/tables/virtual_addresses.ts";
import { physicalMemory } from "../../../mod.ts";
import { NX, P, PAGE, PS, U, W } from "../../core/paging/bits.ts";
import { BASE, tablesOf, to } from "./by_hand.ts";

Deno.test("a run goes on across tables, and ends where permissions, sizes or frames change", () => {
  const tables = tablesOf({
    0: { 0: to(1, W | U) },
    1: { 0: to(2, W | U), 1: 0x4000_0000n | P | W | PS, 2: 0x8000_0000n | P | W | PS },
    2: { 510: to(3, W | U), 511: to(4, W | U) },
    3: { 510: 0x7000n | P | W, 511: 0x8000n | P | W | 0x60n },
    4: {
      0: 0x9000n | P | W,
      1: 0xa000n | P | W | NX,
      2: 0xb000n | P | NX,
      3: 0xc000n | P | NX | U,
      4: 0xe000n | P | NX | U,
    },
  });
  const at = (index2: number, index1: number): bigint => BigInt(index2 * 0x20_0000 + index1 * PAGE);
  const run = { kind: "pages" as const, pageSize: 0x1000 as const, writable: false, executable: false, user: false };
  assertEquals([...listRuns(tables)], [
    { ...run, virt: at(510, 510), phys: 0x7000, size: 0x3000, writable: true, executable: true },
    { ...run, virt: at(511, 1), phys: 0xa000, size: 0x1000, writable: true },
    { ...run, virt: at(511, 2), phys: 0xb000, size: 0x1000 },
    { ...run, virt: at(511, 3), phys: 0xc000, size: 0x1000, user: true },
    { ...run, virt: at(511, 4), phys: 0xe000, size: 0x1000, user: true },
    {
      ...run,
      virt: at(512, 0),
      phys: 0x4000_0000,
      size: 0x8000_0000,
      pageSize: 0x4000_0000,
      writable: true,
      executable: true,
    },
  ]);
  const apart = [...listRuns(tables, { leafFlags: true })].map((item) =>
    item.kind === "pages" && [item.size, item.flags]
  );
  assertEquals(apart.slice(0, 3), [[0x1000, P | W], [0x1000, P | W | 0x60n], [0x1000, P | W]]);
  assertEquals(apart.at(-1), [0x8000_0000, P | W | PS]);
});

Deno.test("a run goes on across 4 GiB of physical memory, and not back to its start", () => {
  const last = 0xffff_f000n | P;
  const tables = tablesOf({
    0: { 0: to(1) },
    1: { 0: to(2), 3: 0xc000_0000n | P | PS, 4: P | PS, 5: 0xc000_0000n | P | PS, 6: 0x1_0000_0000n | P | PS },
    2: { 0: to(3) },
    3: { 0: last, 1: P, 3: last, 4: 0x1_0000_0000n | P },
  });
  const shown = Array.from(listRuns(tables), (item) => item.kind === "pages" && [item.virt, item.phys, item.size]);
  assertEquals(shown, [
    [0n, 0xffff_f000, 0x1000],
    [0x1000n, 0, 0x1000],
    [0x3000n, 0xffff_f000, 0x2000],
    [3n << 30n, 0xc000_0000, 2 ** 30],
    [4n << 30n, 0, 2 ** 30],
    [5n << 30n, 0xc000_0000, 2 ** 31],
  ]);
});

Deno.test("what a level above takes away is in no page below it", () => {
  const tables = tablesOf({
    0: { 0: to(1, U), 1: to(1, W), 2: to(1, W | U | NX), 3: to(1, W | U) },
    1: { 0: to(2, W | U) },
    2: { 0: to(3, W | U) },
    3: { 0: P | W | U },
  });
  const shown = Array.from(listRuns(tables), (item) => {
    return item.kind === "pages" && [item.virt >> 39n, item.writable, item.executable, item.user];
  });
  assertEquals(shown, [[0n, false, true, true], [1n, true, true, false], [2n, true, false, true], [
    3n,
    true,
    true,
    true,
  ]]);
});

Deno.test("no run reaches across the hole between the two halves", () => {
  const four = tablesOf({
    0: { 255: to(1, W), 256: to(2, W) },
    1: { 511: 0x4000_0000n | P | PS },
    2: { 0: 0x8000_0000n | P | PS },
  });
  const virts = (items: Iterable<{ readonly kind: string; readonly virt?: bigint }>) =>
    Array.from(items, ({ virt }) => virt);
  assertEquals(virts(listRuns(four)), [0x7fff_c000_0000n, 0xffff_8000_0000_0000n]);
  const five = tablesOf({
    0: { 255: to(1, W), 256: to(2, W) },
    1: { 511: to(3) },
    2: { 0: to(4) },
    3: { 511: 0x4000_0000n | P | PS },
    4: { 0: 0x8000_0000n | P | PS },
  }, 5);
  assertEquals(virts(listRuns(five)), [0xff_ffff_c000_0000n, 0xff00_0000_0000_0000n]);
});

Deno.test("five levels have 57 bits of address", () => {
  const tables = tablesOf({
    0: { 1: to(1, W), 511: to(1, W) },
    1: { 256: to(2, W) },
    2: { 0: to(3, W) },
    3: { 3: 0x20_0000n | P | W | PS },
  }, 5);
  assertEquals(Array.from(listRuns(tables), (item) => item.kind === "pages" && [item.virt, item.pageSize]), [
    [0x1_8000_0060_0000n, 0x20_0000],
    [0xffff_8000_0060_0000n, 0x20_0000],
  ]);
});

Deno.test("missing tables, reserved bits and recursive entries are listed where they stand", () => {
  const tables = tablesOf({
    0: { 0: to(1, W), 1: 0x81n, 2: 0xdead_0000n | P, 511: to(0, W) },
    1: { 0: P | PS, 1: to(2), 2: 0x4000_2000n | P | PS, 3: to(1) },
    2: { 0: 0x20_3000n | P | PS, 1: 0x20_1000n | P | PS, 2: 0xf_0000_0000_0000n | P, 3: to(1), 4: 0x40_0000n | P | PS },
  });
  const GIB = 2 ** 30;
  const MIB2 = 2 ** 21;
  const page = { kind: "pages", writable: false, executable: true, user: false };
  const table2 = { level: 2, table: BASE + 2 * PAGE, size: MIB2 };
  const table3 = { level: 3, table: BASE + PAGE, size: GIB };
  const table4 = { level: 4, table: BASE, size: 2 ** 39 };
  assertEquals<unknown>([...listRuns(tables)], [
    { ...page, virt: 0n, phys: 0, size: GIB, pageSize: GIB },
    { kind: "reserved", ...table2, index: 0, virt: BigInt(GIB), entry: 0x20_3081n },
    { ...page, virt: BigInt(GIB + MIB2), phys: 0x20_0000, size: MIB2, pageSize: MIB2 }, // bit 12 is PAT
    { kind: "unknown", level: 1, table: 0xf_0000_0000_0000, virt: BigInt(GIB + 2 * MIB2), size: MIB2 },
    { kind: "recursive", ...table2, index: 3, virt: BigInt(GIB + 3 * MIB2), target: BASE + PAGE, targetLevel: 3 },
    { ...page, virt: BigInt(GIB + 4 * MIB2), phys: 0x40_0000, size: MIB2, pageSize: MIB2 },
    { kind: "reserved", ...table3, index: 2, virt: BigInt(2 * GIB), entry: 0x4000_2081n },
    { kind: "recursive", ...table3, index: 3, virt: BigInt(3 * GIB), target: BASE + PAGE, targetLevel: 3 },
    { kind: "reserved", ...table4, index: 1, virt: 1n << 39n, entry: 0x81n },
    { kind: "unknown", level: 3, table: 0xdead_0000, virt: 2n << 39n, size: 2 ** 39 },
    { kind: "recursive", ...table4, index: 511, virt: 0xffff_ff80_0000_0000n, target: BASE, targetLevel: 4 },
  ]);
});

Deno.test("a search says where it cannot look", () => {
  const tables = tablesOf({
    0: { 1: to(1, W), 2: 0xdead_0000n | P },
    1: { 3: 0xbeef_0000n | P, 4: 0x4000_0000n | P | PS },
  });
  const [one, two] = [(1n << 39n) + 3n * 2n ** 30n, 1n << 40n];
  const found = { writable: false, executable: true, user: false, recursive: false };
  assertEquals<unknown>([...virtualAddressesOf(tables, 0x4000_1234)], [
    { kind: "unknown", level: 2, table: 0xbeef_0000, virt: one, size: 2 ** 30 },
    { kind: "address", virt: one + 2n ** 30n + 0x1234n, pageSize: 2 ** 30, ...found },
    { kind: "unknown", level: 3, table: 0xdead_0000, virt: two, size: 2 ** 39 },
  ]);
});

Deno.test("an unknown root covers all addresses", () => {
  const pages: PhysicalPages = { bytes: () => undefined, words: () => undefined };
  for (const levels of [4, 5] as const) {
    const tables = openTableSet({ memory: pages, cr3: 0x5018, levels });
    const all = { kind: "unknown" as const, level: levels, table: 0x5000, virt: 0n, size: 2 ** (levels * 9 + 12) };
    assertEquals([...listRuns(tables)], [all]);
    assertEquals([...virtualAddressesOf(tables, 0)], [all]);
    assertEquals([...listTables(tables)], [{ kind: "table", level: levels, frame: 0x5000, virt: 0n, references: 0 }]);
  }
});

Deno.test("a listing reads no table before it is asked for what is in it", () => {
  const known = tablesOf({ 0: { 0: to(1), 1: to(2) }, 1: { 0: P | PS, 2: P | PS }, 2: { 0: P | PS } });
  const read: number[] = [];
  const words = (frame: number): Uint32Array | undefined => {
    read.push((frame - BASE) / PAGE);
    return known.pages.words(frame);
  };
  const items = listRuns({ ...known, pages: { ...known.pages, words } });
  items.next();
  assertEquals(read, [0, 1]);
  items.return();
  assertEquals(items.next(), { done: true, value: undefined });
  assertEquals(read, [0, 1]);
});

Deno.test("a sign of life comes after as many tables as were asked for", () => {
  const entries = Object.fromEntries(
    Array.from({ length: 16 }, (_, index) => [index, to(2 + index % 4, BigInt(index) << 52n)]),
  );
  const tables = tablesOf({
    0: { 0: to(1) },
    1: entries,
    2: { 0: to(6) },
    3: { 0: to(6) },
    4: { 0: to(6) },
    5: { 0: to(6) },
  });
  const seven = [2, 4, 6].map((count) => ({ kind: "progress" as const, tables: count })); // each is read once
  assertEquals([...listRuns(tables, { progressAfter: 2 })], seven);
  assertEquals([...virtualAddressesOf(tables, 0x7000, { progressAfter: 2 })], seven);
  assertEquals([...listTables(tables, { progressAfter: 2 })].filter(({ kind }) => kind === "progress"), seven);
  // What is found is a sign of life, too.
  const found = tablesOf({
    0: { 0: to(1) },
    1: { 0: to(2), 1: to(3), 2: to(4) },
    2: { 0: to(5) },
    3: { 0: 0x80_0081n },
  });
  const kinds = Array.from(listRuns(found, { progressAfter: 4 }), ({ kind }) => kind);
  assertEquals(kinds, ["progress", "pages"]);
});

Deno.test("openTableSet() refuses what is no memory, no CR3 and no number of levels", () => {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(PAGE) });
  const open = (options: Partial<Record<keyof TableSetOptions, unknown>>) => () =>
    openTableSet({ memory, cr3: 0, ...options } as TableSetOptions);
  assertThrows(open({ cr3: 0n }), TypeError, "Cannot use 0 as CR3: pass a number");
  for (const cr3 of [-1, 2 ** 52, 0.5, NaN]) assertThrows(open({ cr3 }), RangeError, "as CR3: it must be an integer");
  assertThrows(open({ levels: 3 }), RangeError, "Cannot open tables of 3 levels: there are 4 or 5");
  for (const memory of [undefined, {}, new Uint8Array(PAGE)]) {
    assertThrows(open({ memory }), TypeError, "memory must be");
  }
  assertEquals(open({ cr3: 0xfff })().root, 0);
});

Deno.test("virtualAddressesOf() refuses what is no physical address", () => {
  const tables = tablesOf({});
  assertThrows(
    () => virtualAddressesOf(tables, 0n as unknown as number),
    TypeError,
    "Cannot search for 0: pass a number",
  );
  for (const phys of [-1, 2 ** 52, 0.5]) assertThrows(() => virtualAddressesOf(tables, phys), RangeError);
  assert(virtualAddressesOf(tables, 2 ** 52 - 1).next().done);
});
