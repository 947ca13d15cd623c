/** Any page tables are walked, listed and searched as the SDM's rules say, by a model that is slow and of its own. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { listTables } from "../../../explain/tables/list_tables.ts";
import type { PageRun, TableItem } from "../../../explain/tables/table_items.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { virtualAddressesOf } from "../../../explain/tables/virtual_addresses.ts";
import { isCanonicalFor, walkTables } from "../../../explain/tables/walk_tables.ts";
import { type SlowItem, slowItems } from "./slow_model.ts";
import { buildWorld, type World, worldPlan } from "./worlds.ts";

/** The most items that are compared: shared tables map a page at many addresses. */
const MOST = 3000;

function* first<T>(items: Iterable<T>, most: number): Generator<T> {
  let left = most;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}

/** A run as the pages that it has. */
function* pagesOf(run: PageRun): Generator<SlowItem> {
  const { virt, phys, size, pageSize, writable, executable, user, flags } = run;
  const rights = `${writable ? "w" : ""}${executable ? "x" : ""}${user ? "u" : ""}`;
  for (let done = 0; done < size; done += pageSize) {
    yield {
      kind: "page",
      virt: virt + BigInt(done),
      phys: BigInt(phys + done),
      size: BigInt(pageSize),
      rights,
      flags: flags!,
    };
  }
}

/** What a listing finds, page by page, in the form of the slow model. */
function* expanded(items: Iterable<TableItem>): Generator<SlowItem> {
  for (const item of items) {
    if (item.kind === "pages") yield* pagesOf(item);
    else if (item.kind === "unknown") {
      const { kind, level, table, virt } = item;
      yield { kind, level, table, virt };
    } else if (item.kind !== "progress") {
      const { kind, level, table, index, virt } = item;
      const entry = item.kind === "reserved" ? item.entry : 0n;
      yield { kind, level, table, index, virt, entry };
    }
  }
}

/** The slow model's items, as far as a listing names them. */
function* comparable(items: Iterable<SlowItem>): Generator<SlowItem> {
  for (const item of items) yield item.kind === "recursive" ? { ...item, entry: 0n } : item;
}

/** Whether the second of two neighbours in a listing continues the first. */
function continues(one: PageRun, other: PageRun): boolean {
  return one.virt + BigInt(one.size) === other.virt && one.phys + one.size === other.phys &&
    one.pageSize === other.pageSize && one.writable === other.writable && one.executable === other.executable &&
    one.user === other.user && one.flags === other.flags;
}

Deno.test("listRuns() lists every page, problem and recursive entry of any tables, as merged runs", () => {
  const seen = { page: 0, unknown: 0, reserved: 0, recursive: 0, huge: 0, merged: 0, split: 0 };
  fc.assert(
    fc.property(worldPlan, (plan) => {
      const { tables, read } = buildWorld(plan);
      const found = [...first(expanded(listRuns(tables, { leafFlags: true })), MOST)];
      const expected = [...first(comparable(slowItems(read, tables.root, tables.levels)), MOST)];
      assertEquals(found, expected);
      for (const item of found) {
        seen[item.kind]++;
        if (item.kind === "page" && item.size > 4096n) seen.huge++;
      }
      for (const leafFlags of [true, false]) {
        const items = [...first(listRuns(tables, { leafFlags, progressAfter: 3 }), MOST)];
        const runs = items.filter((item) => item.kind !== "progress");
        for (const [nth, item] of runs.entries()) {
          const before = runs[nth - 1];
          if (item.kind !== "pages") continue;
          if (item.size > item.pageSize) seen.merged++;
          if (before?.kind !== "pages") continue;
          assert(!continues(before, item), `0x${item.virt.toString(16)} is listed apart`);
          seen.split++;
        }
      }
    }),
    { numRuns: 400 },
  );
  for (const [what, count] of Object.entries(seen)) assert(count > 20, `${what}: ${count}`);
});

