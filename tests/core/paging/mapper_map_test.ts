import { assert, assertEquals, assertThrows } from "@std/assert";
import { loadKernel } from "../../../core/load_kernel.ts";
import { PRESENT } from "../../../core/paging/entry.ts";
import { buildElf } from "../../elf_builder.ts";
import { type ErrorCode, LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper, type MapOptions } from "../../../core/paging/mapper.ts";
import { GIB, MIB2, NX, P, PAGE, PS, putEntry, U, W } from "./bits.ts";

interface Setup {
  readonly base?: number;
  readonly pages?: number;
  readonly parentFlags?: "writable" | "as-leaf";
}

/** Memory with an empty level-4 table in its first frame; the next frames are for tables. */
function open({ base = 0, pages = 32, parentFlags = "writable" }: Setup = {}) {
  const memory = freshMemory(base, pages * PAGE);
  const frames = frameLedger(ascendingFrames({ start: base + PAGE, end: base + memory.size }), memory, [], true);
  const mapper = createMapper({ memory, level4Frame: base, frames, parentFlags });
  return { memory, frames, mapper };
}

/** The 64 bits of an entry, straight from memory. */
function entryAt(memory: PhysicalMemory, table: number, index: number): bigint {
  return new DataView(memory.buffer).getBigUint64(table - memory.base + index * 8, true);
}

/** Runs a call that has to fail, and sees to it that not one byte of memory changes. */
function refused(memory: PhysicalMemory, code: ErrorCode, call: () => void): LoadError {
  const before = new Uint8Array(memory.buffer).slice();
  const error = assertThrows(call, LoadError);
  assertEquals(error.code, code);
  assertEquals(new Uint8Array(memory.buffer), before);
  return error;
}

Deno.test("mapTo() writes one present leaf under tables of levels 3, 2 and 1", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0xffff_ffff_8020_3000n, 0x1234_5000, P | W);
  assertEquals(entryAt(memory, 0x0000, 511), 0x1003n);
  assertEquals(entryAt(memory, 0x1000, 510), 0x2003n);
  assertEquals(entryAt(memory, 0x2000, 1), 0x3003n);
  assertEquals(entryAt(memory, 0x3000, 3), 0x1234_5003n);
  const set = new BigUint64Array(memory.buffer).filter((entry) => entry !== 0n);
  assertEquals(set.length, 4);
});

Deno.test("mapTo() puts NO_EXECUTE into bit 63 of the leaf alone", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0n, 0x5000, P | NX);
  assertEquals(entryAt(memory, 0x3000, 0), 0x8000_0000_0000_5001n);
  for (const table of [0x0000, 0x1000, 0x2000]) assertEquals(entryAt(memory, table, 0) >> 63n, 0n);
});

Deno.test("mapTo() writes leaves of 2 MiB at level 2 and of 1 GiB at level 3", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0x20_0000n, 0x1_2340_0000, P | W | NX, { pageSize: MIB2 });
  assertEquals(entryAt(memory, 0x2000, 1), 0x8000_0001_2340_0083n);
  mapper.mapTo(0x4000_0000n, 0x40_4000_0000, P | 0x1000n, { pageSize: GIB });
  assertEquals(entryAt(memory, 0x1000, 1), 0x0000_0040_4000_1081n);
  mapper.mapTo(0x8000_0000n, 0x8000_0000, P, { pageSize: GIB, size: 3 * GIB });
  assertEquals([2, 3, 4, 5].map((index) => entryAt(memory, 0x1000, index)), [
    0x8000_0081n,
    0xc000_0081n,
    0x1_0000_0081n,
    0n,
  ]);
});

