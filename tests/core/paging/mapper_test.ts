import { assertEquals, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper } from "../../../core/paging/mapper.ts";
import { GIB, MIB2, NX, P, PAGE, PS, putEntry, U, W } from "./bits.ts";

/** Memory with an empty level-4 table in its first frame; the next frames are for tables. */
function open() {
  const memory = freshMemory(0, 32 * PAGE);
  const frames = frameLedger(ascendingFrames({ start: PAGE, end: memory.size }), memory, [], true);
  const mapper = createMapper({ memory, level4Frame: 0, frames, parentFlags: "writable" });
  return { memory, frames, mapper };
}

/** Tables in frames 0 to 3 for the first 2 MiB, with two pages; and raw huge pages after them. */
function openWithHugePages() {
  const { memory, frames, mapper } = open();
  mapper.mapTo(0x1000n, 0x12_3456_7000, P | W);
  mapper.mapTo(0x5000n, 0x7000, P | NX);
  putEntry(memory, 0x2000, 3, 0xf_ffff_ffe0_0000n | P | W | PS | NX | 0x1000n); // 2 MiB at 0x600000
  putEntry(memory, 0x1000, 511, 0x7_4000_0000n | P | U | PS | 0x100n); // 1 GiB at 0x7fc0000000
  return { memory, frames, mapper };
}

function entryAt(memory: PhysicalMemory, table: number, index: number): bigint {
  return new DataView(memory.buffer).getBigUint64(table + index * 8, true);
}

const NOT_CANONICAL = [0x8000_0000_0000n, 0xffff_7fff_ffff_ffffn, 2n ** 63n, 2n ** 64n, -1n];

Deno.test("every function refuses an address that is not canonical", () => {
  const { memory, mapper } = openWithHugePages();
  const before = new Uint8Array(memory.buffer).slice();
  for (const virt of NOT_CANONICAL) {
    assertThrows(() => mapper.translate(virt), RangeError, "not canonical");
    assertThrows(() => mapper.walk(virt), RangeError, "not canonical");
    assertThrows(() => mapper.unmap(virt), RangeError, "not canonical");
    assertThrows(() => mapper.updateFlags(virt, P), RangeError, "not canonical");
    assertThrows(() => mapper.mapTo(virt, 0, P), RangeError, "not canonical");
  }
  assertThrows(() => mapper.translate(4096 as unknown as bigint), TypeError);
  assertEquals(new Uint8Array(memory.buffer), before);
});

Deno.test("translate() finds the byte, the page's size and the leaf's own flags", async (t) => {
  const { mapper } = openWithHugePages();
  const cases = [
    { what: "the first byte of a page", virt: 0x1000n, phys: 0x12_3456_7000, pageSize: PAGE, flags: P | W },
    { what: "the last byte of a page", virt: 0x1fffn, phys: 0x12_3456_7fff, pageSize: PAGE, flags: P | W },
    { what: "NO_EXECUTE", virt: 0x5123n, phys: 0x7123, pageSize: PAGE, flags: P | NX },
    {
      what: "the first byte of 2 MiB near 2^52, with its PAT bit",
      virt: 0x60_0000n,
      phys: 2 ** 52 - MIB2,
      pageSize: MIB2,
      flags: P | W | PS | NX | 0x1000n,
    },
    {
      what: "the last byte of 2 MiB",
      virt: 0x7f_ffffn,
      phys: 2 ** 52 - 1,
      pageSize: MIB2,
      flags: P | W | PS | NX | 0x1000n,
    },
    { what: "a byte of 1 GiB", virt: 0x7f_d234_5678n, phys: 0x7_5234_5678, pageSize: GIB, flags: P | U | PS | 0x100n },
    {
      what: "the last byte of 1 GiB",
      virt: 0x7f_ffff_ffffn,
      phys: 0x7_7fff_ffff,
      pageSize: GIB,
      flags: P | U | PS | 0x100n,
    },
  ];
  for (const { what, virt, ...found } of cases) {
    await t.step(what, () => assertEquals<unknown>(mapper.translate(virt), { mapped: true, ...found }));
  }
});

Deno.test("translate() says at which level the walk ended", async (t) => {
  const { memory, mapper } = openWithHugePages();
  putEntry(memory, 0x3000, 7, 0x9000n); // an address, but not present
  const cases = [
    [0x2000n, 1],
    [0x7000n, 1],
    [0x20_0000n, 2],
    [0x5f_ffffn, 2],
    [0x80_0000n, 2],
    [0x4000_0000n, 3],
    [0x80_0000_0000n, 4],
    [0x7fff_ffff_ffffn, 4],
    [0xffff_8000_0000_0000n, 4],
    [0xffff_ffff_ffff_ffffn, 4],
  ] as const;
  for (const [virt, level] of cases) {
    await t.step(`0x${virt.toString(16)}: ${level}`, () => {
      assertEquals(mapper.translate(virt), { mapped: false, level });
    });
  }
});