Deno.test("runs without their flags are those with flags, merged", () => {
  let fewer = 0;
  fc.assert(
    fc.property(worldPlan, (plan) => {
      const { tables } = buildWorld(plan);
      const apart = [...first(listRuns(tables, { leafFlags: true }), MOST)];
      const merged: TableItem[] = [];
      for (const item of apart) {
        if (item.kind !== "pages") {
          merged.push(item);
          continue;
        }
        const { flags: _, ...run } = item;
        const last = merged.at(-1);
        const joins = last?.kind === "pages" && continues(last, run);
        if (joins) merged[merged.length - 1] = { ...last, size: last.size + run.size };
        else merged.push(run);
      }
      if (apart.length === MOST) merged.pop(); // the last may go on
      assertEquals([...first(listRuns(tables), merged.length)], merged);
      if (merged.length < apart.length) fewer++;
    }),
    { numRuns: 1200 },
  );
  assert(fewer > 10, `${fewer}`);
});

/** Addresses in, at the edges of, and between pages. */
function* addressesIn({ tables, read }: World): Generator<bigint> {
  for (const item of first(slowItems(read, tables.root, tables.levels, true), 40)) {
    yield item.virt;
    if (item.kind === "page") yield* [item.virt + item.size / 3n, item.virt + item.size - 1n, item.virt + item.size];
    yield BigInt.asUintN(64, item.virt - 1n);
  }
  yield* [0n, 2n ** 47n - 1n, 2n ** 47n, 2n ** 56n, 2n ** 64n - 2n ** 47n - 1n, 2n ** 64n - 2n ** 56n, 2n ** 64n - 1n];
}

/** Where the slow model finds an address. */
function slowWalk({ tables: { root, levels }, read }: World, address: bigint): unknown {
  const width = levels * 9 + 12;
  if (BigInt.asUintN(64, BigInt.asIntN(width, address)) !== address) return { kind: "not-canonical", level: levels };
  const rights = { writable: true, executable: true, user: true };
  let table = root;
  for (let level: number = levels;; level--) {
    const shift = BigInt(level * 9 + 3);
    const entry = read(table, Number((address >> shift) & 511n));
    if (entry === undefined) return { kind: "unknown", level };
    if ((entry & 1n) === 0n) return { kind: "absent", level };
    const isHuge = level > 1 && (entry & 128n) !== 0n;
    const offset = 2n ** shift - 1n;
    if (isHuge && (level > 3 || (entry & offset & ~0x1fffn) !== 0n)) return { kind: "reserved", level };
    rights.writable &&= (entry & 2n) !== 0n;
    rights.user &&= (entry & 4n) !== 0n;
    rights.executable &&= entry < 2n ** 63n;
    const target = entry & (2n ** 52n - 1n);
    if (!isHuge && level > 1) table = Number(target & ~4095n);
    else {return {
        kind: "page",
        phys: Number((target & ~offset) | (address & offset)),
        pageSize: Number(offset + 1n),
        ...rights,
      };}
  }
}

Deno.test("walkTables() ends where the processor's walk ends, and reads what it reads", () => {
  const seen: Record<string, number> = {};
  fc.assert(
    fc.property(worldPlan, (plan) => {
      const world = buildWorld(plan);
      for (const address of addressesIn(world)) {
        const { levels, end } = walkTables(world.tables, address);
        assertEquals<unknown>(end, slowWalk(world, address));
        seen[end.kind] = (seen[end.kind] ?? 0) + 1;
        let table = world.tables.root;
        for (const [nth, step] of levels.entries()) {
          const level = world.tables.levels - nth;
          const index = Number((address >> BigInt(level * 9 + 3)) & 511n);
          assertEquals([step.level, step.table, step.index, step.entry], [
            level,
            table,
            index,
            world.read(table, index)!,
          ]);
          table = Number(step.entry & 0x000f_ffff_ffff_f000n);
        }
      }
    }),
    { numRuns: 200 },
  );
  for (const kind of ["page", "absent", "reserved", "unknown", "not-canonical"]) assert(seen[kind] > 50, kind);
});

