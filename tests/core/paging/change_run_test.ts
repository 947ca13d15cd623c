/** The range forms of unmap() and updateFlags(). */

import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import type { FlagChange } from "../../../core/paging/flag_change.ts";
import { createMapper, type Mapper } from "../../../core/paging/mapper.ts";
import { GIB, MIB2, NX, P, PAGE, PS, putEntry, U, W } from "./bits.ts";

/** Memory with an empty level-4 table in its first frame; the next frames are for tables. */
function open(base = 0, size = 32 * PAGE) {
  const memory = freshMemory(base, size);
  return { memory, mapper: openIn(memory, base) };
}

function openIn(memory: PhysicalMemory, level4Frame: number): Mapper {
  const start = level4Frame + PAGE;
  const frames = frameLedger(ascendingFrames({ start, end: memory.base + memory.size }), memory, [], true);
  return createMapper({ memory, level4Frame, frames, parentFlags: "writable" });
}

/** 4 KiB pages up to 2 MiB, two pages of 2 MiB, 4 KiB pages of other frames and flags; then nothing; 1 GiB at 1 GiB. */
function openMixed() {
  const opened = open();
  const { mapper } = opened;
  mapper.mapTo(0x1f_e000n, 0x10_0000, P | W, { size: 2 * PAGE });
  mapper.mapTo(0x20_0000n, 0x80_0000, P | W, { size: 2 * MIB2, pageSize: MIB2 });
  mapper.mapTo(0x60_0000n, 0x10_2000, P | W, { size: 2 * PAGE });
  mapper.mapTo(0x60_2000n, 0x10_4000, P | NX, { size: PAGE });
  mapper.mapTo(0x60_3000n, 0x20_0000, P | NX, { size: PAGE });
  mapper.mapTo(0x4000_0000n, GIB, P | U, { pageSize: GIB });
  return opened;
}

function entryAt(memory: PhysicalMemory, table: number, index: number): bigint {
  return new DataView(memory.buffer).getBigUint64(table - memory.base + index * 8, true);
}

Deno.test("unmap() of a range returns its pages as merged runs, and keeps the tables and the other pages", () => {
  const { mapper } = openMixed();
  const tables = [...mapper.tables()];
  assertEquals(mapper.unmap(0x1f_f000n, { size: PAGE + 2 * MIB2 + 4 * PAGE }), [
    { virt: 0x1f_f000n, phys: 0x10_1000, size: PAGE, pageSize: PAGE, flags: P | W },
    { virt: 0x20_0000n, phys: 0x80_0000, size: 2 * MIB2, pageSize: MIB2, flags: P | W | PS },
    { virt: 0x60_0000n, phys: 0x10_2000, size: 2 * PAGE, pageSize: PAGE, flags: P | W },
    { virt: 0x60_2000n, phys: 0x10_4000, size: PAGE, pageSize: PAGE, flags: P | NX },
    { virt: 0x60_3000n, phys: 0x20_0000, size: PAGE, pageSize: PAGE, flags: P | NX },
  ]);
  assertEquals([...mapper.leaves()].map(({ virt }) => virt), [0x1f_e000n, 0x4000_0000n]);
  assertEquals([...mapper.tables()], tables);
});

Deno.test("unmap() of a range merges runs across tables, and past 4 GiB of frames", () => {
  const { mapper } = open();
  mapper.mapTo(0x3f_f000n, 2 ** 32 - 3 * PAGE, P, { size: 3 * PAGE + MIB2 });
  const [virt, phys] = [0x3f_f000n, 2 ** 32 - 3 * PAGE];
  const size = 3 * PAGE + MIB2;
  assertEquals(mapper.unmap(virt, { size }), [{ virt, phys, size, pageSize: PAGE, flags: P }]);
});

Deno.test("unmap() of a range does not merge pages whose entries only look consecutive", async (t) => {
  const cases = [
    { what: "frame 0 after the last below 2^52", entries: [0x000f_ffff_ffff_f001n, 0x0010_0000_0000_0001n] },
    { what: "frame 0 after the last below 4 GiB", entries: [0xffff_f001n, 1n] },
    { what: "the same low half, 4 GiB further", entries: [0x1001n, 0x1_0000_2001n] },
  ];
  for (const { what, entries } of cases) {
    await t.step(what, () => {
      const { memory, mapper } = open();
      mapper.mapTo(0n, 0, P); // tables in frames 1 to 3
      entries.forEach((entry, index) => putEntry(memory, 3 * PAGE, index, entry));
      const pages = [...mapper.leaves()].map((page) => ({ ...page, size: PAGE }));
      assertEquals(mapper.unmap(0n, { size: 2 * PAGE }), pages);
    });
  }
});

