/** The range forms of unmap() and updateFlags() do what the loop of their single forms does, or nothing. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper, type Mapper } from "../../../core/paging/mapper.ts";
import type { FlagChange, Leaf, PageSize, UnmappedRun } from "../../../core/paging/mod.ts";
import { GIB, MIB2, NX, P, PAGE, PS, U, W } from "./bits.ts";

// Tables: blocks of pages, one after the other from an edge of the address space on, some of them left out.

interface Block {
  readonly pageSize: PageSize;
  readonly count: number;
  /** Frames that are skipped before those of the block; -1 for none at all. */
  readonly gap: number;
  readonly flags: bigint;
}

interface World {
  readonly base: number;
  readonly shared: boolean;
  readonly start: bigint;
  readonly phys: number;
  readonly blocks: readonly Block[];
}

const STARTS = [0n, 0x7fff_0000_0000n, 0xffff_8000_0000_0000n, 0xffff_ff7f_8000_0000n, 0xffff_ffff_4000_0000n];
const FLAGS = [P, P | W, P | NX, P | W | NX | (1n << 52n), P | U | 0x268n];

const block = fc.record({
  pageSize: fc.oneof(
    { weight: 5, arbitrary: fc.constant<PageSize>(PAGE) },
    { weight: 3, arbitrary: fc.constant<PageSize>(MIB2) },
    { weight: 1, arbitrary: fc.constant<PageSize>(GIB) },
  ),
  count: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 3 }) }, {
    weight: 3,
    arbitrary: fc.integer({ min: 500, max: 520 }),
  }),
  gap: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1, 5) }),
  flags: fc.constantFrom(...FLAGS),
}).map((found) => found.pageSize === GIB ? { ...found, count: Math.min(found.count, 2) } : found);
const world: fc.Arbitrary<World> = fc.record({
  base: fc.constantFrom(0, 2 ** 32 - 8 * PAGE, 2 ** 52 - 32 * PAGE),
  shared: fc.boolean(),
  start: fc.constantFrom(...STARTS),
  phys: fc.constantFrom(0x10_0000, 2 ** 32 - MIB2, 2 ** 40, 2 ** 52 - 2 * GIB),
  blocks: fc.array(block, { minLength: 1, maxLength: 7, size: "max" }),
});

/** Builds the tables, and lists the addresses where blocks start and end. Blocks are aligned by filling with pages. */
function build({ base, shared, start, phys, blocks }: World) {
  const size = 32 * PAGE;
  const memory = physicalMemory({ base, buffer: shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size) });
  const frames = frameLedger(ascendingFrames({ start: base + PAGE, end: base + size }), memory, [], true);
  const mapper = createMapper({ memory, level4Frame: base, frames, parentFlags: "writable" });
  const edges = [start];
  let [virt, frame] = [start, phys];
  const map = (bytes: number, pageSize: PageSize, flags: bigint): void => {
    try {
      mapper.mapTo(virt, frame % 2 ** 52, flags, { size: bytes, pageSize });
    } catch (error) { // the end of a half, of physical memory, or of the frames
      if (!(error instanceof RangeError || error instanceof LoadError)) throw error;
    }
    virt += BigInt(bytes);
    frame += bytes;
    edges.push(virt);
  };
  for (const { pageSize, count, gap, flags } of blocks) {
    for (const smaller of [PAGE, MIB2] as const) { // up to the alignment of the block
      const next = smaller === PAGE ? MIB2 : GIB;
      const rest = Number(virt % BigInt(Math.min(next, pageSize)));
      if (rest > 0) map(Math.min(next, pageSize) - rest, smaller, flags);
    }
    frame += gap * pageSize - ((frame + gap * pageSize) % pageSize);
    if (gap < 0) virt += BigInt(count * pageSize);
    else map(count * pageSize, pageSize, flags);
  }
  const restore = new Uint8Array(memory.buffer).slice();
  return { memory, mapper, edges, restore };
}

interface Picked {
  readonly from: number;
  readonly to: number;
  readonly skewFrom: number;
  readonly skewTo: number;
}

const skew = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, {
  weight: 1,
  arbitrary: fc.constantFrom(-MIB2, -PAGE, PAGE, 3 * PAGE, MIB2, GIB),
});
const picked: fc.Arbitrary<Picked> = fc.record({ from: fc.nat(), to: fc.nat(), skewFrom: skew, skewTo: skew });

function pick(edges: readonly bigint[], { from, to, skewFrom, skewTo }: Picked) {
  const ends = [edges[from % edges.length] + BigInt(skewFrom), edges[to % edges.length] + BigInt(skewTo)];
  const [low, high] = ends.sort((a, b) => a < b ? -1 : 1);
  return { virt: low, size: Number(high - low) };
}

// The loop of single forms.

type Outcome<T> = { readonly done: T } | { readonly refused: unknown };

function attempt<T>(work: () => T): Outcome<T> {
  try {
    return { done: work() };
  } catch (error) {
    if (error instanceof LoadError) return { refused: [error.code, error.detail] };
    assert(error instanceof RangeError, String(error));
    return { refused: "RangeError" };
  }
}

/** Calls a single form for each page of a range, which must have no part of a page. */
function eachPage<T>(mapper: Mapper, virt: bigint, size: number, work: (at: bigint, leaf: Leaf) => T): readonly T[] {
  const done: T[] = [];
  for (let at = virt; at < virt + BigInt(size);) {
    const found = mapper.translate(at);
    if (!found.mapped) throw new LoadError("page-not-mapped", { field: "address", value: at });
    const end = at + BigInt(found.pageSize);
    if (at % BigInt(found.pageSize) !== 0n || end > virt + BigInt(size)) throw new RangeError("a part of a page");
    done.push(work(at, { ...found, virt: at }));
    at = end;
  }
  return done;
}