Deno.test("mapTo() takes frames for tables only on demand, level 3 first", async (t) => {
  const { memory, mapper, frames } = open({ pages: 64 });
  const steps: readonly (readonly [what: string, virt: bigint, size: number, levels: readonly number[]])[] = [
    ["the first page takes three tables", 0n, PAGE, [3, 2, 1]],
    ["its neighbour takes none", 0x1000n, PAGE, []],
    ["the rest of the table takes none", 0x2000n, 510 * PAGE, []],
    ["the next 2 MiB take a level-1 table", 0x20_0000n, PAGE, [1]],
    ["another 1 GiB takes two", 0x4000_0000n, PAGE, [2, 1]],
    ["another 512 GiB take three", 0x80_0000_0000n, PAGE, [3, 2, 1]],
    ["a range over three level-1 tables takes them as it comes to them", 0x5fe0_0000n, 2 * MIB2 + PAGE, [1, 1, 1]],
    ["a range into the next 1 GiB takes a level-2 table between", 0xbfff_f000n, 2 * PAGE, [2, 1, 2, 1]],
    ["a range into the next 512 GiB takes a level-3 table between", 0xff_ffff_f000n, 2 * PAGE, [2, 1, 3, 2, 1]],
  ];
  for (const [what, virt, size, levels] of steps) {
    await t.step(what, () => {
      const known = new Set([...mapper.tables()].map(({ frame }) => frame));
      const next = frames.nextFrame;
      mapper.mapTo(virt, 0, P, { size });
      const made = [...mapper.tables()].filter(({ frame }) => !known.has(frame)).sort((a, b) => a.frame - b.frame);
      assertEquals(made.map(({ level }) => level), levels);
      assertEquals(made.map(({ frame }) => frame), levels.map((_, index) => next + index * PAGE));
    });
  }
  await t.step("and pages of 2 MiB and 1 GiB take none below them", () => {
    const next = frames.nextFrame;
    mapper.mapTo(0x180_0000_0000n, 0, P, { pageSize: GIB });
    assertEquals(frames.nextFrame, next + PAGE);
    mapper.mapTo(0x180_4000_0000n, 0, P, { pageSize: MIB2 });
    assertEquals(frames.nextFrame, next + 2 * PAGE);
  });
  assertEquals(memory.base, 0);
});

Deno.test("mapTo() maps right up to the ends of both halves and of physical memory", () => {
  const { mapper } = open();
  mapper.mapTo(0x7fff_ffff_e000n, 0, P, { size: 2 * PAGE });
  mapper.mapTo(0xffff_ffff_ffff_e000n, 2 ** 52 - 2 * PAGE, P, { size: 2 * PAGE });
  mapper.mapTo(0xffff_8000_0000_0000n, 2 ** 52 - GIB, P, { pageSize: GIB });
  assertEquals([...mapper.leaves()].map(({ virt, phys }) => [virt, phys]), [
    [0x7fff_ffff_e000n, 0],
    [0x7fff_ffff_f000n, 0x1000],
    [0xffff_8000_0000_0000n, 2 ** 52 - GIB],
    [0xffff_ffff_ffff_e000n, 2 ** 52 - 0x2000],
    [0xffff_ffff_ffff_f000n, 2 ** 52 - 0x1000],
  ]);
});

Deno.test("mapTo() carries into the high half of the entries within a run", async (t) => {
  const cases = [
    { what: "4 KiB at 4 GiB", phys: 0xffff_e000, pageSize: PAGE, count: 4 },
    { what: "4 KiB at 3 * 4 GiB", phys: 0x2_ffff_f000, pageSize: PAGE, count: 3 },
    { what: "2 MiB at 4 GiB", phys: 0xffe0_0000, pageSize: MIB2, count: 3 },
    { what: "1 GiB at 4 GiB and 8 GiB", phys: 0xc000_0000, pageSize: GIB, count: 7 },
    { what: "bit 31", phys: 0x7fff_f000, pageSize: PAGE, count: 3 },
    { what: "with flags in the high half", phys: 0xf_ffff_f000, pageSize: PAGE, count: 2 },
  ] as const;
  for (const { what, phys, pageSize, count } of cases) {
    await t.step(what, () => {
      const { memory, mapper } = open();
      const flags = P | NX | (0x55n << 52n);
      mapper.mapTo(0n, phys, flags, { pageSize, size: count * pageSize });
      const table = { [PAGE]: 0x3000, [MIB2]: 0x2000, [GIB]: 0x1000 }[pageSize];
      for (let index = 0; index < count; index++) {
        const expected = BigInt(phys + index * pageSize) | flags | (pageSize === PAGE ? 0n : PS);
        assertEquals(entryAt(memory, table, index), expected);
      }
      assertEquals(entryAt(memory, table, count), 0n);
    });
  }
});

