/** Any tables, any kernel, any address: nothing throws, nothing runs without end, and what is near is near. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { explainAddress } from "../../../explain/address/explain_address.ts";
import { explainPhysical } from "../../../explain/address/explain_physical.ts";
import { pagesOf } from "../../../explain/tables/physical_pages.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { type AnyPlugin, type LoadedKernel, LoadError, loadKernel, physicalMemory } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { buildElf } from "../../elf_builder.ts";

const PAGE = 4096;
const TABLES = 8;

/** Entries of tables: few in each, so that everything that they map can be written down. */
const entries = fc.array(
  fc.record({
    table: fc.nat(TABLES - 1),
    index: fc.oneof(fc.nat(511), fc.constantFrom(0, 1, 2, 255, 256, 510, 511)),
    target: fc.nat(TABLES),
    high: fc.constantFrom(0n, 1n << 63n, 5n << 30n),
    flags: fc.constantFrom(0x1n, 0x3n, 0x7n, 0x3n, 0x3n, 0x83n, 0x81n, 0x2083n, 0x2n),
  }),
  { maxLength: 20 },
);

const address = fc.oneof(
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.tuple(
    fc.array(fc.constantFrom<bigint>(0n, 1n, 2n, 255n, 256n, 510n, 511n), { minLength: 5, maxLength: 5 }),
    fc.nat(4095),
  )
    .map(([indices, offset]) => indices.reduce((sum, index) => sum * 512n + index, 0n) * 4096n + BigInt(offset)),
).chain((value) => fc.constantFrom(value & ((1n << 64n) - 1n), BigInt.asUintN(64, BigInt.asIntN(48, value))));

/** A page that is mapped, by brute force. */
interface Leaf {
  readonly start: bigint;
  readonly size: bigint;
  readonly phys: bigint;
  readonly granted: string;
}

/** Everything that tables map, in order; `undefined` if some of it is not known. */
function leavesOf(memory: DataView, levels: 4 | 5): readonly Leaf[] | undefined {
  const leaves: Leaf[] = [];
  let isKnown = true;
  const visit = (table: number, level: number, start: bigint, rights: readonly [bigint, bigint, bigint]): void => {
    if (table + PAGE > memory.byteLength) return void (isKnown = false);
    for (let index = 0; index < 512; index++) {
      const entry = memory.getBigUint64(table + index * 8, true);
      if ((entry & 1n) === 0n) continue;
      const span = 1n << BigInt(level * 9 + 3);
      const virt = start + BigInt(index) * span;
      const below = [rights[0] & (entry >> 1n), rights[1] & (entry >> 2n), rights[2] | (entry >> 63n)] as const;
      const target = entry & 0xf_ffff_ffff_f000n;
      if (level > 1 && (entry & 0x80n) === 0n) visit(Number(target), level - 1, virt, below);
      else if (level <= 3 && (level === 1 || (target & (span - 1n) & ~0x1000n) === 0n)) {
        const bits = levels === 5 ? 57 : 48;
        const granted = below.map((bit) => bit & 1n).join("");
        leaves.push({
          start: BigInt.asUintN(64, BigInt.asIntN(bits, virt)),
          size: span,
          phys: target / span * span,
          granted,
        });
      }
    }
  };
  visit(0, levels, 0n, [1n, 1n, 0n]);
  return isKnown ? leaves : undefined;
}

/** The run around the leaf at a place in the list: neighbours on one side that continue it. */
function runAt(leaves: readonly Leaf[], at: number, step: 1 | -1): { start: bigint; size: number } {
  let [first, last] = [at, at];
  const joins = (one: Leaf, other: Leaf) => {
    return one.start + one.size === other.start && one.phys + one.size === other.phys && one.size === other.size &&
      one.granted === other.granted;
  };
  while (step === 1 && last + 1 < leaves.length && joins(leaves[last], leaves[last + 1])) last++;
  while (step === -1 && first > 0 && joins(leaves[first - 1], leaves[first])) first--;
  return { start: leaves[first].start, size: Number(leaves[last].start + leaves[last].size - leaves[first].start) };
}

Deno.test("of any page tables, the walk and what is near are those of brute force", () => {
  let compared = 0;
  fc.assert(
    fc.property(
      entries,
      fc.constantFrom(4 as const, 5 as const),
      fc.array(address, { minLength: 3 }),
      (list, levels, all) => {
        const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(TABLES * PAGE) });
        const view = new DataView(memory.buffer);
        for (const { table, index, target, high, flags } of list) {
          view.setBigUint64(table * PAGE + index * 8, BigInt(target * PAGE) | high | flags, true);
        }
        const tables: TableSet = { root: 0, levels, pages: pagesOf(memory) };
        const leaves = leavesOf(view, levels);
        for (const address of all) {
          const { mapped, physical, canonical, nearest, why } = explainAddress(tables, address);
          assertEquals(canonical, BigInt.asUintN(64, BigInt.asIntN(levels === 5 ? 57 : 48, address)) === address);
          const leaf = leaves?.find(({ start, size }) => address >= start && address - start < size);
          if (leaves) {
            assertEquals([mapped, physical === null ? undefined : BigInt(physical)], [
              leaf !== undefined,
              leaf && leaf.phys + address - leaf.start,
            ]);
          }
          if (mapped || !leaves) continue;
          assert(why.length > 0 && nearest);
          compared++;
          const before = leaves.findLastIndex(({ start, size }) => start + size - 1n < address);
          const after = leaves.findIndex(({ start }) => start > address);
          const near = (at: number, step: 1 | -1) => at < 0 ? null : runAt(leaves, at, step);
          const shown = [nearest.before, nearest.after].map((run) => run && { start: run.start, size: run.size });
          assertEquals(shown, [near(before, -1), near(after, 1)]);
        }
      },
    ),
    { numRuns: 1000 },
  );
  assert(compared > 100);
});

