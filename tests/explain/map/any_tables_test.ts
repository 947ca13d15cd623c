/** A map of any page tables: every page in the right run, gaps where nothing is mapped, and always an end. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import type { MapModel } from "../../../explain/map/address_map.ts";
import { mapModel, type MapModelOptions } from "../../../explain/map/map_model.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { GIB, MIB2, P, PAGE, PS, putEntry, U, W } from "../../core/paging/bits.ts";
import { slowItems } from "../tables/slow_model.ts";
import { buildWorld, worldPlan } from "../tables/worlds.ts";

/** A piece of the address space: its first address without sign extension, and its size. */
interface Piece {
  readonly low: bigint;
  readonly size: bigint;
}

/** Runs, gaps and parts, in the order of addresses. */
function piecesOf({ entries, gaps, parts, levels }: MapModel): readonly Piece[] {
  const all = [...entries.flatMap(({ runs }) => runs), ...gaps, ...parts];
  return all.map(({ virt, size }) => ({ low: BigInt.asUintN(levels * 9 + 12, virt), size: BigInt(size) }))
    .sort((one, other) => one.low < other.low ? -1 : 1);
}

/** Fails unless the pieces follow one another from address 0 to an address. */
function assertTiles(model: MapModel, end: bigint): void {
  let at = 0n;
  for (const { low, size } of piecesOf(model)) {
    assertEquals(low, at);
    assert(size > 0n);
    at += size;
  }
  assertEquals(at, end);
}

function endOf({ levels, stopped }: MapModel): bigint {
  return stopped ? BigInt.asUintN(levels * 9 + 12, stopped.virt) : 1n << BigInt(levels * 9 + 12);
}

const LIMIT = 400;

Deno.test("runs, gaps and parts of any tables are the whole address space, and every page is in its run", async () => {
  let stopped = 0;
  await fc.assert(
    fc.asyncProperty(worldPlan, async (plan) => {
      const { tables, read } = buildWorld(plan);
      const model = await mapModel(tables, { limit: LIMIT });
      assertTiles(model, endOf(model));
      if (model.stopped) stopped++;
      const runs = model.entries.flatMap((entry) => entry.runs);
      const end = endOf(model);
      let bytes = 0n;
      let parts = 0;
      let at = 0;
      for (const item of slowItems(read, tables.root, tables.levels)) {
        if (BigInt.asUintN(tables.levels * 9 + 12, item.virt) >= end) break;
        if (item.kind !== "page") {
          const { kind, virt, level } = model.parts[parts++];
          assertEquals([kind, virt, level], [item.kind, item.virt, item.level]);
          continue;
        }
        while (runs[at].virt + BigInt(runs[at].size) <= item.virt) at++;
        const { virt, phys, pageSize, permissions, user } = runs[at];
        assert(virt <= item.virt);
        const rights = [/W/.test(permissions) ? "w" : "", /X/.test(permissions) ? "x" : "", user ? "u" : ""].join("");
        assertEquals([BigInt(phys) + item.virt - virt, BigInt(pageSize), rights], [item.phys, item.size, item.rights]);
        bytes += item.size;
      }
      assertEquals(parts, model.parts.length);
      assertEquals(bytes, runs.reduce((sum, { size }) => sum + BigInt(size), 0n));
      assertEquals(bytes, model.totals.bytes);
      assertEquals(model.totals.unmapped, model.gaps.reduce((sum, { size }) => sum + size, 0n));
    }),
    { numRuns: 300 },
  );
  assert(stopped > 0, "no world was larger than the limit");
});

Deno.test("no run crosses a level-4 entry, and each is listed under its own", async () => {
  await fc.assert(
    fc.asyncProperty(worldPlan, async (plan) => {
      const { tables } = buildWorld(plan);
      for (const { virt, runs } of (await mapModel(tables, { limit: LIMIT })).entries) {
        for (const run of runs) {
          assert(run.virt >= virt && run.virt + BigInt(run.size) <= virt + (1n << 39n));
        }
      }
    }),
    { numRuns: 100 },
  );
});

/** Tables in a memory of some frames, the first of which is the root. */
function tablesOf(
  frames: number,
  levels: 4 | 5,
  put: (put: (frame: number, index: number, entry: bigint) => void) => void,
): TableSet {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(frames * PAGE) });
  put((frame, index, entry) => putEntry(memory, frame * PAGE, index, entry));
  return openTableSet({ memory, cr3: 0, levels });
}

/** Four tables, each full of entries for the next; the last one maps every other page: 2^35 runs. */
const FOUR_PAGES = tablesOf(4, 4, (put) => {
  for (let index = 0; index < 512; index++) {
    for (const frame of [0, 1, 2]) put(frame, index, BigInt((frame + 1) * PAGE) | P | W | U);
    if (index % 2 === 0) put(3, index, BigInt(index * PAGE) | P | W);
  }
});

Deno.test("four tables that map 2^35 runs: the list ends at the limit, and says where", async () => {
  const model = await mapModel(FOUR_PAGES, { limit: 1000 });
  assertEquals(model.stopped, { virt: 1000n * 0x2000n, because: "limit" });
  assertEquals(model.totals.runs, 1000);
  assertTiles(model, 1000n * 0x2000n);
  assertEquals(model.totals.tables.map(({ tables }) => tables), [1, 1, 1, 1]);
  assertEquals(model.tables.map(({ references }) => references), [0, 512, 512, 512]);
});

Deno.test("a filter that chooses none of 2^35 runs ends, too", async () => {
  const model = await mapModel(FOUR_PAGES, { filter: "x & !x" });
  assertEquals(model.stopped?.because, "work");
  assertEquals(model.gaps, []);
  const [entry] = model.entries;
  assertEquals([entry.runs.length, entry.left.runs], [0, model.totals.runs]);
});