Deno.test("mapTo() writes and follows tables at high physical addresses", async (t) => {
  for (const base of [0x8000_0000, 0xffff_e000, 0x12_3456_7000, 2 ** 40, 2 ** 52 - 32 * PAGE]) {
    await t.step(`memory at 0x${base.toString(16)}`, () => {
      const { memory, mapper } = open({ base });
      mapper.mapTo(0x7000n, base, P | W | NX, { size: 3 * PAGE });
      for (let level = 4; level > 1; level--) {
        const table = base + (4 - level) * PAGE;
        assertEquals(entryAt(memory, table, 0), BigInt(table + PAGE) | P | W);
      }
      assertEquals(entryAt(memory, base + 3 * PAGE, 9), BigInt(base + 2 * PAGE) | P | W | NX);
      assertEquals(mapper.translate(0x9abcn), {
        mapped: true,
        phys: base + 2 * PAGE + 0xabc,
        pageSize: PAGE,
        flags: P | W | NX,
      });
      assertEquals([...mapper.tables()].map(({ frame }) => frame), [0, 1, 2, 3].map((index) => base + index * PAGE));
    });
  }
});

type Refusal = readonly [what: string, virt: bigint, phys: number, options?: MapOptions];

const OUT_OF_BOUNDS: readonly Refusal[] = [
  ["an unaligned page", 0x1001n, 0x1000],
  ["an unaligned frame", 0x1000n, 0x1800],
  ["an unaligned size", 0x1000n, 0x1000, { size: 0x1001 }],
  ["a page of 2 MiB that is aligned to 4 KiB", 0x1000n, 0x20_0000, { pageSize: MIB2 }],
  ["a frame of 2 MiB that is aligned to 4 KiB", 0x20_0000n, 0x1000, { pageSize: MIB2 }],
  ["a size of 2 MiB and 4 KiB for pages of 2 MiB", 0n, 0, { pageSize: MIB2, size: MIB2 + PAGE }],
  ["a page of 1 GiB that is aligned to 2 MiB", 0x20_0000n, 0, { pageSize: GIB }],
  ["a frame of 1 GiB that is aligned to 2 MiB", 0n, 0x20_0000, { pageSize: GIB }],
  ["a page size that there is not", 0n, 0, { pageSize: 0x2000 as 0x1000 }],
  ["a negative frame", 0n, -0x1000],
  ["half a frame", 0n, 4096.5],
  ["NaN as frame", 0n, NaN],
  ["an infinite size", 0n, 0, { size: Infinity }],
  ["a negative size", 0x1000n, 0x1000, { size: -0x1000 }],
  ["the first non-canonical address", 0x8000_0000_0000n, 0],
  ["the last non-canonical page", 0xffff_7fff_ffff_f000n, 0],
  ["an address with bit 47 alone in the upper half of bits", 0x8000_8000_0000_0000n, 0],
  ["a negative address", -0x1000n, 0],
  ["an address of 65 bits", 2n ** 64n, 0],
  ["a range that crosses the hole", 0x7fff_ffff_f000n, 0, { size: 2 * PAGE }],
  ["a range of 2 MiB pages that crosses the hole", 0x7fff_ffe0_0000n, 0, { size: 2 * MIB2, pageSize: MIB2 }],
  ["a range that crosses the top", 0xffff_ffff_ffff_f000n, 0, { size: 2 * PAGE }],
  ["a range of 1 GiB pages that crosses the top", 0xffff_ffff_c000_0000n, 0, { size: 2 * GIB, pageSize: GIB }],
  ["a range as large as the address space", 0n, 0, { size: 2 ** 48 }],
  ["the frame at 2^52", 0n, 2 ** 52],
  ["frames that end above 2^52", 0n, 2 ** 52 - PAGE, { size: 2 * PAGE }],
  ["frames of 1 GiB that end above 2^52", 0n, 2 ** 52 - GIB, { size: 2 * GIB, pageSize: GIB }],
  ["a frame above 2^53", 0n, 2 ** 60],
];

