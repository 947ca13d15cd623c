import { assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import type { Leaf } from "../../../core/paging/leaves.ts";
import { createMapper, type MapOptions, type Mapper } from "../../../core/paging/mapper.ts";
import { GIB, MIB2, NX, P, PAGE, PS, U, W } from "./bits.ts";
import { type Found, sdmWalk } from "./sdm_walk.ts";

type PageSize = Leaf["pageSize"];

// The model: which pages there are, and which tables were ever made, with the flags of the entry above each.

interface Model {
  readonly leaves: Map<bigint, Leaf>;
  readonly tables: Map<string, bigint>;
}

/** Names the table of a level that covers an address. */
function tableKey(level: number, virt: bigint): string {
  return `${level}:${virt >> BigInt(12 + 9 * level)}`;
}

function leafLevel(pageSize: PageSize): number {
  return { [PAGE]: 1, [MIB2]: 2, [GIB]: 3 }[pageSize];
}

function leafAt({ leaves }: Model, virt: bigint): Leaf | undefined {
  for (const size of [PAGE, MIB2, GIB]) {
    const leaf = leaves.get(virt - virt % BigInt(size));
    if (leaf?.pageSize === size) return leaf;
  }
}

function modelTranslate(model: Model, virt: bigint): Found {
  const leaf = leafAt(model, virt);
  if (leaf) {
    const { phys, pageSize, flags } = leaf;
    return { mapped: true, phys: phys + Number(virt - leaf.virt), pageSize, flags };
  }
  const level = [3, 2, 1].find((level) => !model.tables.has(tableKey(level, virt))) ?? 0;
  return { mapped: false, level: level + 1 };
}

function isCanonical(virt: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, virt)) === virt;
}

interface MapCommand {
  readonly do: "map";
  readonly virt: bigint;
  readonly phys: number;
  readonly flags: bigint;
  readonly options: MapOptions & { readonly size: number; readonly pageSize: PageSize };
}

type Command =
  | MapCommand
  | { readonly do: "unmap"; readonly virt: bigint }
  | { readonly do: "update"; readonly virt: bigint; readonly flags: bigint };

type Outcome = "done" | "out of bounds" | "page-already-mapped" | "page-not-mapped" | "frames-exhausted";

/** Does what a command does to the model, if anything, and says how it ends. */
function runModel(model: Model, command: Command, rule: "writable" | "as-leaf", framesLeft: number): Outcome {
  if (command.do === "map") return runModelMap(model, command, rule, framesLeft);
  if (!isCanonical(command.virt)) return "out of bounds";
  const leaf = leafAt(model, command.virt);
  if (!leaf) return "page-not-mapped";
  if (command.do === "unmap") model.leaves.delete(leaf.virt);
  else model.leaves.set(leaf.virt, { ...leaf, flags: command.flags | (leaf.pageSize === PAGE ? 0n : PS) });
  return "done";
}

function runModelMap(model: Model, command: MapCommand, rule: "writable" | "as-leaf", framesLeft: number): Outcome {
  const { virt, phys, flags, options: { size, pageSize, parentFlags } } = command;
  const last = virt + BigInt(size) - 1n;
  const aligned = virt % BigInt(pageSize) === 0n && phys % pageSize === 0;
  if (!aligned || !isCanonical(virt) || !isCanonical(last) || virt >> 63n !== last >> 63n) return "out of bounds";
  if (phys < 0 || BigInt(phys) + BigInt(size) > 1n << 52n) return "out of bounds";

  const level = leafLevel(pageSize);
  const missing = new Set<string>();
  for (let page = virt; page < last; page += BigInt(pageSize)) {
    if (leafAt(model, page) || (level > 1 && model.tables.has(tableKey(level - 1, page)))) return "page-already-mapped";
    for (let above = 3; above >= level; above--) missing.add(tableKey(above, page));
  }
  for (const key of model.tables.keys()) missing.delete(key);
  if (missing.size > framesLeft) return "frames-exhausted";

  const parents = parentFlags ?? P | (flags & (W | U)) | (rule === "writable" ? W : 0n);
  for (let done = 0; done < size; done += pageSize) {
    const page = virt + BigInt(done);
    model.leaves.set(page, { virt: page, phys: phys + done, pageSize, flags: flags | (pageSize === PAGE ? 0n : PS) });
    for (let above = 3; above >= level; above--) {
      const key = tableKey(above, page);
      model.tables.set(key, (model.tables.get(key) ?? 0n) | parents);
    }
  }
  return "done";
}

