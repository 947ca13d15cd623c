/** QEMU's own walker of page tables sees what explain's sees: in random tables, in kernels', and with five levels. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { createMapper } from "../../../core/paging/mapper.ts";
import type { Leaf } from "../../../core/paging/mod.ts";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import type { PageRun, TableItem } from "../../../explain/tables/table_items.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { isCanonicalFor, walkTables } from "../../../explain/tables/walk_tables.ts";
import { type AnyPlugin, ascendingFrames, loadKernel, physicalMemory } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { NX, P, PAGE, PS, putEntry, U, W } from "../../core/paging/bits.ts";
import { assertSameLines, leafLine, mergePermissions, permissionLine } from "../../qemu/agreement.ts";
import { openOracle, type Oracle } from "../../qemu/oracle.ts";
import { anywhere, nearPage, step, takeStep } from "../../qemu/random_mappings.ts";
import { hasTool, testWithTools } from "../../tools.ts";

const QEMU = "qemu-system-x86_64";
const MIB = 2 ** 20;
const GIB = 2 ** 30;

let oracle: Oracle;
let oracle5: Oracle;
Deno.test.beforeAll(async () => {
  if (hasTool(QEMU)) [oracle, oracle5] = await Promise.all([openOracle(), openOracle(5)]);
});
Deno.test.afterAll(async () => {
  await oracle?.[Symbol.asyncDispose]();
  await oracle5?.[Symbol.asyncDispose]();
});

// Memory on both sides of the hole below 4 GiB, and not at 0. Only pages that are written take room.
const FOUR_GIB = 4 * GIB;
const WINDOW = 2 * GIB - 16 * MIB;
const memory = physicalMemory({ base: WINDOW, buffer: new ArrayBuffer(FOUR_GIB + 128 * MIB - WINDOW) });

/** Gives QEMU the root table, and the frames from an address up to another. */
async function show(to: Oracle, from: typeof memory, root: number, start: number, end: number): Promise<void> {
  to.write(root, from.bytes(root, PAGE));
  if (end > start) to.write(start, from.bytes(start, end - start));
  await to.setLevel4(root);
}

/** Finds the runs, by their flags; recursive entries are left out of them. */
function runsOf(tables: TableSet, leafFlags: boolean): readonly PageRun[] {
  return [...listRuns(tables, { leafFlags })].filter((item) => item.kind === "pages");
}

/** The pages of runs, as QEMU lists them. */
function linesOf(runs: readonly PageRun[]): readonly string[] {
  return runs.flatMap(({ virt, phys, size, pageSize, flags }) => {
    return Array.from({ length: size / pageSize }, (_, nth) => {
      return leafLine({ virt: virt + BigInt(nth * pageSize), phys: phys + nth * pageSize, pageSize, flags: flags! });
    });
  });
}

/** Asserts that QEMU finds an address where the walker does, or that both do not. */
async function assertSameWalk(from: Oracle, tables: TableSet, address: bigint): Promise<boolean> {
  const { end } = walkTables(tables, address);
  const theirs = await from.translate(address);
  assertEquals(end.kind === "page" ? end.phys : undefined, theirs, `0x${address.toString(16)}`);
  return theirs !== undefined;
}

/** Entries of tables that are changed after the mapper has built them. */
interface Change {
  readonly nth: number;
  readonly clear: bigint;
  readonly set: bigint;
}

const layout = fc.record({
  root: fc.nat(511).map((index) => WINDOW + index * PAGE),
  start: fc.constantFrom(WINDOW + 2 * MIB, FOUR_GIB).chain((edge) => fc.nat(255).map((index) => edge + index * PAGE)),
  parentFlags: fc.constantFrom("writable" as const, "as-leaf" as const),
  changes: fc.array(
    fc.record({
      nth: fc.nat(),
      clear: fc.subarray([W, U]).map((bits) => bits.reduce((sum, bit) => sum | bit, 0n)),
      set: fc.subarray([W, U, NX, 0x20n, 1n << 52n, 1n << 62n]).map((bits) => bits.reduce((sum, bit) => sum | bit, 0n)),
    }),
    { maxLength: 6 },
  ),
  shares: fc.array(fc.record({ nth: fc.nat(), index: fc.nat(511) }), { maxLength: 2 }),
  recursive: fc.option(fc.constantFrom(100, 200, 300, 400, 510), { freq: 2 }),
});

