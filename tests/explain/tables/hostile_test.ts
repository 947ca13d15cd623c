/** Hostile tables: garbage, cycles, and a few pages that map 2^36 others. Work ends, or stops when it is told to. */

import { assert, assertEquals } from "@std/assert";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { listTables } from "../../../explain/tables/list_tables.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { virtualAddressesOf } from "../../../explain/tables/virtual_addresses.ts";
import { walkTables } from "../../../explain/tables/walk_tables.ts";
import { P, PAGE, W } from "../../core/paging/bits.ts";
import { BASE, type Entries, tablesOf, to } from "./by_hand.ts";

/** Counts the tables that are read, and lets no more be read than a limit. */
function counted(tables: TableSet, most = Infinity): { readonly tables: TableSet; readonly reads: () => number } {
  let count = 0;
  const words = (frame: number): Uint32Array | undefined => {
    assert(++count <= most, `${count} tables were read`);
    return tables.pages.words(frame);
  };
  return { tables: { ...tables, pages: { ...tables.pages, words } }, reads: () => count };
}

function take<T>(items: Iterable<T>, most: number): readonly T[] {
  const found: T[] = [];
  for (const item of items) {
    found.push(item);
    if (found.length === most) break;
  }
  return found;
}

/** Every entry of every table points to the same table below, with different flags. */
function bomb(levels: 4 | 5, last: (index: number) => bigint): Entries {
  const all = (entry: (index: number) => bigint) =>
    Object.fromEntries(Array.from({ length: 512 }, (_, index) => [index, entry(index)]));
  return Object.fromEntries(Array.from({ length: levels }, (_, frame) => [
    frame,
    all((index) => frame === levels - 1 ? last(index) : to(frame + 1, W)),
  ]));
}

/** Entries for every third frame, so that no two pages are a run. */
const EVERY_THIRD = (index: number): bigint => BigInt((index + 1) * 3 * PAGE) | P;

for (const levels of [4, 5] as const) {
  Deno.test(`${levels} pages that map 2^${levels * 9} others are listed as far as anyone asks`, () => {
    const { tables, reads } = counted(tablesOf(bomb(levels, EVERY_THIRD), levels));
    const found = take(listRuns(tables), 1000);
    assertEquals(found.length, 1000);
    assert(found.every(({ kind }) => kind === "pages"));
    assert(reads() <= levels + 2, `${reads()} tables were read`);
    const addresses = take(virtualAddressesOf(tables, 9 * PAGE + 5), 1000);
    assertEquals(
      addresses.map((item) => item.kind === "address" && item.virt),
      Array.from({ length: 1000 }, (_, nth) => {
        return BigInt(nth * 0x20_0000 + 2 * PAGE + 5); // the third entry maps that frame
      }),
    );
    assertEquals(Array.from(listTables(tables), (table) => table.kind === "table" && [table.level, table.references]), [
      ...Array.from({ length: levels }, (_, nth) => [levels - nth, nth === 0 ? 0 : 512]),
    ]);
  });

  Deno.test(`${levels} pages that seem to map 2^${levels * 9} others and map none are read once`, () => {
    const { tables, reads } = counted(tablesOf(bomb(levels, () => W), levels));
    assertEquals([...listRuns(tables)], []);
    assertEquals(reads(), levels);
    assertEquals([...virtualAddressesOf(tables, BASE)], []);
    assertEquals(reads(), levels * 2);
  });

  Deno.test(`tables of ${levels} levels that map none are read once, also after some that do`, () => {
    // The first entry of the root leads to one page, all others to tables that map nothing.
    const empty = bomb(levels, () => W);
    const entries: Record<number, Record<number, bigint>> = { 0: { ...empty[0], 0: to(8) } };
    for (let frame = 1; frame < levels; frame++) {
      entries[frame] = empty[frame];
      entries[frame + 7] = { 0: to(frame + 8), 5: to(frame + 1, W) };
    }
    entries[levels + 6] = { 0: 0x7000n | P };
    const tables = tablesOf(entries, levels, 16);
    const limited = (): TableSet => counted(tables, 3 * levels).tables;
    assertEquals(Array.from(listRuns(limited()), ({ kind }) => kind), ["pages"]);
    assertEquals(Array.from(virtualAddressesOf(limited(), 0x7000), ({ kind }) => kind), ["address"]);
  });

  Deno.test(`a page that ${levels} levels of shared tables do not map is searched for once a table`, () => {
    const { tables, reads } = counted(tablesOf(bomb(levels, EVERY_THIRD), levels));
    assertEquals([...virtualAddressesOf(tables, PAGE)], []);
    assertEquals(reads(), levels);
  });
}