/** Does the same to the real tables. A call that fails has to leave every byte as it was. */
function runReal(mapper: Mapper, memory: PhysicalMemory, command: Command): Outcome {
  const before = new BigUint64Array(memory.buffer).slice();
  try {
    if (command.do === "map") mapper.mapTo(command.virt, command.phys, command.flags, command.options);
    else if (command.do === "unmap") mapper.unmap(command.virt);
    else mapper.updateFlags(command.virt, command.flags);
    return "done";
  } catch (error) {
    assertEquals(new BigUint64Array(memory.buffer).every((entry, index) => entry === before[index]), true);
    if (error instanceof RangeError) return "out of bounds";
    assertInstanceOf(error, LoadError);
    return error.code as Outcome;
  }
}

// What has to hold after any sequence of commands.

function checkAll(model: Model, mapper: Mapper, memory: PhysicalMemory, addresses: Iterable<bigint>): void {
  for (const virt of addresses) {
    if (!isCanonical(virt)) continue;
    const walk = sdmWalk(memory, mapper.level4Frame, virt);
    assertEquals<Found>(mapper.translate(virt), modelTranslate(model, virt));
    assertEquals<Found>(mapper.translate(virt), walk.found);
    assertEquals(mapper.walk(virt), walk.steps);
    for (const { level, entry } of walk.steps.slice(0, -1)) {
      assertEquals(entry & 0xfff0_0000_0000_0fffn, model.tables.get(tableKey(level - 1, virt)));
    }
  }
  const leaves = [...model.leaves.values()].sort((a, b) => a.virt < b.virt ? -1 : 1);
  assertEquals([...mapper.leaves()], leaves);
  checkMappings(leaves, mapper, memory);
  assertEquals(
    [...mapper.tables()].slice(1).map(({ level, virt }) => tableKey(level, virt)).sort(),
    [...model.tables.keys()].sort(),
  );
  const written = new BigUint64Array(memory.buffer).filter((entry) => entry !== 0n).length;
  assertEquals(written, model.leaves.size + model.tables.size);
}

/** The runs are the leaves, each with what the processor permits, and no run could be joined to the one before. */
function checkMappings(leaves: readonly Leaf[], mapper: Mapper, memory: PhysicalMemory): void {
  const runs = [...mapper.mappings()];
  const pages = runs.flatMap(({ virt, phys, size, pageSize, writable, executable, user }) => {
    return Array.from({ length: size / pageSize }, (_, index) => {
      const at = index * pageSize;
      return { virt: virt + BigInt(at), phys: phys + at, pageSize, writable, executable, user };
    });
  });
  assertEquals(
    pages,
    leaves.map(({ virt, phys, pageSize }) => {
      return { virt, phys, pageSize, ...sdmWalk(memory, mapper.level4Frame, virt).may };
    }),
  );
  for (let index = 1; index < runs.length; index++) {
    const [before, run] = [runs[index - 1], runs[index]];
    const equal = (["pageSize", "writable", "executable", "user"] as const).every((key) => before[key] === run[key]);
    const near = before.virt + BigInt(before.size) === run.virt && before.phys + before.size === run.phys;
    assertEquals(equal && near, false, "two runs could be one");
  }
}

// Addresses near the edges that tables, halves and physical memory have, so that clashes and merges happen.

const EDGES = [
  0n,
  1n << 21n,
  1n << 30n,
  1n << 39n,
  1n << 47n,
  0xffff_8000_0000_0000n,
  0xffff_ffff_8000_0000n,
  1n << 64n,
];
const FRAME_EDGES = [0x10_0000, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 52];
const FLAGS = [W, U, NX, 0x08n, 0x10n, 0x100n, 0x200n, 1n << 52n, 1n << 62n];

const flags = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(P, P | W, P | NX, P | W | NX, P | W | U) },
  { weight: 1, arbitrary: fc.subarray(FLAGS).map((bits) => bits.reduce((sum, bit) => sum | bit, P)) },
);
const parentFlags = fc.subarray([W, U, 0x08n, 0x200n]).map((bits) => bits.reduce((sum, bit) => sum | bit, P));
const pageSize = fc.oneof(
  { weight: 6, arbitrary: fc.constant<PageSize>(PAGE) },
  { weight: 2, arbitrary: fc.constant<PageSize>(MIB2) },
  { weight: 1, arbitrary: fc.constant<PageSize>(GIB) },
);
const count = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 1, arbitrary: fc.integer({ min: 505, max: 1030 }) },
);