/** The entries that point to tables, by the physical address of each. */
function tableEntries(root: number): readonly { readonly at: number; readonly level: number }[] {
  const found: { at: number; level: number }[] = [];
  const visit = (table: number, level: number): void => {
    const view = new DataView(memory.buffer, table - WINDOW, PAGE);
    for (let index = 0; index < 512; index++) {
      const entry = view.getBigUint64(index * 8, true);
      if (level === 1 || (entry & P) === 0n || (entry & PS) !== 0n) continue;
      found.push({ at: table + index * 8, level });
      visit(Number(entry & 0x000f_ffff_ffff_f000n), level - 1);
    }
  };
  visit(root, 4);
  return found;
}

function readEntry(at: number): bigint {
  return new DataView(memory.buffer).getBigUint64(at - WINDOW, true);
}

/** Changes bits of entries that point to tables, points more entries to the same tables, and one to the root. */
function disturb(
  root: number,
  { changes, shares, recursive }: {
    readonly changes: readonly Change[];
    readonly shares: readonly { readonly nth: number; readonly index: number }[];
    readonly recursive: number | null;
  },
): { readonly shared: number; readonly recursive?: number } {
  const entries = tableEntries(root);
  let shared = 0;
  for (const { nth, clear, set } of entries.length > 0 ? changes : []) {
    const { at } = entries[nth % entries.length];
    putEntry(memory, at, 0, (readEntry(at) & ~clear) | set);
  }
  for (const { nth, index } of entries.length > 0 ? shares : []) {
    const { at } = entries[nth % entries.length];
    const copy = at - at % PAGE + index * 8;
    if ((readEntry(copy) & P) !== 0n) continue;
    putEntry(memory, copy, 0, readEntry(at));
    shared++;
  }
  // Its neighbours are free, so that QEMU's merged ranges do not reach into it.
  const around = [-1, 0, 1].map((offset) => readEntry(root + ((recursive ?? 0) + offset + 512) % 512 * 8));
  if (recursive === null || around.some((entry) => (entry & P) !== 0n)) return { shared };
  putEntry(memory, root, recursive, BigInt(root) | P | W);
  return { shared, recursive };
}

const spans = fc.noShrink(fc.array(nearPage, { minLength: 8, maxLength: 8 }));

testWithTools(
  [QEMU],
  "1,000 random sets of tables, shared and recursive ones too, are listed and walked as by QEMU",
  async () => {
    const seen = { sets: 0, pages: 0, shared: 0, recursive: 0, mapped: 0, unmapped: 0 };
    const sets = fc.asyncProperty(
      fc.noShrink(layout),
      fc.array(fc.noShrink(step), { minLength: 1, maxLength: 16, size: "max" }),
      fc.noShrink(fc.array(anywhere, { minLength: 4, maxLength: 4 })),
      spans,
      async (plan, steps, addresses, near) => {
        const { root, start, parentFlags } = plan;
        memory.bytes(root, PAGE).fill(0);
        const frames = frameLedger(ascendingFrames({ start, end: start + 8 * MIB }), memory, [], false);
        const mapper = createMapper({ memory, level4Frame: root, frames, parentFlags });
        const asked = new Map<bigint, Leaf>();
        for (const one of steps) takeStep(mapper, asked, one);
        const { shared, recursive } = disturb(root, plan);
        await show(oracle, memory, root, start, frames.nextFrame);

        const tables = openTableSet({ memory, cr3: root | 0x18 });
        const outside = (low: number): boolean => Math.floor(low / 2 ** 39) !== recursive;
        const lines = (await oracle.leaves()).filter((line) =>
          outside(Number(BigInt.asUintN(48, BigInt(`0x${line.slice(0, 16)}`))))
        );
        assertSameLines(linesOf(runsOf(tables, true)), lines, "pages");
        const runs = runsOf(tables, false);
        const granted = (await oracle.permissions()).filter(({ low }) => outside(low));
        assertSameLines(mergePermissions(runs).map(permissionLine), granted.map(permissionLine), "permissions");

        const others: readonly TableItem[] = [...listRuns(tables)].filter(({ kind }) => kind !== "pages");
        assertEquals(
          others.map((item) => item.kind === "recursive" && [item.index, item.target]),
          recursive === undefined ? [] : [[recursive, root]],
        );
        const around = runs.length === 0 ? [] : near.map(({ nth, thousandths }) => {
          const { virt, size } = runs[nth % runs.length];
          return virt + BigInt(Math.floor(size / 1000 * thousandths));
        });
        // Through the recursive entry, the tables themselves are pages.
        const inside = recursive === undefined ? [] : around.map((address) => {
          return BigInt.asUintN(
            64,
            BigInt.asIntN(48, (BigInt(recursive) << 39n) | ((address >> 9n) & (2n ** 39n - 1n))),
          );
        });
        for (
          const address of [...addresses, ...around, ...inside].filter((each) => each >= 0n && isCanonicalFor(each, 4))
        ) {
          seen[await assertSameWalk(oracle, tables, address) ? "mapped" : "unmapped"]++;
        }
        seen.sets++;
        seen.pages += lines.length;
        seen.shared += shared;
        if (recursive !== undefined) seen.recursive++;
      },
    );
    await fc.assert(sets, { numRuns: 1000, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: true });
    const { sets: count, pages, shared, recursive, mapped, unmapped } = seen;
    assert(
      count === 1000 && pages > 20_000 && shared > 200 && recursive > 100 && mapped > 4000 && unmapped > 2000,
      JSON.stringify(seen),
    );
  },
);