Deno.test("the top of each half is a range as any other", () => {
  const { mapper } = open();
  for (const virt of [0x7fff_ffff_e000n, 0xffff_ffff_ffff_e000n]) {
    mapper.mapTo(virt, 0x10_0000, P | W, { size: 2 * PAGE });
    assertStrictEquals(mapper.updateFlags(virt, { clear: W }, { size: 2 * PAGE }), 2);
    const run = { virt, phys: 0x10_0000, size: 2 * PAGE, pageSize: PAGE, flags: P };
    assertEquals<unknown>(mapper.unmap(virt, { size: 2 * PAGE }), [run]);
  }
});

Deno.test("a range of no bytes has no pages", () => {
  const { mapper } = openMixed();
  const pages = [...mapper.leaves()];
  assertEquals(mapper.unmap(0x1f_e000n, { size: 0 }), []);
  assertStrictEquals(mapper.updateFlags(0x8000_0000n, P, { size: 0 }), 0);
  assertEquals([...mapper.leaves()], pages);
});

Deno.test("unmap() of a range unmaps pages that share a table, and lists each of them", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0n, 0x10_0000, P, { size: MIB2 });
  putEntry(memory, 2 * PAGE, 1, entryAt(memory, 2 * PAGE, 0)); // the level-1 table again, for the next 2 MiB
  assertStrictEquals(mapper.updateFlags(0n, { set: W }, { size: 2 * MIB2 }), 512); // entries, not pages
  const [first, second] = mapper.unmap(0n, { size: 2 * MIB2 });
  assertEquals([first.virt, first.size, second.virt, second.size], [0n, MIB2, BigInt(MIB2), MIB2]);
  assertEquals([...mapper.leaves()], []);
});

Deno.test("updateFlags() of a range replaces the flags of pages of any size, which keep theirs", () => {
  const { memory, mapper } = openMixed();
  const size = PAGE + 2 * MIB2 + 4 * PAGE;
  assertStrictEquals(mapper.updateFlags(0x1f_f000n, P | NX | (1n << 52n), { size }), 1 + 2 + 4);
  const bits = NX | (1n << 52n) | P;
  // Tables: level 3 in frame 1, level 2 in 2, level 1 of the first 2 MiB in 3, of those from 6 MiB on in 4.
  assertEquals([510, 511].map((index) => entryAt(memory, 3 * PAGE, index)), [0x10_0003n, 0x10_1000n | bits]);
  assertEquals([1, 2].map((index) => entryAt(memory, 2 * PAGE, index)), [0x80_0080n | bits, 0xa0_0080n | bits]);
  const frames = [0x10_2000n, 0x10_3000n, 0x10_4000n, 0x20_0000n];
  assertEquals(frames.map((_, index) => entryAt(memory, 4 * PAGE, index)), frames.map((frame) => frame | bits));
  assertStrictEquals(mapper.updateFlags(0x1f_f000n, P | NX | (1n << 52n), { size }), 0);
});

Deno.test("updateFlags() clears and sets flags, and leaves each page's others alone", () => {
  const { mapper } = openMixed();
  const flagsOf = () => [...mapper.leaves()].map(({ flags }) => flags);
  const before = flagsOf();
  assertEquals(before, [P | W, P | W, P | W | PS, P | W | PS, P | W, P | W, P | NX, P | NX, P | U | PS]);
  const size = 2 * PAGE + 2 * MIB2 + 4 * PAGE;
  assertStrictEquals(mapper.updateFlags(0x1f_e000n, { clear: W }, { size }), 6);
  assertEquals(flagsOf(), before.map((flags) => flags & ~W));
  assertStrictEquals(mapper.updateFlags(0x1f_e000n, { set: NX }, { size }), 6);
  assertEquals(flagsOf(), before.map((flags, at) => at === 8 ? flags : (flags & ~W) | NX));
  // What is cleared and set is set: a field of several bits is replaced in one call.
  assertStrictEquals(mapper.updateFlags(0x4000_0000n, { clear: 0xfn << 59n, set: 5n << 59n }, { size: GIB }), 1);
  assertStrictEquals(mapper.updateFlags(0x4000_0000n, { clear: 0xfn << 59n, set: 6n << 59n }), 1); // the single form
  assertEquals(flagsOf()[8], before[8] | (6n << 59n));
  assertStrictEquals(mapper.updateFlags(0x4000_0000n, { set: 2n << 59n }), 0);
});