Deno.test("an abort is heard in a long listing", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 30);
  const listing = mapModel(FOUR_PAGES, { filter: "x & !x", signal: controller.signal });
  assertEquals(await assertRejects(() => listing), reason);
  const early = mapModel(FOUR_PAGES, { signal: AbortSignal.abort(reason) });
  assertEquals(await assertRejects(() => early), reason);
});

Deno.test("tables without any page, four of which stand for 2^27, are read once", async () => {
  const tables = tablesOf(4, 4, (put) => {
    for (let index = 0; index < 512; index++) {
      for (const frame of [0, 1, 2]) put(frame, index, BigInt((frame + 1) * PAGE) | P);
    }
  });
  const model = await mapModel(tables);
  assertEquals([model.entries.length, model.totals.runs, model.stopped], [512, 0, undefined]);
  assertEquals(model.totals.unmapped, 1n << 48n);
});

Deno.test("a recursive entry is a part of its own, at level 4 and below", async () => {
  const tables = tablesOf(4, 4, (put) => {
    put(0, 510, BigInt(0) | P | W);
    put(0, 511, BigInt(PAGE) | P | W);
    put(1, 0, BigInt(PAGE) | P | W);
    put(1, 1, BigInt(2 * PAGE) | P | W);
    put(2, 0, BigInt(MIB2) | P | W | PS);
  });
  const { entries, parts, totals } = await mapModel(tables);
  assertEquals(entries.map(({ index, kind, runs }) => [index, kind, runs.length]), [[510, "recursive", 0], [
    511,
    "table",
    1,
  ]]);
  assertEquals(parts.map(({ kind, level, size }) => [kind, level, size]), [["recursive", 4, 2 ** 39], [
    "recursive",
    3,
    GIB,
  ]]);
  assertEquals(totals.bytes + totals.unmapped + BigInt(2 ** 39 + GIB), 1n << 48n);
});

Deno.test("an entry with reserved bits and a table in unknown memory are said to be that", async () => {
  const tables = tablesOf(2, 4, (put) => {
    put(0, 0, BigInt(PAGE) | P | PS);
    put(0, 1, 0x1234_5000n | P);
    put(0, 2, BigInt(PAGE) | P);
    put(1, 3, BigInt(GIB) | P | PS | 0x2000n);
    put(1, 4, BigInt(GIB) | P | PS);
  });
  const { entries, parts } = await mapModel(tables);
  assertEquals(entries.map(({ index, kind }) => [index, kind]), [[0, "reserved"], [1, "unknown"], [2, "table"]]);
  assertEquals(parts.map(({ kind, level }) => [kind, level]), [["reserved", 4], ["unknown", 3], ["reserved", 3]]);
  assertEquals(entries[2].runs.map(({ pageSize, permissions }) => [pageSize, permissions]), [[GIB, "R-X"]]);
});

Deno.test("a root outside the memory leaves nothing but that to say", async () => {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(PAGE) });
  const { entries, parts, totals, tables } = await mapModel(openTableSet({ memory, cr3: 0x10_0000 }));
  assertEquals([entries, parts.map(({ kind }) => kind), totals.runs], [[], ["unknown"], 0]);
  assertEquals(tables.map(({ frame, present }) => [frame, present]), [[0x10_0000, undefined]]);
});

Deno.test("with five levels, an entry names the one above it, and gaps reach to 2^57", async () => {
  const tables = tablesOf(3, 5, (put) => {
    put(0, 511, BigInt(PAGE) | P);
    put(1, 7, BigInt(2 * PAGE) | P);
    put(2, 0, BigInt(GIB) | P | PS);
  });
  const model = await mapModel(tables);
  assertEquals(model.entries.map(({ level5Index, index, virt }) => [level5Index, index, virt]), [
    [511, 7, 0xffff_0380_0000_0000n],
  ]);
  assertTiles(model, 1n << 57n);
});

Deno.test("user pages, and pages that are writable and executable, are counted", async () => {
  const tables = tablesOf(3, 4, (put) => {
    put(0, 0, BigInt(PAGE) | P | W | U);
    put(1, 0, BigInt(2 * PAGE) | P | W | U);
    put(2, 0, BigInt(MIB2) | P | W | PS);
    put(2, 1, BigInt(2 * MIB2) | P | W | U | PS);
    put(2, 2, BigInt(3 * MIB2) | P | U | PS);
  });
  const { totals } = await mapModel(tables);
  assertEquals(totals.permissions, [
    { permissions: "RWX", user: false, pages: 1, bytes: BigInt(MIB2) },
    { permissions: "R-X", user: true, pages: 1, bytes: BigInt(MIB2) },
    { permissions: "RWX", user: true, pages: 1, bytes: BigInt(MIB2) },
  ]);
  assertEquals([totals.writableAndExecutable, totals.pages], [2, [{ pageSize: MIB2, pages: 3 }]]);
});

Deno.test("an unknown option is a TypeError", async () => {
  await assertRejects(() => mapModel(FOUR_PAGES, { limits: 5 } as MapModelOptions), TypeError, "limits");
});

Deno.test("a limit that is no positive integer, and a filter that cannot be parsed, are RangeErrors", async () => {
  for (const limit of [0, -1, 1.5, NaN, Infinity]) {
    await assertRejects(() => mapModel(FOUR_PAGES, { limit }), RangeError, "positive integer");
  }
  await assertRejects(() => mapModel(FOUR_PAGES, { filter: "w &" }), RangeError, "character 4");
});