function isRange(virt: bigint, size: number): boolean {
  const last = virt + BigInt(size) - (size > 0 ? 1n : 0n);
  const canonical = (at: bigint) => BigInt.asUintN(64, BigInt.asIntN(48, at)) === at;
  return virt >= 0n && canonical(virt) && canonical(last) && virt >> 63n === last >> 63n;
}

function pagesOf(runs: readonly UnmappedRun[]): readonly Leaf[] {
  return runs.flatMap(({ virt, phys, size, pageSize, flags }) =>
    Array.from({ length: size / pageSize }, (_, index) => {
      return { virt: virt + BigInt(index * pageSize), phys: phys + index * pageSize, pageSize, flags };
    })
  );
}

/** Runs both on the same tables, and compares what they return and leave behind. */
function compare<T>(spec: World, at: Picked, loop: (m: Mapper, v: bigint, s: number) => T, range: typeof loop) {
  const { memory, mapper, edges, restore } = build(spec);
  const { virt, size } = pick(edges, at);
  const bytes = () => new Uint8Array(memory.buffer).slice();
  const expected = isRange(virt, size)
    ? attempt(() => loop(mapper, virt, size))
    : { refused: "RangeError" } as Outcome<T>;
  const after = "done" in expected ? bytes() : restore;
  new Uint8Array(memory.buffer).set(restore);
  const found = attempt(() => range(mapper, virt, size));
  assertEquals(found, expected);
  assertEquals(bytes(), after);
  return { found, mapper, memory, restore };
}

function assertAllSeen(seen: ReadonlyMap<string, number>): void {
  for (const what of ["done", "RangeError", "page-not-mapped"]) assert((seen.get(what) ?? 0) > 3, `${what}: too few`);
}

function count(seen: Map<string, number>, outcome: Outcome<unknown>): void {
  const refused = "refused" in outcome && outcome.refused;
  const what = refused ? String(Array.isArray(refused) ? refused[0] : refused) : "done";
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

Deno.test("unmap() of a range is the loop of unmap(), or changes nothing, and mapTo() of its runs undoes it", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(world, picked, (spec, at) => {
      let runs: readonly UnmappedRun[] = [];
      const { found, mapper, memory, restore } = compare(
        spec,
        at,
        (mapper, virt, size) => eachPage(mapper, virt, size, (page) => mapper.unmap(page)),
        (mapper, virt, size) => pagesOf(runs = mapper.unmap(virt, { size })),
      );
      count(seen, found);
      for (let index = 1; index < runs.length; index++) {
        const [before, run] = [runs[index - 1], runs[index]];
        const near = before.virt + BigInt(before.size) === run.virt && before.phys + before.size === run.phys;
        assertEquals(near && before.flags === run.flags && before.pageSize === run.pageSize, false);
      }
      for (const { virt, phys, size, pageSize, flags } of runs) {
        mapper.mapTo(virt, phys, flags, { size, pageSize, parentFlags: P });
      }
      assertEquals(new Uint8Array(memory.buffer).slice(), restore);
    }),
    { numRuns: 150 },
  );
  assertAllSeen(seen);
});

const BITS = [P, W, U, 0x20n, 0x80n, 0x200n, 1n << 52n, 1n << 60n, NX];
const someBits = fc.subarray(BITS).map((bits) => bits.reduce((sum, bit) => sum | bit, 0n));
const rarely = (arbitrary: fc.Arbitrary<bigint>) =>
  fc.oneof({ weight: 12, arbitrary: someBits }, { weight: 1, arbitrary });
const badBits = fc.constantFrom(0x1000n, 0x2000n, 1n << 40n, 1n << 64n, -1n); // the first is the PAT of a huge page
const change = fc.oneof<fc.Arbitrary<bigint | FlagChange>[]>(
  rarely(badBits),
  fc.record({ clear: rarely(badBits), set: rarely(badBits) }, { requiredKeys: ["clear"] }),
  fc.record({ clear: rarely(badBits), set: rarely(badBits) }, { requiredKeys: ["set"] }),
);

Deno.test("updateFlags() of a range is the loop of updateFlags(), or changes nothing", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(world, picked, change, (spec, at, flags) => {
      const { found } = compare(
        spec,
        at,
        (mapper, virt, size) => {
          refuseAddressBits(flags);
          eachPage(mapper, virt, size, () => {}); // pages that are missing come before flags that one page cannot have
          const differ = eachPage(mapper, virt, size, (page, { flags: old, pageSize }) => {
            if (typeof flags === "bigint") {
              mapper.updateFlags(page, flags);
              return (flags | (pageSize === PAGE ? 0n : PS)) !== old;
            }
            const { clear = 0n, set = 0n } = flags;
            if (pageSize === PAGE && (clear & 0x1000n) !== 0n) throw new RangeError("bit 12 is the frame's");
            const next = (old & ~clear) | set;
            mapper.updateFlags(page, next);
            return (next | (pageSize === PAGE ? 0n : PS)) !== old;
          });
          return differ.filter(Boolean).length;
        },
        (mapper, virt, size) => mapper.updateFlags(virt, flags, { size }),
      );
      count(seen, found);
    }),
    { numRuns: 300 },
  );
  assertAllSeen(seen);
});

/** Refuses bits that no page has as flags, even if the range has no page. */
function refuseAddressBits(flags: bigint | FlagChange): void {
  const all = typeof flags === "bigint" ? [flags] : [flags.clear ?? 0n, flags.set ?? 0n];
  if (all.some((bits) => (bits & ~0xfff0_0000_0000_1fffn) !== 0n)) throw new RangeError("bits of the address");
}
