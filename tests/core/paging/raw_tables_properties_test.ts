/** Reading tables that something else wrote: any entries, cycles, huge pages and tables outside memory. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { type PhysicalMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { openPageTables } from "../../../core/paging/mod.ts";
import { NX, P, PAGE, PS, putEntry, U, W } from "./bits.ts";
import { OutsideMemory, sdmLeaves, sdmWalk } from "./sdm_walk.ts";

const FRAMES = 8;
const BASES = [0, 0x10_0000, 2 ** 31 - 4 * PAGE, 2 ** 32 - 4 * PAGE, 2 ** 40, 2 ** 52 - FRAMES * PAGE];
const INDICES = [0, 1, 255, 256, 510, 511];

/** An entry of the table in a frame. `to` is the frame that it points to; those from `FRAMES` on lie outside memory. */
interface Put {
  readonly frame: number;
  readonly index: number;
  readonly to: number;
  readonly bits: bigint;
}

const anyIndex = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...INDICES) }, {
  weight: 1,
  arbitrary: fc.nat(511),
});
const bits = fc.tuple(
  fc.subarray([W, U, PS, 0x08n, 0x20n, 0x200n, 1n << 52n, 1n << 62n, NX]),
  fc.oneof({ weight: 9, arbitrary: fc.constant(P) }, { weight: 1, arbitrary: fc.constant(0n) }),
).map(([chosen, present]) => chosen.reduce((sum, bit) => sum | bit, present));
const put: fc.Arbitrary<Put> = fc.record({
  frame: fc.nat(FRAMES - 1),
  index: anyIndex,
  to: fc.oneof({ weight: 30, arbitrary: fc.nat(FRAMES - 1) }, { weight: 1, arbitrary: fc.nat(2 ** 40 - 1) }),
  bits,
});
const world = fc.record({
  base: fc.constantFrom(...BASES),
  shared: fc.boolean(),
  puts: fc.array(put, { minLength: 1, maxLength: 30, size: "max" }),
  cr3: fc.nat(FRAMES - 1),
});
const address = fc.tuple(anyIndex, anyIndex, anyIndex, anyIndex, fc.nat(PAGE - 1)).map(([l4, l3, l2, l1, byte]) => {
  const low = [l4, l3, l2, l1].reduce((sum, index) => (sum << 9n) | BigInt(index), 0n) * 4096n + BigInt(byte);
  return BigInt.asUintN(64, BigInt.asIntN(48, low));
});

function build({ base, shared, puts }: { base: number; shared: boolean; puts: readonly Put[] }): PhysicalMemory {
  const size = FRAMES * PAGE;
  const memory = physicalMemory({ base, buffer: shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size) });
  for (const { frame, index, to, bits } of puts) {
    const target = to < FRAMES ? base + to * PAGE : to * PAGE;
    putEntry(memory, base + frame * PAGE, index, BigInt(target) | bits);
  }
  return memory;
}

/** What a function returns; for a table outside memory, its address. */
function outcome<T>(work: () => T): T | { readonly outside: unknown } {
  try {
    return work();
  } catch (error) {
    if (error instanceof OutsideMemory) return { outside: error.address };
    assertInstanceOf(error, LoadError);
    assertEquals(error.code, "table-out-of-memory");
    return { outside: error.detail.value };
  }
}

/** The items before an iteration ends, and the table outside memory that ended it, if one did. */
function collect<T>(items: Iterable<T>): { readonly items: readonly T[]; readonly end: unknown } {
  const found: T[] = [];
  const end = outcome(() => {
    for (const item of items) found.push(item);
  });
  return { items: found, end };
}

Deno.test("translate(), walk() and leaves() find in any tables what the processor finds", () => {
  const seen = { mapped: 0, unmapped: 0, outside: 0, huge: 0, cut: 0, whole: 0 };
  fc.assert(
    fc.property(world, fc.array(address, { minLength: 30, maxLength: 30 }), (spec, addresses) => {
      const memory = build(spec);
      const cr3 = spec.base + spec.cr3 * PAGE;
      const tables = openPageTables(memory, cr3);
      for (const virt of addresses) {
        const expected = outcome(() => sdmWalk(memory, cr3, virt));
        const found = outcome(() => tables.translate(virt));
        const steps = outcome(() => tables.walk(virt));
        if ("outside" in expected) {
          assertEquals<unknown>([found, steps], [expected, expected]);
          seen.outside++;
        } else {
          assertEquals<unknown>([found, steps], [expected.found, expected.steps]);
          seen[expected.found.mapped ? "mapped" : "unmapped"]++;
          if (expected.found.mapped && expected.found.pageSize > PAGE) seen.huge++;
        }
      }
      const expected = collect(sdmLeaves(memory, cr3));
      assertEquals(collect(tables.leaves()), expected);
      seen[expected.end ? "cut" : "whole"]++;
    }),
    { numRuns: 150 },
  );
  for (const [what, count] of Object.entries(seen)) assert(count > 0, `${what}: none`);
});

Deno.test("leaves() can be left early, and every iteration begins anew", () => {
  const memory = build({ base: 0, shared: false, puts: [] });
  putEntry(memory, 0, 0, BigInt(PAGE) | P);
  putEntry(memory, PAGE, 3, P | PS);
  putEntry(memory, PAGE, 7, (1n << 30n) | P | PS);
  const tables = openPageTables(memory, 0);
  putEntry(memory, 0, 9, BigInt(2 * PAGE) | P);
  putEntry(memory, 2 * PAGE, 0, P | PS);
  const pages = [3n << 30n, 7n << 30n, 9n << 39n];
  const list = tables.leaves();
  for (const { virt } of list) {
    assertEquals(virt, pages[0]);
    break;
  }
  assertEquals(Array.from(list, ({ virt }) => virt), pages);
  const [one, other] = [list[Symbol.iterator](), list[Symbol.iterator]()];
  assertEquals([one.next().value.virt, other.next().value.virt, one.next().value.virt], [
    pages[0],
    ...pages.slice(0, 2),
  ]);
  assertEquals(one.next().value.virt, pages[2]);
  assertEquals(one.next(), { done: true, value: undefined });
  assertEquals(one.next(), { done: true, value: undefined });
  other.return?.();
  assertEquals(other.next(), { done: true, value: undefined });
});

Deno.test("leaves() knows the address of a page whose entry follows another table's last in memory", () => {
  const memory = build({ base: 0, shared: false, puts: [] });
  putEntry(memory, 0, 1, BigInt(PAGE) | P);
  putEntry(memory, PAGE, 511, P | PS);
  putEntry(memory, 0, 5, BigInt(2 * PAGE) | P);
  putEntry(memory, 2 * PAGE, 0, P | PS);
  const found = [...openPageTables(memory, 0).leaves()].map(({ virt }) => virt);
  assertEquals(found, [(1n << 39n) | (511n << 30n), 5n << 39n]);
});