testWithTools([QEMU], "hello and hello-pie are listed and walked as by QEMU", async () => {
  for (const name of ["hello", "hello-pie"]) {
    const file = await Deno.readFile(new URL(`../../../examples/hello/${name}.elf`, import.meta.url));
    const kernel = await loadKernel<readonly AnyPlugin[]>(file, { ...presets.default, memory: { base: MIB } });
    const { memory, level4Frame, nextFrame } = kernel;
    await show(oracle, memory, level4Frame, MIB, nextFrame);
    const tables = openTableSet({ memory, cr3: level4Frame });
    const lines = await oracle.leaves();
    assertSameLines(linesOf(runsOf(tables, true)), lines, `pages of ${name}`);
    const runs = runsOf(tables, false);
    const granted = (await oracle.permissions()).map(permissionLine);
    assertSameLines(mergePermissions(runs).map(permissionLine), granted, `permissions of ${name}`);
    for (const { virt, size } of runs) {
      for (const address of [virt - 1n, virt, virt + BigInt(size) - 1n, virt + BigInt(size)]) {
        if (isCanonicalFor(address, 4)) await assertSameWalk(oracle, tables, address);
      }
    }
    assert(lines.length > 5);
  }
});

testWithTools([QEMU], "tables of five levels are listed and walked as by QEMU", async () => {
  let [pages, mapped, unmapped] = [0, 0, 0];
  const upper = fc.record({
    index: fc.constantFrom(0, 1, 255, 256, 511),
    other: fc.nat(511),
    flags: fc.subarray([W, U, NX, 0x20n]).map((bits) => bits.reduce((sum, bit) => sum | bit, P)),
  });
  const sets = fc.asyncProperty(
    fc.noShrink(fc.nat(255).map((index) => WINDOW + index * PAGE)),
    fc.noShrink(upper),
    fc.array(fc.noShrink(step), { minLength: 1, maxLength: 10, size: "max" }),
    spans,
    fc.noShrink(fc.array(fc.bigInt({ min: 0n, max: 2n ** 57n - 1n }), { minLength: 4, maxLength: 4 })),
    async (root, { index, other, flags }, steps, near, anywhere) => {
      const start = FOUR_GIB;
      const frames = frameLedger(ascendingFrames({ start: start + PAGE, end: start + 8 * MIB }), memory, [], false);
      memory.bytes(start, PAGE).fill(0);
      memory.bytes(root, PAGE).fill(0);
      const mapper = createMapper({ memory, level4Frame: start, frames, parentFlags: "as-leaf" });
      const asked = new Map<bigint, Leaf>();
      for (const one of steps) takeStep(mapper, asked, one);
      putEntry(memory, root, index, BigInt(start) | flags);
      putEntry(memory, root, other, BigInt(start) | P);
      await show(oracle5, memory, root, start, frames.nextFrame);

      const tables = openTableSet({ memory, cr3: root, levels: 5 });
      const lines = await oracle5.leaves();
      assertSameLines(linesOf(runsOf(tables, true)), lines, "pages of five levels");
      pages += lines.length;
      const runs = runsOf(tables, false);
      const around = runs.length === 0 ? [] : near.map(({ nth, thousandths }) => {
        const { virt, size } = runs[nth % runs.length];
        return virt + BigInt(Math.floor(size / 1000 * thousandths));
      });
      const addresses = [...around, ...anywhere.map((low) => BigInt.asUintN(64, BigInt.asIntN(57, low)))];
      for (const address of addresses.filter((each) => each >= 0n && isCanonicalFor(each, 5))) {
        if (await assertSameWalk(oracle5, tables, address)) mapped++;
        else unmapped++;
      }
    },
  );
  await fc.assert(sets, { numRuns: 200, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true });
  assert(pages > 4000 && mapped > 500 && unmapped > 300, `${pages}, ${mapped}, ${unmapped}`);
});