/** Where the slow model finds a physical address. */
function* slowSearch({ tables, read }: World, phys: number): Generator<readonly [virt: bigint, rights: string]> {
  for (const item of slowItems(read, tables.root, tables.levels, true)) {
    if (item.kind !== "page") continue;
    const offset = BigInt(phys) - item.phys;
    if (offset >= 0n && offset < item.size) yield [item.virt + offset, item.rights];
  }
}

Deno.test("virtualAddressesOf() finds every address of a byte, also through recursive entries", () => {
  let [found, recursive, none] = [0, 0, 0];
  fc.assert(
    fc.property(worldPlan, fc.nat(7), fc.nat(4095), (plan, frame, offset) => {
      const world = buildWorld(plan);
      for (
        const phys of [plan.base + frame * 4096 + offset, frame * 2 ** 30 + offset, (plan.filled[0]?.phys ?? 0) + 9]
      ) {
        const items = [...first(virtualAddressesOf(world.tables, phys, { progressAfter: 2 }), MOST)];
        const addresses = items.filter((item) => item.kind === "address").map((item) => {
          const { virt, pageSize, writable, executable, user } = item;
          assert(isCanonicalFor(virt, world.tables.levels));
          const { levels, end } = walkTables(world.tables, virt);
          assertEquals(end, { kind: "page", phys, pageSize, writable, executable, user });
          assertEquals(item.recursive, new Set(levels.map(({ table }) => table)).size < levels.length);
          if (item.recursive) recursive++;
          return [virt, `${writable ? "w" : ""}${executable ? "x" : ""}${user ? "u" : ""}`] as const;
        });
        const expected = [...first(slowSearch(world, phys), addresses.length + (items.length < MOST ? 1 : 0))];
        assertEquals<unknown>(addresses, expected);
        if (addresses.length > 0) found++;
        else none++;
      }
    }),
    { numRuns: 300 },
  );
  assert(found > 100 && recursive > 20 && none > 50, `${found}, ${recursive}, ${none}`);
});

/** The tables by level and frame, what they have and who points to them, by looking at each once. */
function slowTables({ root, levels }: TableSet, read: World["read"]): ReadonlyMap<string, unknown> {
  const found = new Map<string, { present?: number; references: number; virt: bigint }>();
  const visit = (table: number, way: readonly number[], start: bigint): void => {
    const level = levels - way.length;
    const virt = BigInt.asUintN(64, BigInt.asIntN(levels * 9 + 12, start));
    const entries = Array.from({ length: 512 }, (_, index) => read(table, index));
    const isKnown = entries[0] !== undefined;
    const present = entries.filter((entry) => entry !== undefined && (entry & 1n) === 1n).length;
    found.set(`${level} ${table}`, { ...(isKnown ? { present } : {}), references: 0, virt });
    for (const [index, entry] of entries.entries()) {
      if (level === 1 || entry === undefined || (entry & 129n) !== 1n) continue;
      const target = Number(entry & 0x000f_ffff_ffff_f000n);
      const path = [...way, table];
      const at = path.indexOf(target);
      const there = at < 0 ? level - 1 : levels - at;
      if (!found.has(`${there} ${target}`)) visit(target, path, start + (BigInt(index) << BigInt(level * 9 + 3)));
      found.get(`${there} ${target}`)!.references++;
    }
  };
  visit(root, [], 0n);
  return found;
}

Deno.test("listTables() lists every table of any tables once a level, with its entries and references", () => {
  let shared = 0;
  fc.assert(
    fc.property(worldPlan, (plan) => {
      const { tables, read } = buildWorld(plan);
      const listed = [...listTables(tables, { progressAfter: 2 })].filter((item) => item.kind === "table");
      const found = new Map(listed.map(({ level, frame, present, references, virt }) => {
        if (references > 1) shared++;
        return [`${level} ${frame}`, { ...(present === undefined ? {} : { present }), references, virt }];
      }));
      assertEquals(listed.length, found.size);
      assertEquals<unknown>([...found], [...slowTables(tables, read)]);
    }),
    { numRuns: 200 },
  );
  assert(shared > 50, `${shared}`);
});