Deno.test("updateFlags() never makes a table of a huge page, and knows its PAT bit", () => {
  const { memory, mapper } = openMixed();
  assertStrictEquals(mapper.updateFlags(0x20_0000n, { clear: PS }, { size: 2 * MIB2 }), 0);
  assertStrictEquals(mapper.updateFlags(0x20_0000n, { set: 0x1000n }, { size: MIB2 }), 1);
  assertEquals(entryAt(memory, 2 * PAGE, 1), 0x80_1083n);
  assertStrictEquals(mapper.updateFlags(0x20_0000n, { clear: 0x1000n }), 1);
  assertEquals(entryAt(memory, 2 * PAGE, 1), 0x80_0083n);
});

type Ranged = (mapper: Mapper, virt: bigint, size: number) => unknown;
const FORMS: readonly (readonly [what: string, form: Ranged])[] = [
  ["unmap()", (mapper, virt, size) => mapper.unmap(virt, { size })],
  ["updateFlags() of all flags", (mapper, virt, size) => mapper.updateFlags(virt, P, { size })],
  ["updateFlags() of some", (mapper, virt, size) => mapper.updateFlags(virt, { clear: W }, { size })],
];

for (const [what, form] of FORMS) {
  Deno.test(`${what} refuses a range with an address that is not mapped, names the first, and changes nothing`, async (t) => {
    const cases = [
      { what: "no page at the start", virt: 0x1f_c000n, size: 4 * PAGE, first: 0x1f_c000n },
      { what: "no page at the end", virt: 0x60_0000n, size: 5 * PAGE, first: 0x60_4000n },
      { what: "no level-1 table", virt: 0x80_0000n, size: MIB2, first: 0x80_0000n },
      { what: "no level-3 table", virt: 0xffff_8000_0000_0000n, size: PAGE, first: 0xffff_8000_0000_0000n },
      { what: "an entry that is not present, but not zero", virt: 0x1f_e000n, size: 2 * PAGE, first: 0x1f_f000n },
      { what: "that before a part of a page", virt: 0x1f_e000n, size: 3 * PAGE, first: 0x1f_f000n },
    ];
    for (const { what, virt, size, first } of cases) {
      await t.step(what, () => {
        const { memory, mapper } = openMixed();
        if (first === 0x1f_f000n) putEntry(memory, 3 * PAGE, 511, 0x10_1002n);
        const before = new Uint8Array(memory.buffer).slice();
        const error: LoadError = assertThrows(() => form(mapper, virt, size), LoadError);
        assertEquals([error.code, error.detail], ["page-not-mapped", { field: "address", value: first }]);
        assertEquals(new Uint8Array(memory.buffer), before);
      });
    }
  });

  Deno.test(`${what} refuses a range with a part of a page, names the page, and changes nothing`, () => {
    const { memory, mapper } = openMixed();
    const before = new Uint8Array(memory.buffer).slice();
    const cases = [
      { virt: 0x1f_e000n, size: 3 * PAGE, page: "the page of 0x200000 bytes at 0x200000" },
      { virt: 0x3f_f000n, size: 3 * PAGE, page: "the page of 0x200000 bytes at 0x200000" },
      { virt: 0x40_1000n, size: MIB2 - PAGE, page: "the page of 0x200000 bytes at 0x400000" },
      { virt: 0x4000_0000n, size: GIB - PAGE, page: "the page of 0x40000000 bytes at 0x40000000" },
      { virt: 0x4020_0000n, size: MIB2, page: "the page of 0x40000000 bytes at 0x40000000" },
    ];
    for (const { virt, size, page } of cases) {
      assertThrows(() => form(mapper, virt, size), RangeError, `${page} lies only partly in the range`);
    }
    assertEquals(new Uint8Array(memory.buffer), before);
  });

  Deno.test(`${what} refuses a range out of bounds`, () => {
    const { memory, mapper } = openMixed();
    mapper.mapTo(0x7fff_ffff_f000n, 0, P);
    mapper.mapTo(0xffff_8000_0000_0000n, 0, P);
    mapper.mapTo(0xffff_ffff_ffff_f000n, 0, P);
    const before = new Uint8Array(memory.buffer).slice();
    const cases = [
      [0x1f_e001n, PAGE],
      [0x1f_e800n, PAGE],
      [0x1f_e000n, 1],
      [0x1f_e000n, -PAGE],
      [0x1f_e000n, NaN],
      [0x1f_e000n, 2 ** 60],
      [0x1f_e000n, undefined as unknown as number],
      [0x1f_e000n, BigInt(PAGE) as unknown as number],
      [0x8000_0000_0000n, PAGE],
      [-0x1000n, PAGE],
      [0x7fff_ffff_f000n, 2 * PAGE],
      [0xffff_ffff_ffff_f000n, 2 * PAGE],
    ] as const;
    for (const [virt, size] of cases) assertThrows(() => form(mapper, virt, size), RangeError);
    assertThrows(() => form(mapper, 0x1f_e000 as unknown as bigint, PAGE), TypeError);
    assertThrows(() => form(mapper, 0xffff_8000_0000_0008n, PAGE), RangeError, "virt is 0xffff800000000008, not");
    assertEquals(new Uint8Array(memory.buffer), before);
  });

  Deno.test(`${what} refuses a range that runs into a recursive entry or a table outside memory`, () => {
    const { memory, mapper } = open(0x10_0000);
    mapper.mapTo(0xffff_ff7f_ffff_f000n, 0x10_0000, P);
    mapper.mapTo(0n, 0x10_0000, P | W, { size: MIB2 });
    putEntry(memory, 0x10_0000, 511, 0x10_0000n | P | W); // the level-4 table itself
    const found = mapper.walk(0n);
    putEntry(memory, found[2].table, 1, 0x7000n | P | W); // below memory
    const before = new Uint8Array(memory.buffer).slice();
    const recursive = assertThrows(() => form(mapper, 0xffff_ff7f_ffff_f000n, 2 * PAGE));
    assertInstanceOf(recursive, LoadError);
    assertEquals([recursive.code, recursive.detail.value], ["range-recursive", 0xffff_ff80_0000_0000n]);
    const outside = assertThrows(() => form(mapper, 0n, 2 * MIB2));
    assertInstanceOf(outside, LoadError);
    assertEquals([outside.code, outside.detail.value], ["table-out-of-memory", 0x7000]);
    assertEquals(new Uint8Array(memory.buffer), before);
  });
}