const mapCommand: fc.Arbitrary<Command> = fc.record({
  edge: fc.constantFrom(...EDGES),
  frameEdge: fc.constantFrom(...FRAME_EDGES),
  offset: fc.integer({ min: -3, max: 8 }),
  frameOffset: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: -6, max: 3 })),
  skew: fc.oneof({ weight: 15, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 0x800, PAGE) }),
  pageSize,
  count,
  flags,
  parentFlags: fc.option(parentFlags, { freq: 5, nil: undefined }),
}).map(({ edge, frameEdge, offset, frameOffset, skew, pageSize, count, flags, parentFlags }): Command => ({
  do: "map",
  virt: edge + BigInt(offset * pageSize + skew),
  phys: frameEdge - frameEdge % pageSize + (offset + frameOffset) * pageSize + skew,
  flags,
  options: { size: count * pageSize, pageSize, parentFlags },
}));

const address = fc.record({
  edge: fc.constantFrom(...EDGES),
  step: fc.constantFrom(PAGE, MIB2, GIB),
  offset: fc.integer({ min: -3, max: 10 }),
  byte: fc.nat(PAGE - 1),
}).map(({ edge, step, offset, byte }) => edge + BigInt(offset * step + byte));

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: mapCommand },
  { weight: 1, arbitrary: fc.record<Command & { do: "unmap" }>({ do: fc.constant("unmap"), virt: address }) },
  { weight: 1, arbitrary: fc.record<Command & { do: "update" }>({ do: fc.constant("update"), virt: address, flags }) },
);

const machine = fc.record({
  base: fc.constantFrom(0, 2 ** 32 - 8 * PAGE, 2 ** 52 - 128 * PAGE),
  pages: fc.oneof(fc.constant(96), fc.integer({ min: 1, max: 24 })),
  rule: fc.constantFrom("writable" as const, "as-leaf" as const),
});

const anywhere = fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }).map((low) => BigInt.asUintN(64, BigInt.asIntN(48, low)));

/** Every edge of what a command touches, and its neighbours. */
function touched(command: Command): readonly bigint[] {
  const { virt } = command;
  const end = virt + BigInt(command.do === "map" ? command.options.size : 1);
  return [virt - 1n, virt, virt + 0x123n, end - 1n, end].filter((at) => at >= 0n);
}

Deno.test("any sequence of calls does to the tables what it does to a map of pages", () => {
  const ended = new Map<Outcome, number>();
  const sequence = fc.array(command, { minLength: 1, maxLength: 25, size: "max" });
  const random = fc.array(anywhere, { minLength: 10, maxLength: 10 });
  fc.assert(
    fc.property(machine, sequence, random, ({ base, pages, rule }, commands, addresses) => {
      const memory = freshMemory(base, pages * PAGE);
      const end = base + memory.size;
      const frames = frameLedger(ascendingFrames({ start: base + PAGE, end }), memory, [], true);
      const mapper = createMapper({ memory, level4Frame: base, frames, parentFlags: rule });
      const model: Model = { leaves: new Map(), tables: new Map() };
      for (const command of commands) {
        // A call that fails for want of frames leaves those that it took to the next one.
        const expected = runModel(model, command, rule, pages - 1 - model.tables.size);
        assertEquals(runReal(mapper, memory, command), expected);
        ended.set(expected, (ended.get(expected) ?? 0) + 1);
      }
      checkAll(model, mapper, memory, [...commands.flatMap(touched), ...addresses]);
    }),
    { numRuns: 150 },
  );
  // The sequences are no good where they never get so far.
  assertEquals(
    [...ended.keys()].sort(),
    ["done", "frames-exhausted", "out of bounds", "page-already-mapped", "page-not-mapped"],
  );
});

Deno.test("mapping a range and unmapping its pages leaves the tables without a page, and as many as before", () => {
  const range = mapCommand.filter((command): command is MapCommand => command.do === "map");
  fc.assert(
    fc.property(range, ({ virt, phys, flags, options }) => {
      const memory = freshMemory(0, 32 * PAGE);
      const frames = frameLedger(ascendingFrames({ start: PAGE, end: memory.size }), memory, [], true);
      const mapper = createMapper({ memory, level4Frame: 0, frames, parentFlags: "writable" });
      const command: Command = { do: "map", virt, phys, flags, options };
      fc.pre(runReal(mapper, memory, command) === "done");
      const tables = [...mapper.tables()];
      const leaves = [...mapper.leaves()];
      assertEquals(leaves.map((leaf) => mapper.unmap(leaf.virt)), leaves);
      assertEquals([...mapper.leaves()], []);
      assertEquals([...mapper.tables()], tables);
      assertEquals(runReal(mapper, memory, command), "done");
      assertEquals([...mapper.leaves()], leaves);
    }),
    { numRuns: 50 },
  );
});
