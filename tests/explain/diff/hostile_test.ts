/** Page tables of any bytes: a comparison ends, is its own mirror image, and agrees with a walk to each address. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { physicalMemory } from "../../../mod.ts";
import { diffKernels, openTableSet, type TableSet, type Walk, walkTables } from "../../../explain/mod.ts";
import { framesInBoth } from "../../../explain/diff/frames_in_both.ts";

const PAGE = 4096;
const PAGES = 24;
const LIMIT = 1_000_000;

/** Few indices, so that random addresses meet what is mapped; those at the ends of tables and halves are among them. */
const INDICES = [0, 1, 255, 256, 510, 511];

/** Bits of entries that matter to a walk, and some that do not. */
const BITS = [0n, 1n, 2n, 5n, 6n, 7n, 8n, 13n, 52n, 63n];

const entry = fc.record({
  table: fc.nat(PAGES - 1),
  index: fc.constantFrom(...INDICES),
  // One page in a few lies outside of memory, or in its last page.
  target: fc.oneof({ weight: 8, arbitrary: fc.nat(PAGES - 1) }, fc.constantFrom(PAGES, 2 ** 40 - 1)),
  bits: fc.subarray(BITS).map((bits) => bits.reduce((sum, bit) => sum | 1n << bit, 1n)),
});

const world = fc.array(entry, { maxLength: 60 });
const random = fc.uint8Array({ minLength: 64, maxLength: 256 });

function tablesOf(entries: Iterable<typeof entry extends fc.Arbitrary<infer T> ? T : never>, levels: 4 | 5): TableSet {
  const buffer = new ArrayBuffer(PAGES * PAGE);
  const words = new BigUint64Array(buffer);
  for (const { table, index, target, bits } of entries) words[table * 512 + index] = BigInt(target) << 12n | bits;
  return openTableSet({ memory: physicalMemory({ base: 0, buffer }), cr3: 0, levels });
}

/** Every address that the indices make, of five levels, as each number of levels extends it. */
const ADDRESSES = INDICES.flatMap((four) =>
  INDICES.flatMap((three) =>
    INDICES.flatMap((two) =>
      INDICES.map((one) => {
        return BigInt(four) << 39n | BigInt(three) << 30n | BigInt(two) << 21n | BigInt(one) << 12n;
      })
    )
  )
).map((address) => BigInt.asUintN(64, BigInt.asIntN(48, address)));

/** How a walk maps its page; `undefined` if it goes through a table twice, or one that is not known. */
function mappedBy({ levels, end }: Walk): string | undefined {
  const tables = levels.map(({ table }) => table);
  const last = levels.at(-1);
  const goesRound = new Set(tables).size < tables.length;
  if (goesRound || end.kind === "unknown") return undefined;
  if (end.kind !== "page" || !last) return "nothing";
  const flags = last.flags.filter((flag) => flag !== "ACCESSED" && flag !== "DIRTY");
  return [end.pageSize, end.writable, end.executable, end.user, ...flags].join();
}

Deno.test("a comparison agrees with a walk to each address, whatever the tables are", () => {
  const levels = fc.constantFrom(4 as const, 5 as const);
  fc.assert(fc.property(world, world, levels, levels, (one, other, levelsA, levelsB) => {
    const [a, b] = [tablesOf(one, levelsA), tablesOf(other, levelsB)];
    const found = diffKernels(a, b, { limit: LIMIT });
    assert(found.complete);
    const isIn = (ranges: readonly { readonly address: bigint; readonly size: number }[], at: bigint) => {
      return ranges.some(({ address, size }) => at >= address && at - address < BigInt(size));
    };
    for (const address of ADDRESSES) {
      const [inA, inB] = [mappedBy(walkTables(a, address)), mappedBy(walkTables(b, address))];
      if (inA === undefined || inB === undefined || isIn(found.unknown.items, address)) continue;
      const isListed = isIn(found.mappings.items, address) || isIn(found.repeated.items, address);
      if (inA !== inB) assert(isListed, `${address.toString(16)}: ${inA}, ${inB}`);
      else assert(!isIn(found.mappings.items, address), `${address.toString(16)}: ${inA}`);
    }
    const mirrored = diffKernels(b, a, { limit: LIMIT });
    assertEquals([mirrored.verdict, mirrored.mappings.added], [found.verdict, found.mappings.removed]);
    assertEquals([mirrored.mappings.changed, mirrored.content.differing], [
      found.mappings.changed,
      found.content.differing,
    ]);
    assertEquals([...framesInBoth(a, b)].length <= 2 ** 20, true);
  }));
});

Deno.test("a comparison of tables of random bytes ends", () => {
  fc.assert(
    fc.property(random, random, fc.constantFrom(4 as const, 5 as const), (one, other, levels) => {
      const [a, b] = [one, other].map((bytes) => {
        const memory = new Uint8Array(PAGES * PAGE);
        for (let at = 0; at < memory.length; at++) memory[at] = bytes[at % bytes.length];
        // Half of the entries point into memory.
        const words = new BigUint64Array(memory.buffer);
        for (let at = 0; at < words.length; at += 2) words[at] = words[at] & 0x1_7fffn | words[at] & 1n << 63n;
        return openTableSet({ memory: physicalMemory({ base: 0, buffer: memory.buffer }), cr3: 0, levels });
      });
      const { mappings } = diffKernels(a, b);
      assertEquals(mappings.items.length <= 40, true);
      assertEquals(diffKernels(a, a).verdict, "same");
    }),
    { numRuns: 3 },
  );
});