for (const [what, virt, phys, options] of OUT_OF_BOUNDS) {
  Deno.test(`mapTo() refuses ${what}`, () => {
    const { memory, mapper, frames } = open();
    assertThrows(() => mapper.mapTo(virt, phys, P, options), RangeError);
    assertEquals(new Uint8Array(memory.buffer), new Uint8Array(memory.size));
    assertEquals(frames.framesAllocated, 0);
  });
}

Deno.test("mapTo() refuses an address or flags of the wrong type, and address bits in flags", () => {
  const { memory, mapper, frames } = open();
  assertThrows(() => mapper.mapTo(0x1000 as unknown as bigint, 0, P), TypeError);
  assertThrows(() => mapper.mapTo(0x1000n, 0, 1 as unknown as bigint), TypeError);
  assertThrows(() => mapper.mapTo(0x1000n, 0, P | 0x1000n), RangeError);
  assertThrows(() => mapper.mapTo(0x1000n, 0, P, { parentFlags: P | 0x1000n }), RangeError);
  assertEquals(new Uint8Array(memory.buffer), new Uint8Array(memory.size));
  assertEquals(frames.framesAllocated, 0);
});

Deno.test("mapTo() leaves the tables as they were where frames run out", async (t) => {
  const cases = [
    { what: "none left for three tables", pages: 4 + 0, virt: 0x80_0000_0000n, size: PAGE, missing: 3 },
    { what: "one left for three tables", pages: 4 + 1, virt: 0x80_0000_0000n, size: PAGE, missing: 2 },
    { what: "two left for three tables", pages: 4 + 2, virt: 0x80_0000_0000n, size: PAGE, missing: 1 },
    { what: "none left for a level-1 table", pages: 4 + 0, virt: 0x20_0000n, size: PAGE, missing: 1 },
    { what: "one left for two level-1 tables", pages: 4 + 1, virt: 0x1f_f000n, size: MIB2 + 2 * PAGE, missing: 1 },
    { what: "nine left for ten level-1 tables", pages: 4 + 9, virt: 0x20_0000n, size: 10 * MIB2, missing: 1 },
  ];
  for (const { what, pages, virt, size, missing } of cases) {
    await t.step(what, () => {
      const { memory, mapper } = open({ pages });
      mapper.mapTo(0n, 0, P);
      const error = refused(memory, "frames-exhausted", () => mapper.mapTo(virt, 0, P | W | U, { size }));
      assertEquals<unknown>(error.detail, { field: "page tables", value: missing * PAGE });
    });
  }
  await t.step("and exactly as many as are needed suffice", () => {
    const { mapper } = open({ pages: 4 + 10 });
    mapper.mapTo(0n, 0, P);
    mapper.mapTo(0x20_0000n, 0, P, { size: 10 * MIB2 });
    assertEquals([...mapper.tables()].length, 4 + 10);
  });
});

