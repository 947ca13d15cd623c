import { assertEquals } from "@std/assert";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper, type Mapper } from "../../../core/paging/mapper.ts";
import { GIB, MIB2, NX, P, PAGE, PS, putEntry, U, W } from "./bits.ts";

/** Memory with an empty level-4 table in its first frame; the next frames are for tables. */
function open() {
  const memory = freshMemory(0, 32 * PAGE);
  const frames = frameLedger(ascendingFrames({ start: PAGE, end: memory.size }), memory, [], true);
  const mapper = createMapper({ memory, level4Frame: 0, frames, parentFlags: "writable" });
  return { memory, mapper };
}

/** Tables in frames 0 to 3 for the first 2 MiB, with two pages; and raw huge pages after them. */
function openWithHugePages() {
  const { memory, mapper } = open();
  mapper.mapTo(0x1000n, 0x12_3456_7000, P | W);
  mapper.mapTo(0x5000n, 0x7000, P | NX);
  putEntry(memory, 0x2000, 3, 0xf_ffff_ffe0_0000n | P | W | PS | NX | 0x1000n); // 2 MiB at 0x600000
  putEntry(memory, 0x1000, 511, 0x7_4000_0000n | P | U | PS | 0x100n); // 1 GiB at 0x7fc0000000
  return { memory, mapper };
}

function entryAt(memory: PhysicalMemory, table: number, index: number): bigint {
  return new DataView(memory.buffer).getBigUint64(table + index * 8, true);
}

Deno.test("leaves() lists every page of every size, ascending, the higher half last", () => {
  const { mapper } = openWithHugePages();
  mapper.mapTo(0xffff_8000_0000_0000n, 0xa000, P);
  mapper.mapTo(0x7fff_ffff_f000n, 0x9000, P);
  mapper.mapTo(0x2000n, 0x8000, P | U);
  assertEquals([...mapper.leaves()], [
    { virt: 0x1000n, phys: 0x12_3456_7000, pageSize: PAGE, flags: P | W },
    { virt: 0x2000n, phys: 0x8000, pageSize: PAGE, flags: P | U },
    { virt: 0x5000n, phys: 0x7000, pageSize: PAGE, flags: P | NX },
    { virt: 0x60_0000n, phys: 2 ** 52 - MIB2, pageSize: MIB2, flags: P | W | PS | NX | 0x1000n },
    { virt: 0x7f_c000_0000n, phys: 0x7_4000_0000, pageSize: GIB, flags: P | U | PS | 0x100n },
    { virt: 0x7fff_ffff_f000n, phys: 0x9000, pageSize: PAGE, flags: P },
    { virt: 0xffff_8000_0000_0000n, phys: 0xa000, pageSize: PAGE, flags: P },
  ]);
});

Deno.test("tables() lists every table, each before those below it, ascending", () => {
  const { mapper } = openWithHugePages();
  mapper.mapTo(0xffff_ffff_ffff_f000n, 0, P);
  mapper.mapTo(0x40_0000n, 0, P);
  assertEquals([...mapper.tables()], [
    { level: 4, frame: 0x0000, virt: 0n },
    { level: 3, frame: 0x1000, virt: 0n },
    { level: 2, frame: 0x2000, virt: 0n },
    { level: 1, frame: 0x3000, virt: 0n },
    { level: 1, frame: 0x7000, virt: 0x40_0000n },
    { level: 3, frame: 0x4000, virt: 0xffff_ff80_0000_0000n },
    { level: 2, frame: 0x5000, virt: 0xffff_ffff_c000_0000n },
    { level: 1, frame: 0x6000, virt: 0xffff_ffff_ffe0_0000n },
  ]);
});

Deno.test("empty tables have no leaves, no mappings, and one table", () => {
  const { mapper } = open();
  assertEquals([...mapper.leaves()], []);
  assertEquals([...mapper.mappings()], []);
  assertEquals([...mapper.tables()], [{ level: 4, frame: 0, virt: 0n }]);
});

interface Run {
  readonly virt: bigint;
  readonly phys: number;
  readonly size: number;
  readonly may: string;
}