Deno.test("updateFlags() refuses flags that some page of the range cannot have, and changes nothing", () => {
  const { memory, mapper } = openMixed();
  const before = new Uint8Array(memory.buffer).slice();
  const both = { size: 2 * MIB2 + PAGE };
  for (const flags of [P | 0x1000n, { set: 0x1000n }, { clear: 0x1000n }]) {
    assertThrows(() => mapper.updateFlags(0x20_0000n, flags, both), RangeError); // bit 12 of the 4 KiB page
  }
  for (const flags of [P | 0x2000n, { set: 1n << 51n }, { clear: 1n << 20n }, -1n, { clear: ~W }]) {
    for (const range of [{ size: MIB2 }, { size: 0 }, undefined]) {
      assertThrows(() => mapper.updateFlags(0x20_0000n, flags, range), RangeError);
    }
  }
  for (const flags of [{}, { flags: P }]) {
    assertThrows(
      () => mapper.updateFlags(0x20_0000n, flags as FlagChange),
      TypeError,
      "Cannot use an object without clear and set as flags: pass a bigint or { clear, set }",
    );
  }
  for (const flags of [1, null, undefined, "1", {}, { flags: P }, { set: 1 }, { clear: "1" }, { set: null }]) {
    for (const range of [{ size: MIB2 }, { size: 0 }, undefined]) {
      assertThrows(() => mapper.updateFlags(0x20_0000n, flags as unknown as bigint, range), TypeError);
    }
  }
  assertEquals(new Uint8Array(memory.buffer), before);
});

const EIGHT_GIB = 8 * 2 ** 30;

Deno.test("ranges are changed in tables past 8 GiB of memory", async (t) => {
  let memory: PhysicalMemory | undefined;
  try {
    memory = freshMemory(0, EIGHT_GIB + 32 * PAGE); // only the pages of the tables are ever touched
  } catch (error) {
    assertInstanceOf(error, RangeError);
  }
  await t.step({
    name: memory ? "8 GiB" : "skipped: this system has no such buffer",
    ignore: !memory,
    fn: () => {
      const mapper = openIn(memory!, EIGHT_GIB);
      const [virt, size] = [0x1f_f000n, 6 * PAGE];
      mapper.mapTo(virt, 0x7000, P | W, { size });
      assertStrictEquals(mapper.updateFlags(virt + 0x1000n, { clear: W }, { size: size - PAGE }), 5);
      assertEquals([...mapper.leaves()].map(({ flags }) => flags), [P | W, P, P, P, P, P]);
      assertEquals(mapper.walk(virt).map(({ table }) => table - EIGHT_GIB), [0, PAGE, 2 * PAGE, 3 * PAGE]);
      const error: LoadError = assertThrows(() => mapper.unmap(virt, { size: size + PAGE }), LoadError);
      assertStrictEquals(error.detail.value, virt + BigInt(size));
      assertEquals(mapper.unmap(virt, { size }).map(({ phys, size }) => [phys, size]), [
        [0x7000, PAGE],
        [0x8000, 5 * PAGE],
      ]);
      assertEquals([...mapper.leaves()], []);
    },
  });
});