Deno.test("mapTo() leaves the tables as they were where a page is mapped already", async (t) => {
  const cases = [
    { what: "the page itself", virt: 0x20_5000n, size: PAGE, clash: 0x20_5000n },
    { what: "the first of a range", virt: 0x20_5000n, size: 4 * PAGE, clash: 0x20_5000n },
    { what: "the last of a range within one table", virt: 0x20_0000n, size: 6 * PAGE, clash: 0x20_5000n },
    { what: "the last of a range from an empty table on", virt: 0x1f_f000n, size: 7 * PAGE, clash: 0x20_5000n },
    { what: "the last of a range from another 1 GiB on", virt: 0xbfff_f000n, size: 3 * PAGE, clash: 0xc000_1000n },
    { what: "one in the middle of a range over three tables", virt: 0n, size: 3 * MIB2, clash: 0x20_5000n },
    { what: "one on the far side of a gap of tables", virt: 0x8000_0000n, size: GIB + MIB2, clash: 0xc000_1000n },
    { what: "a 2 MiB page over 4 KiB pages", virt: 0x20_0000n, size: MIB2, pageSize: MIB2, clash: 0x20_0000n },
    { what: "a 1 GiB page over 4 KiB pages", virt: 0n, size: GIB, pageSize: GIB, clash: 0n },
    { what: "the last of three 2 MiB pages", virt: 0xbfc0_0000n, size: 3 * MIB2, pageSize: MIB2, clash: 0xc000_0000n },
  ] as const;
  for (const { what, virt, size, clash, ...options } of cases) {
    await t.step(what, () => {
      const { memory, mapper } = open({ parentFlags: "as-leaf" });
      mapper.mapTo(0x20_5000n, 0x7000, P);
      mapper.mapTo(0xc000_1000n, 0x8000, P);
      const flags = P | W | U;
      const error = refused(memory, "page-already-mapped", () => mapper.mapTo(virt, 0, flags, { size, ...options }));
      assertEquals(error.detail.value, clash);
    });
  }
});

Deno.test("mapTo() leaves the tables as they were where a huge page is in the way", async (t) => {
  const cases = [
    { what: "4 KiB in a 2 MiB page", virt: 0x40_3000n, size: PAGE },
    { what: "a range that runs into a 2 MiB page", virt: 0x3f_f000n, size: 2 * PAGE },
    { what: "a range from another level-2 table that runs into it", virt: 0n, size: 0x40_0000 + PAGE },
    { what: "2 MiB on a 2 MiB page", virt: 0x40_0000n, size: MIB2, pageSize: MIB2 },
    { what: "4 KiB in a 1 GiB page", virt: 0x4020_3000n, size: PAGE },
    { what: "2 MiB in a 1 GiB page", virt: 0x4020_0000n, size: MIB2, pageSize: MIB2 },
    { what: "1 GiB on a 1 GiB page", virt: 0x4000_0000n, size: GIB, pageSize: GIB },
    { what: "a range that runs into a 1 GiB page", virt: 0x3fff_f000n, size: 2 * PAGE },
    { what: "1 GiB over a table with a 2 MiB page", virt: 0n, size: GIB, pageSize: GIB },
  ] as const;
  for (const { what, virt, size, ...options } of cases) {
    await t.step(what, () => {
      const { memory, mapper } = open({ parentFlags: "as-leaf" });
      mapper.mapTo(0n, 0x7000, P);
      putEntry(memory, 0x2000, 2, 0x60_0000n | P | PS);
      putEntry(memory, 0x1000, 1, 0x8000_0000n | P | PS);
      refused(memory, "page-already-mapped", () => mapper.mapTo(virt, 0, P | W | U, { size, ...options }));
    });
  }
});

Deno.test("mapTo() refuses an entry that is not present but not empty either", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0n, 0x7000, P);
  putEntry(memory, 0x3000, 1, 0x9000n);
  putEntry(memory, 0x2000, 1, 0x2n << 32n);
  refused(memory, "page-already-mapped", () => mapper.mapTo(0x1000n, 0, P));
  refused(memory, "page-already-mapped", () => mapper.mapTo(0x20_0000n, 0, P));
});