function runs(mapper: Mapper): readonly Run[] {
  return [...mapper.mappings()].map(({ virt, phys, size, writable, executable, user }) => {
    return { virt, phys, size, may: `${writable ? "W" : "-"}${executable ? "X" : "-"}${user ? "U" : "-"}` };
  });
}

Deno.test("mappings() merges pages that are neighbours in both address spaces with equal permissions", async (t) => {
  const first = { virt: 0x1f_f000n, phys: 0x9000, flags: P | W };
  const cases = [
    { what: "neighbours across two tables", second: { virt: 0x20_0000n, phys: 0xa000, flags: P | W }, merged: true },
    {
      what: "flags that permit nothing",
      second: { virt: 0x20_0000n, phys: 0xa000, flags: P | W | 0xf78n },
      merged: true,
    },
    { what: "a gap between the pages", second: { virt: 0x20_1000n, phys: 0xa000, flags: P | W }, merged: false },
    { what: "a gap between the frames", second: { virt: 0x20_0000n, phys: 0xb000, flags: P | W }, merged: false },
    { what: "the same frame twice", second: { virt: 0x20_0000n, phys: 0x9000, flags: P | W }, merged: false },
    { what: "read-only after writable", second: { virt: 0x20_0000n, phys: 0xa000, flags: P }, merged: false },
    {
      what: "not executable after executable",
      second: { virt: 0x20_0000n, phys: 0xa000, flags: P | W | NX },
      merged: false,
    },
    { what: "user's after the kernel's", second: { virt: 0x20_0000n, phys: 0xa000, flags: P | W | U }, merged: false },
  ];
  for (const { what, second, merged } of cases) {
    await t.step(`${what}: ${merged ? "one run" : "two"}`, () => {
      const { mapper } = open();
      for (const { virt, phys, flags } of [first, second]) mapper.mapTo(virt, phys, flags);
      assertEquals([...mapper.mappings()].map(({ size }) => size), merged ? [2 * PAGE] : [PAGE, PAGE]);
      assertEquals([...mapper.mappings()].map(({ virt }) => virt), merged ? [first.virt] : [first.virt, second.virt]);
    });
  }
});

Deno.test("mappings() does not merge pages of different sizes, nor across the hole or around the top", () => {
  const { mapper } = open();
  mapper.mapTo(0n, 0, P, { size: MIB2 });
  mapper.mapTo(0x20_0000n, MIB2, P, { pageSize: MIB2, size: 511 * MIB2 });
  mapper.mapTo(0x4000_0000n, GIB, P, { pageSize: GIB, size: 2 * GIB });
  mapper.mapTo(0x7fff_ffff_f000n, 0x9000, P);
  mapper.mapTo(0xffff_8000_0000_0000n, 0xa000, P);
  mapper.mapTo(0xffff_ffff_ffff_f000n, 0xb000, P);
  assertEquals([...mapper.mappings()].map(({ virt, size, pageSize }) => [virt, size, pageSize]), [
    [0n, MIB2, PAGE],
    [0x20_0000n, 511 * MIB2, MIB2],
    [0x4000_0000n, 2 * GIB, GIB],
    [0x7fff_ffff_f000n, PAGE, PAGE],
    [0xffff_8000_0000_0000n, PAGE, PAGE],
    [0xffff_ffff_ffff_f000n, PAGE, PAGE],
  ]);
});

Deno.test("mappings() grants what all levels together grant", async (t) => {
  const leaf = P | W | U;
  const cases = [
    { what: "all levels allow", level: 1, change: 0n, may: "WXU" },
    ...[4, 3, 2, 1].flatMap((level) => [
      { what: `level ${level} forbids writes`, level, change: W, may: "-XU" },
      { what: `level ${level} forbids user mode`, level, change: U, may: "WX-" },
      { what: `level ${level} forbids execution`, level, change: NX, may: "W-U" },
    ]),
  ];
  for (const { what, level, change, may } of cases) {
    await t.step(what, () => {
      const { memory, mapper } = open();
      mapper.mapTo(0n, 0x7000, leaf);
      const table = (4 - level) * PAGE;
      putEntry(memory, table, 0, entryAt(memory, table, 0) ^ change);
      assertEquals(runs(mapper), [{ virt: 0n, phys: 0x7000, size: PAGE, may }]);
    });
  }
});