Deno.test("tables that contain themselves, at any level, are listed and searched to the end", () => {
  for (const levels of [4, 5] as const) {
    for (let from = 0; from < levels - 1; from++) {
      for (let target = 0; target <= from; target++) {
        // Entry 7 of the table at a level points to the same or an upper one.
        const chain: Record<number, Record<number, bigint>> = {};
        for (let frame = 0; frame < levels; frame++) chain[frame] = { 3: to(frame + 1, W) };
        chain[from] = { ...chain[from], 7: to(target, W) };
        const tables = tablesOf(chain, levels);
        const items = [...listRuns(tables)];
        assertEquals(items.map(({ kind }) => kind), ["pages", "recursive"]);
        const [, found] = items;
        assert(found.kind === "recursive");
        assertEquals([found.level, found.table, found.index, found.target, found.targetLevel], [
          levels - from,
          BASE + from * PAGE,
          7,
          BASE + target * PAGE,
          levels - target,
        ]);
        const page = [...virtualAddressesOf(tables, BASE + levels * PAGE)];
        assert(page.length >= 1 && page.length < 600);
        for (const item of virtualAddressesOf(tables, BASE + target * PAGE)) {
          assert(item.kind === "address" && item.recursive);
          const { end } = walkTables(tables, item.virt);
          assertEquals(end.kind === "page" && end.phys, BASE + target * PAGE);
        }
        assertEquals([...listTables(tables)].length, levels);
      }
    }
  }
});

Deno.test("where every table points to every table, listings can be left, and each table is listed once a level", () => {
  const all = Object.fromEntries(Array.from({ length: 512 }, (_, index) => [index, to(index % 8, W)]));
  const everything = Object.fromEntries(Array.from({ length: 8 }, (_, frame) => [frame, all]));
  const { tables, reads } = counted(tablesOf(everything, 5));
  assertEquals(take(listRuns(tables), 5000).length, 5000);
  assert(reads() < 100, `${reads()}`);
  const listed = [...listTables(tables)];
  assert(listed.length <= 5 * 8, `${listed.length}`);
  assertEquals(take(virtualAddressesOf(tables, BASE + 3 * PAGE), 5000).length, 5000);
});

/** Numbers that look random and are the same every time (xorshift32). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

Deno.test("garbage is walked, listed and searched without an error, in steps that can be left", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { memory, ...tables } = tablesOf({}, seed % 2 === 0 ? 4 : 5, 32);
    const next = noise(seed);
    const words = new Uint32Array(memory.buffer);
    for (let at = 0; at < words.length; at++) words[at] = next();
    // Some entries lead back into this memory.
    for (let at = 0; at < words.length; at += 16) {
      words[at] = (BASE + (next() % 32) * PAGE) | (next() & 0xf7f);
      words[at + 1] &= 0xfff0_0000;
    }
    const watched = counted(tables);
    let between = 0;
    let before = 0;
    let left = 4000;
    for (const _ of listRuns(watched.tables, { progressAfter: 64 })) {
      between = Math.max(between, watched.reads() - before);
      before = watched.reads();
      if (--left === 0) break;
    }
    // Unknown tables are asked for, and are items themselves; known ones are at most 64 between two items.
    assert(between <= 66, `${between} tables between two items`);
    for (let nth = 0; nth < 200; nth++) {
      const address = (BigInt(next()) << 32n) | BigInt(next());
      walkTables(tables, nth % 2 === 0 ? address : BigInt.asUintN(64, BigInt.asIntN(48, address)));
    }
    take(virtualAddressesOf(tables, BASE + (seed % 32) * PAGE, { progressAfter: 64 }), 500);
    assert([...listTables(tables)].length < 32 * 5 + 32 * 512 * 4);
  }
});