Deno.test("mapTo() gives the entries above the leaf the flags of its rule", async (t) => {
  const cases = [
    { rule: "writable", leaf: P, parents: P | W },
    { rule: "writable", leaf: P | W, parents: P | W },
    { rule: "writable", leaf: P | U, parents: P | W | U },
    { rule: "writable", leaf: P | NX, parents: P | W },
    { rule: "writable", leaf: P | W | U | NX | 0xff8n | (0x7ffn << 52n), parents: P | W | U },
    { rule: "as-leaf", leaf: P, parents: P },
    { rule: "as-leaf", leaf: P | W, parents: P | W },
    { rule: "as-leaf", leaf: P | U, parents: P | U },
    { rule: "as-leaf", leaf: P | NX, parents: P },
    { rule: "as-leaf", leaf: P | W | U | NX | 0xff8n | (0x7ffn << 52n), parents: P | W | U },
  ] as const;
  for (const { rule, leaf, parents } of cases) {
    await t.step(`"${rule}", leaf 0x${leaf.toString(16)}`, () => {
      const { memory, mapper } = open({ parentFlags: rule });
      mapper.mapTo(0n, 0x7000, leaf);
      assertEquals([0x0000, 0x1000, 0x2000].map((table) => entryAt(memory, table, 0) - BigInt(table + PAGE)), [
        parents,
        parents,
        parents,
      ]);
      assertEquals(entryAt(memory, 0x3000, 0), 0x7000n | leaf);
    });
  }
});

Deno.test("mapTo() widens the entries above a leaf that exist, and never narrows them", () => {
  const { memory, mapper } = open({ parentFlags: "as-leaf" });
  const parents = () => [0x0000, 0x1000, 0x2000].map((table) => entryAt(memory, table, 0) & 0xfffn);
  mapper.mapTo(0x0000n, 0, P);
  assertEquals(parents(), [P, P, P]);
  mapper.mapTo(0x1000n, 0, P | W);
  assertEquals(parents(), [P | W, P | W, P | W]);
  mapper.mapTo(0x2000n, 0, P | NX);
  assertEquals(parents(), [P | W, P | W, P | W]);
  mapper.mapTo(0x20_0000n, 0, P | U); // another level-1 table
  assertEquals(parents(), [P | W | U, P | W | U, P | W]);
  assertEquals(entryAt(memory, 0x2000, 1) & 0xfffn, P | U);
  mapper.mapTo(0x4000_0000n, 0, P, { pageSize: GIB });
  assertEquals(parents(), [P | W | U, P | W | U, P | W]);
});

Deno.test("mapTo() keeps what else stands in an entry above the leaf", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0n, 0, P);
  putEntry(memory, 0x0000, 0, 0x1000n | P | 0x200n | NX);
  mapper.mapTo(0x1000n, 0, P | U);
  assertEquals(entryAt(memory, 0x0000, 0), 0x1000n | P | W | U | 0x200n | NX);
});

Deno.test("mapTo() gives the entries above the leaf the parentFlags of its options instead", () => {
  const { memory, mapper } = open();
  const parentFlags = P | U | 0x18n;
  mapper.mapTo(0n, 0x7000, P | W, { parentFlags });
  for (const table of [0x0000, 0x1000, 0x2000]) {
    assertEquals(entryAt(memory, table, 0), BigInt(table + PAGE) | parentFlags);
  }
  assertEquals(entryAt(memory, 0x3000, 0), 0x7000n | P | W);
  mapper.mapTo(0x20_0000n, 0x7000, P, { parentFlags: P | W });
  assertEquals(entryAt(memory, 0x1000, 0), 0x2000n | parentFlags | W);
  assertEquals(entryAt(memory, 0x2000, 0), 0x3000n | parentFlags);
  assertEquals(entryAt(memory, 0x2000, 1), 0x4000n | P | W);
});

Deno.test("mapTo() makes tables present, whatever parentFlags say", () => {
  const { memory, mapper } = open();
  mapper.mapTo(0n, 0x7000, P, { parentFlags: W });
  assertEquals(entryAt(memory, 0x0000, 0), 0x1000n | P | W);
  assertEquals(mapper.translate(0n).mapped, true);
});