Deno.test("walk() lists the entries that are read, down to where the walk ends", async (t) => {
  const { memory, mapper } = openWithHugePages();
  mapper.mapTo(0xffff_ffff_ffff_f000n, 0x8000, P); // tables in frames 4 to 6
  const level4 = { level: 4, table: 0, index: 0, entry: 0x1003n };
  const level3 = { level: 3, table: 0x1000, index: 0, entry: 0x2003n };
  const level2 = { level: 2, table: 0x2000, index: 0, entry: 0x3003n };
  const cases = [
    {
      what: "a page",
      virt: 0x1abcn,
      steps: [level4, level3, level2, { level: 1, table: 0x3000, index: 1, entry: 0x12_3456_7003n }],
    },
    {
      what: "no page",
      virt: 0x2000n,
      steps: [level4, level3, level2, { level: 1, table: 0x3000, index: 2, entry: 0n }],
    },
    {
      what: "no level-1 table",
      virt: 0x20_0000n,
      steps: [level4, level3, { level: 2, table: 0x2000, index: 1, entry: 0n }],
    },
    { what: "no level-3 table", virt: 0x80_0000_0000n, steps: [{ level: 4, table: 0, index: 1, entry: 0n }] },
    {
      what: "2 MiB",
      virt: 0x7f_ffffn,
      steps: [level4, level3, { level: 2, table: 0x2000, index: 3, entry: 0x800f_ffff_ffe0_1083n }],
    },
    {
      what: "1 GiB",
      virt: 0x7f_c000_0000n,
      steps: [level4, { level: 3, table: 0x1000, index: 511, entry: 0x7_4000_0185n }],
    },
    {
      what: "the last page of the address space",
      virt: 0xffff_ffff_ffff_ffffn,
      steps: [
        { level: 4, table: 0, index: 511, entry: 0x4003n },
        { level: 3, table: 0x4000, index: 511, entry: 0x5003n },
        { level: 2, table: 0x5000, index: 511, entry: 0x6003n },
        { level: 1, table: 0x6000, index: 511, entry: 0x8001n },
      ],
    },
  ];
  for (const { what, virt, steps } of cases) {
    await t.step(what, () => {
      assertEquals(mapper.walk(virt), steps);
      for (const { table, index, entry } of steps) assertEquals(entryAt(memory, table, index), entry);
    });
  }
});

Deno.test("unmap() clears the leaf, gives back what it was, and keeps the tables", async (t) => {
  const { memory, mapper, frames } = openWithHugePages();
  const tables = [...mapper.tables()];
  const cases = [
    {
      what: "4 KiB",
      virt: 0x1000n,
      at: 0x1000n,
      table: 0x3000,
      index: 1,
      level: 1,
      phys: 0x12_3456_7000,
      pageSize: PAGE,
      flags: P | W,
    },
    {
      what: "4 KiB, by an address inside",
      virt: 0x5fffn,
      at: 0x5000n,
      table: 0x3000,
      index: 5,
      level: 1,
      phys: 0x7000,
      pageSize: PAGE,
      flags: P | NX,
    },
    {
      what: "2 MiB",
      virt: 0x60_0000n,
      at: 0x60_0000n,
      table: 0x2000,
      index: 3,
      level: 2,
      phys: 2 ** 52 - MIB2,
      pageSize: MIB2,
      flags: P | W | PS | NX | 0x1000n,
    },
    {
      what: "1 GiB, by an address inside",
      virt: 0x7f_d000_0000n,
      at: 0x7f_c000_0000n,
      table: 0x1000,
      index: 511,
      level: 3,
      phys: 0x7_4000_0000,
      pageSize: GIB,
      flags: P | U | PS | 0x100n,
    },
  ];
  for (const { what, virt, at, table, index, level, ...found } of cases) {
    await t.step(what, () => {
      const expected = new Uint8Array(memory.buffer).slice();
      expected.fill(0, table + index * 8, table + index * 8 + 8);
      assertEquals<unknown>(mapper.unmap(virt), { virt: at, ...found });
      assertEquals(new Uint8Array(memory.buffer), expected);
      assertEquals(mapper.translate(virt), { mapped: false, level });
    });
  }
  assertEquals([...mapper.leaves()], []);
  assertEquals([...mapper.tables()], tables);
  assertEquals(frames.framesAllocated, 3);
});