Deno.test("tables that contain themselves and tables shared by all entries end a search", () => {
  for (const leaf of [0n, 0x3n]) {
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x5000) });
    const view = new BigUint64Array(memory.buffer);
    for (let index = 0; index < 512; index++) {
      for (const level of [0, 1, 2]) view[level * 512 + index] = BigInt((level + 1) * PAGE) | 3n;
      view[3 * 512 + index] = index === 511 ? leaf : 0n;
    }
    view[510] = 3n; // recursive
    const { nearest } = explainAddress({ root: 0, levels: 4, pages: pagesOf(memory) }, 0x1000n);
    assertEquals(nearest?.before, null);
    assertEquals(nearest?.after?.start, leaf === 0n ? 0xffff_ff00_0000_0000n : 0x1f_f000n);
  }
});

Deno.test("tables of which every frame of memory is one, and none maps anything, end a search", () => {
  const frames = 4096;
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(frames * PAGE) });
  const words = new BigUint64Array(memory.buffer);
  for (let at = 0; at < words.length; at++) words[at] = BigInt(((at * 7919 + 13) % frames) * PAGE) | 1n;
  for (let frame = 0; frame < 512; frame++) words.fill(0n, frame * 8 * 512, (frame * 8 + 1) * 512);
  const tables: TableSet = { root: PAGE, levels: 5, pages: pagesOf(memory) };
  for (const address of [0n, 1n << 63n, (1n << 64n) - 1n]) explainAddress(tables, address);
});

Deno.test("no kernel and no address makes an explanation throw, whatever its tables and its memory became", async () => {
  const files = ["hello.elf", "hello-pie.elf"].map((name) => {
    return Deno.readFileSync(new URL(`../../../examples/hello/${name}`, import.meta.url));
  });
  const kernels: LoadedKernel<readonly AnyPlugin[]>[] = [];
  for (const file of files) for (const preset of Object.values(presets)) kernels.push(await loadKernel(file, preset));
  const frame = fc.nat(60).map((page) => BigInt(page * PAGE) + 0x20_0000n);
  fc.assert(
    fc.property(
      fc.nat(kernels.length - 1),
      fc.array(fc.tuple(fc.nat(4 * 512 - 1), frame, fc.constantFrom(0n, 1n, 3n, 0x83n, 0x203n)), { maxLength: 8 }),
      fc.array(address, { minLength: 4 }),
      (which, changes, all) => {
        const kernel = kernels[which];
        const { memory, level4Frame } = kernel;
        const tables = new BigUint64Array(memory.buffer, level4Frame - memory.base, 4 * 512);
        const before = tables.slice();
        for (const [at, target, flags] of changes) tables[at] = target | flags;
        try {
          for (const address of [...all, kernel.entryPoint, BigInt(level4Frame)]) {
            const { address: same, why } = explainAddress(kernel, address, { file: files[which < 3 ? 0 : 1] });
            assertEquals(same, address);
            for (const { message } of why) assert(/^[A-Z].*\.$/s.test(message), message);
          }
          for (const address of all) explainPhysical(kernel, Number(address % (1n << 52n)));
        } finally {
          tables.set(before);
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a file with as many headers as it can have is explained", async () => {
  const most = 65_534;
  const segments = Array.from({ length: most }, (_, at) => ({
    p_vaddr: 0x40_0000n + BigInt(at) * 8n,
    p_memsz: 8n,
    filesz: at % 2 === 0 ? 8 : 0,
    offset: 0x40_0000 + at * 8,
    p_align: 8n,
  }));
  const kernel = await loadKernel(buildElf({ segments }));
  const { why, segment } = explainAddress(kernel, 0x40_0000n + 8n * 1001n);
  assertEquals(segment?.index, 1001);
  assert(why[0].kind === "copied" && why[0].because === "merged");
  assertEquals(why[0].others.length, 511);
  assertEquals(why[1].kind, "zeroed");
});

Deno.test("relocation tables of any bytes give no entry that was not there", async () => {
  const file = await Deno.readFile(new URL("../../../examples/hello/hello-pie.elf", import.meta.url));
  const kernel = await loadKernel(file, presets.default);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 40 }), async (changes) => {
      const damaged = file.slice();
      for (const [at, value] of changes) damaged[at] = value;
      for (const at of [0x2ec0n, 0x2ec9n, 0x3010n, 0x0n]) {
        explainAddress(kernel, kernel.virtualAddressOffset + at, { file: damaged });
      }
      const other = await loadKernel(damaged, presets.default).catch((error) => {
        if (error instanceof LoadError) return undefined;
        throw error;
      });
      if (!other) return;
      for (const { virt } of other.mappings()) {
        for (const reason of explainAddress(other, virt + 0xec0n, { file: damaged }).why) {
          if (reason.kind !== "relocated") continue;
          const word = new DataView(other.read(reason.place, 8).buffer).getBigUint64(0, true);
          assertEquals(word, reason.value);
        }
      }
    }),
    { numRuns: 300 },
  );
});