Deno.test("mapTo() refuses parentFlags that would make a table a page, or forbid execution", () => {
  const { memory, mapper, frames } = open();
  for (const parentFlags of [P | PS, P | NX, P | 2n ** 52n]) {
    assertThrows(() => mapper.mapTo(0n, 0x7000, P, { parentFlags }), RangeError);
  }
  assertEquals(new Uint8Array(memory.buffer), new Uint8Array(memory.size));
  assertEquals(frames.framesAllocated, 0);
});

Deno.test("mapTo() works in shared memory and in memory that was used before", () => {
  const buffer = new SharedArrayBuffer(16 * PAGE);
  new Uint8Array(buffer, PAGE).fill(0xee);
  const memory = physicalMemory({ base: 0, buffer });
  const frames = frameLedger(ascendingFrames({ start: PAGE, end: 16 * PAGE }), memory, [], false);
  const mapper = createMapper({ memory, level4Frame: 0, frames, parentFlags: "writable" });
  mapper.mapTo(0x5000n, 0x6000, P | W);
  assertEquals([...mapper.leaves()], [{ virt: 0x5000n, phys: 0x6000, pageSize: PAGE, flags: P | W }]);
});

Deno.test("frames that a call took before it failed serve the next call, and nextFrame is what it is at the time", async () => {
  const kernel = await loadKernel(buildElf({ segments: [{ filesz: 0x100 }] }));
  const before = kernel.nextFrame;
  assertThrows(() => kernel.pageTable.mapTo(1n << 40n, 0, PRESENT, { size: 2 ** 40 }), LoadError, "page tables");
  assert(kernel.nextFrame > before);
  const after = kernel.nextFrame;
  kernel.pageTable.mapTo(1n << 40n, 0, PRESENT, { size: 2 ** 26 });
  assertEquals(kernel.nextFrame, after);
  assertEquals(kernel.pageTable.translate((1n << 40n) + 0x1000n), {
    mapped: true,
    phys: 0x1000,
    pageSize: 4096,
    flags: 1n,
  });
});

const MISSING: readonly (readonly [virt: bigint, size: number, pageSize: MapOptions["pageSize"], tables: number])[] = [
  [0n, PAGE, undefined, 3],
  [0n, 3 * MIB2, undefined, 5],
  [0n, MIB2, MIB2, 2],
  [0n, GIB, GIB, 1],
  [0x80_0000_0000n - BigInt(PAGE), 2 * PAGE, undefined, 6],
  [0xffff_ffff_ffff_f000n, PAGE, undefined, 3],
];

for (const [virt, size, pageSize, tables] of MISSING) {
  Deno.test(`missingTables() counts ${tables} for ${size} bytes at ${virt}, as many as mapTo() takes`, () => {
    const { frames, mapper } = open();
    assertEquals(mapper.missingTables(virt, { size, pageSize }), tables);
    assertEquals(frames.framesAllocated, 0);
    mapper.mapTo(virt, 0, P, { size, pageSize });
    assertEquals(frames.framesAllocated, tables);
    mapper.unmap(virt);
    assertEquals(mapper.missingTables(virt, { pageSize }), 0);
  });
}

Deno.test("missingTables() refuses what mapTo() refuses, and counts frames that a failed call has left", () => {
  const { memory, mapper } = open({ pages: 5 });
  mapper.mapTo(0n, 0, P);
  refused(memory, "page-already-mapped", () => void mapper.missingTables(0n));
  refused(memory, "page-already-mapped", () => void mapper.missingTables(0n, { size: MIB2, pageSize: MIB2 }));
  assertEquals(mapper.missingTables(0x80_0000_0000n), 3);
  refused(memory, "frames-exhausted", () => mapper.mapTo(0x80_0000_0000n, 0, P));
  assertEquals(mapper.missingTables(0x80_0000_0000n), 2);
  memory.bytes(8, 8).set([3]); // level-4 entry 1 points to the table at 0, which is that of level 4
  refused(memory, "range-recursive", () => void mapper.missingTables(0x80_0000_0000n));
  assertThrows(() => mapper.missingTables(1n), RangeError);
});
