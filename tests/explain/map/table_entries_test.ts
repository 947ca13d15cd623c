/** The entries of tables: those that the walks of all pages read. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { mapModel } from "../../../explain/map/map_model.ts";
import { type DeepestLevel, tableEntries } from "../../../explain/map/table_entries.ts";
import { loadKernel } from "../../../mod.ts";
import { HELLO } from "../../cli/kload.ts";
import { slowItems } from "../tables/slow_model.ts";
import { buildWorld, worldPlan } from "../tables/worlds.ts";

const LEVELS: readonly DeepestLevel[] = [4, 3, 2, 1];

Deno.test("the entries of hello's tables are those that the walks to its pages read", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const walked = new Map<string, bigint>();
  for (const { virt } of kernel.pageTable.leaves()) {
    for (const { level, table, index, entry } of kernel.pageTable.walk(virt)) {
      walked.set(`${level} ${table} ${index}`, entry);
    }
  }
  for (const level of LEVELS) {
    const { tableEntries = [], entriesStopped } = await mapModel(kernel, { level });
    assertEquals(entriesStopped, undefined);
    const found = new Map<string, bigint>();
    for (const { level, table, index, count, entry } of tableEntries) {
      for (let at = 0; at < count; at++) found.set(`${level} ${table} ${index + at}`, entry + BigInt(at * 4096));
    }
    assertEquals(found, new Map([...walked].filter(([key]) => Number(key[0]) >= level)));
  }
  const { entriesStopped, tableEntries: some = [] } = await mapModel(kernel, { level: 1, limit: 3 });
  assertEquals([some.length, entriesStopped], [3, 0xffff_ffff_8000_0000n]);
});

Deno.test("the pages in the entries of any tables are those of the rules, and never more work than entries", () => {
  const most = 500;
  fc.assert(
    fc.property(worldPlan, (plan) => {
      const { tables, read } = buildWorld(plan);
      const slow = slowItems(read, tables.root, tables.levels);
      let left = most;
      for (const { kind, virt, phys, count, size, pageSize, level, index } of tableEntries(tables, 1)) {
        if (left-- === 0) return;
        if (kind === "table") continue;
        for (let at = 0; at < count; at++) {
          const item = slow.next().value!;
          if (kind !== "page") {
            assertEquals(item.kind, kind);
            if (item.kind !== "page" && item.kind !== "unknown") assertEquals([item.level, item.index], [level, index]);
            continue;
          }
          assert(item.kind === "page");
          const step = BigInt(pageSize!) * BigInt(at);
          assertEquals([item.virt, item.phys, item.size], [virt + step, BigInt(phys) + step, BigInt(size / count)]);
        }
      }
      assertEquals(slow.next().done, true);
    }),
    { numRuns: 200 },
  );
});
