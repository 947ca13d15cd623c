/** Tables that the loader's mapper builds are listed and walked as the mapper itself lists and walks them. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { createMapper, type Mapper } from "../../../core/paging/mapper.ts";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { listTables } from "../../../explain/tables/list_tables.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import { walkTables } from "../../../explain/tables/walk_tables.ts";
import { type AnyPlugin, ascendingFrames, loadKernel, physicalMemory } from "../../../mod.ts";
import type { Leaf } from "../../../core/paging/mod.ts";
import type { PhysicalMemory } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { anywhere, step, takeStep } from "../../qemu/random_mappings.ts";

const MIB = 2 ** 20;
const BASE = 2 ** 32 - 4 * MIB;
const memory = physicalMemory({ base: BASE, buffer: new ArrayBuffer(16 * MIB) });

/** Compares what the mapper says about its tables with what the model says; returns the number of pages. */
function assertSame(mapper: Mapper, from: PhysicalMemory, level4Frame: number, addresses: readonly bigint[]): number {
  const tables = openTableSet({ memory: from, cr3: level4Frame });
  const runs = [...listRuns(tables)];
  assertEquals<unknown>(runs, [...mapper.mappings()].map((mapping) => ({ kind: "pages", ...mapping })));
  const leaves = [...mapper.leaves()];
  const pages = [...listRuns(tables, { leafFlags: true })].flatMap((item) => {
    if (item.kind !== "pages") return [];
    const { virt, phys, size, pageSize, flags } = item;
    return Array.from({ length: size / pageSize }, (_, nth) => {
      return { virt: virt + BigInt(nth * pageSize), phys: phys + nth * pageSize, pageSize, flags };
    });
  });
  assertEquals<unknown>(pages, leaves);
  assertEquals<unknown>(
    [...listTables(tables)].map((item) => item.kind === "table" && [item.level, item.frame, item.virt]),
    [...mapper.tables()].map(({ level, frame, virt }) => [level, frame, virt]),
  );
  const edges = runs.flatMap((item) => item.kind === "pages" ? [item.virt, item.virt + BigInt(item.size) - 1n] : []);
  for (const address of [...addresses, ...edges]) {
    const { levels, end } = walkTables(tables, address);
    assertEquals(
      levels.map(({ level, table, index, entry }) => ({ level, table, index, entry })),
      mapper.walk(address) as never,
    );
    const found = mapper.translate(address);
    if (found.mapped) assertEquals(end.kind === "page" && [end.phys, end.pageSize], [found.phys, found.pageSize]);
    else assertEquals(end, { kind: "absent", level: found.level } as typeof end);
  }
  return leaves.length;
}

Deno.test("random sets of mappings are listed as the mapper lists them", () => {
  let pages = 0;
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 20, size: "max" }),
      fc.array(anywhere, { minLength: 8, maxLength: 8 }),
      fc.nat(255),
      (steps, addresses, root) => {
        const level4Frame = BASE + root * 4096;
        memory.bytes(level4Frame, 4096).fill(0);
        const frames = frameLedger(ascendingFrames({ start: BASE + MIB, end: BASE + 16 * MIB }), memory, [], false);
        const mapper = createMapper({ memory, level4Frame, frames, parentFlags: "as-leaf" });
        const asked = new Map<bigint, Leaf>();
        for (const one of steps) takeStep(mapper, asked, one);
        pages += assertSame(mapper, memory, level4Frame, addresses);
      },
    ),
    { numRuns: 200 },
  );
  assert(pages > 2000, `${pages}`);
});

Deno.test("kernels are listed and walked as their own page tables are", async () => {
  for (const name of ["hello", "hello-pie"]) {
    const file = await Deno.readFile(new URL(`../../../examples/hello/${name}.elf`, import.meta.url));
    for (const options of [{}, { memory: { base: 2 ** 33 } }]) {
      const kernel = await loadKernel<readonly AnyPlugin[]>(file, { ...presets.default, ...options });
      const { pageTable, level4Frame, entryPoint } = kernel;
      assert(assertSame(pageTable, kernel.memory, level4Frame, [entryPoint, 0n, 2n ** 64n - 1n]) > 5);
    }
  }
});