Deno.test("unmap() makes room for mapTo(), which takes no new table", () => {
  const { mapper, frames } = open();
  mapper.mapTo(0x1000n, 0x7000, P);
  mapper.unmap(0x1000n);
  mapper.mapTo(0x1000n, 0x8000, P | W);
  assertEquals(mapper.translate(0x1000n), { mapped: true, phys: 0x8000, pageSize: PAGE, flags: P | W });
  assertEquals(frames.framesAllocated, 3);
});

Deno.test("updateFlags() replaces the leaf's flags and nothing else", async (t) => {
  const { memory, mapper } = openWithHugePages();
  const cases = [
    {
      what: "4 KiB",
      virt: 0x1fffn,
      flags: P | NX | (3n << 52n),
      table: 0x3000,
      index: 1,
      entry: 0x8030_0012_3456_7001n,
    },
    { what: "4 KiB, NO_EXECUTE taken away", virt: 0x5000n, flags: P | W | U, table: 0x3000, index: 5, entry: 0x7007n },
    { what: "2 MiB, which stay huge", virt: 0x6f_f000n, flags: P, table: 0x2000, index: 3, entry: 0xf_ffff_ffe0_0081n },
    {
      what: "1 GiB, with its PAT bit",
      virt: 0x7f_d000_0000n,
      flags: P | W | 0x1000n,
      table: 0x1000,
      index: 511,
      entry: 0x7_4000_1083n,
    },
  ];
  for (const { what, virt, flags, table, index, entry } of cases) {
    await t.step(what, () => {
      const expected = new Uint8Array(memory.buffer).slice();
      new DataView(expected.buffer).setBigUint64(table + index * 8, entry, true);
      mapper.updateFlags(virt, flags);
      assertEquals(new Uint8Array(memory.buffer), expected);
    });
  }
});

Deno.test("updateFlags() refuses address bits and flags that are no bigint, and changes nothing", () => {
  const { memory, mapper } = openWithHugePages();
  const before = new Uint8Array(memory.buffer).slice();
  assertThrows(() => mapper.updateFlags(0x1000n, P | 0x1000n), RangeError);
  assertThrows(() => mapper.updateFlags(0x60_0000n, P | 0x2000n), RangeError);
  assertThrows(() => mapper.updateFlags(0x1000n, 1 as unknown as bigint), TypeError);
  assertEquals(new Uint8Array(memory.buffer), before);
});

Deno.test("unmap() and updateFlags() refuse a page that is not mapped, and change nothing", async (t) => {
  const { memory, mapper } = openWithHugePages();
  putEntry(memory, 0x3000, 7, 0x9000n); // an address, but not present
  const before = new Uint8Array(memory.buffer).slice();
  for (const virt of [0n, 0x7000n, 0x20_0000n, 0x4000_0000n, 0x80_0000_0000n, 0xffff_ffff_ffff_ffffn]) {
    await t.step(`0x${virt.toString(16)}`, () => {
      for (const call of [() => void mapper.unmap(virt), () => mapper.updateFlags(virt, P)]) {
        const error: LoadError = assertThrows(call, LoadError);
        assertEquals(error.code, "page-not-mapped");
        assertEquals(error.detail.value, virt);
      }
      assertEquals(new Uint8Array(memory.buffer), before);
    });
  }
});

Deno.test("moveTo() changes the frame of a page and sets bits, and leaves its other flags and all other entries", () => {
  const high = 0xf_ffff_e000_0000; // bits 32 to 51 of a frame's address
  for (const [from, to] of [[0x20_0000, 0x20_5000], [0x20_0000, high], [high, 0x8000_0000]]) {
    const { mapper } = open();
    const flags = P | W | NX | 1n << 9n;
    mapper.mapTo(0x40_0000n, from, flags, { size: 0x3000 });
    mapper.moveTo(0x40_1123n, to, 1n << 10n | 1n << 52n);
    assertEquals([...mapper.leaves()].map(({ virt, phys, flags }) => [virt, phys, flags]), [
      [0x40_0000n, from, flags],
      [0x40_1000n, to, flags | 1n << 10n | 1n << 52n],
      [0x40_2000n, from + 0x2000, flags],
    ]);
  }
  assertThrows(() => open().mapper.moveTo(0x40_0000n, 0x1000, 0n), LoadError, "not mapped");
});
