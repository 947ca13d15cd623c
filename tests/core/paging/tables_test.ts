import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper } from "../../../core/paging/mapper.ts";
import { putEntry } from "./bits.ts";

const PAGE = 0x1000;
const MIB2 = 0x20_0000;
const BASE = 0x10_0000;
const END = BASE + 32 * PAGE;

const P = 1n;
const W = 2n;

/** Memory from BASE to END: tables of levels 4 to 1 in its first frames, and one page at address 0. */
function open() {
  const memory = freshMemory(BASE, END - BASE);
  const frames = frameLedger(ascendingFrames({ start: BASE + PAGE, end: END }), memory, [], true);
  const mapper = createMapper({ memory, level4Frame: BASE, frames, parentFlags: "writable" });
  mapper.mapTo(0n, 0x7000, P);
  return { memory, mapper };
}

const OUTSIDE = [
  { what: "0", address: 0 },
  { what: "the frame below memory", address: BASE - PAGE },
  { what: "the frame after memory", address: END },
  { what: "a frame above 4 GiB with the same low half", address: 2 ** 32 + BASE },
  { what: "the last frame below 2^52", address: 2 ** 52 - PAGE },
];

for (const level of [4, 3, 2]) {
  for (const { what, address } of OUTSIDE) {
    Deno.test(`an entry of level ${level} that points to ${what} is refused as table-out-of-memory`, () => {
      const { memory, mapper } = open();
      putEntry(memory, BASE + (4 - level) * PAGE, 1, BigInt(address) | P | W);
      const virt = 2n ** BigInt(12 + 9 * (level - 1)); // index 1 at that level, 0 at the others
      const before = new Uint8Array(memory.buffer).slice();
      const calls = [
        () => void mapper.translate(virt),
        () => void mapper.walk(virt),
        () => mapper.mapTo(virt, 0, P),
        () => mapper.mapTo(0x1000n, 0, P, { size: Number(virt) }),
        () => void mapper.unmap(virt),
        () => mapper.updateFlags(virt, P),
        () => void [...mapper.leaves()],
        () => void [...mapper.mappings()],
        () => void [...mapper.tables()],
      ];
      for (const call of calls) {
        const error: LoadError = assertThrows(call, LoadError);
        assertEquals(error.code, "table-out-of-memory");
        assertEquals(error.detail.value, address);
      }
      assertEquals(new Uint8Array(memory.buffer), before);
      assertEquals(mapper.translate(0n), { mapped: true, phys: 0x7000, pageSize: PAGE, flags: P });
    });
  }
}

Deno.test("bit 7 of a level-4 entry is reserved: the entry still points to a table", () => {
  const { memory, mapper } = open();
  putEntry(memory, BASE, 0, BigInt(BASE + PAGE) | P | W | 0x80n);
  assertEquals(mapper.translate(0n), { mapped: true, phys: 0x7000, pageSize: PAGE, flags: P });
});

Deno.test("a level-4 entry that points to its own table shows the tables as pages", () => {
  const { memory, mapper } = open();
  putEntry(memory, BASE, 511, BigInt(BASE) | P | W);
  // SDM: each trip through entry 511 takes a level away, so that the last table found is read as a page.
  const recursive = [
    { virt: 0xffff_ff80_0000_0000n, phys: BASE + 3 * PAGE, flags: P | W }, // 511, 0, 0, 0: the level-1 table
    { virt: 0xffff_ffff_c000_0000n, phys: BASE + 2 * PAGE, flags: P | W }, // 511, 511, 0, 0
    { virt: 0xffff_ffff_ffe0_0000n, phys: BASE + PAGE, flags: P | W }, // 511, 511, 511, 0
    { virt: 0xffff_ffff_ffff_f000n, phys: BASE, flags: P | W }, // 511, 511, 511, 511
  ];
  const leaves = [{ virt: 0n, phys: 0x7000, flags: P }, ...recursive].map((leaf) => ({ ...leaf, pageSize: PAGE }));
  assertEquals<unknown>([...mapper.leaves()], leaves);
  for (const { virt, phys, pageSize, flags } of leaves) {
    assertEquals<unknown>(mapper.translate(virt), { mapped: true, phys, pageSize, flags });
  }
  assertEquals([...mapper.mappings()].length, leaves.length);
  assertEquals([...mapper.tables()].length, 4 + 3 + 2 + 1);
  assertEquals(
    mapper.walk(0xffff_ffff_ffff_ffffn).map(({ table, index }) => [table, index]),
    Array(4).fill([BASE, 511]),
  );
});

Deno.test("mapTo() refuses a range that runs into a level-4 entry that points to the level-4 table", () => {
  const { memory, mapper } = open();
  putEntry(memory, BASE, 511, BigInt(BASE) | P | W);
  const before = new Uint8Array(memory.buffer).slice();
  const error: LoadError = assertThrows(
    () => mapper.mapTo(0xffff_ff7f_ffff_f000n, 0, P, { size: PAGE + MIB2 }),
    LoadError,
  );
  assertEquals([error.code, error.detail.value], ["range-recursive", 0xffff_ff80_0000_0000n]);
  assertEquals(new Uint8Array(memory.buffer), before);
});

Deno.test("a table that calls itself from below ends after four levels", () => {
  const { memory, mapper } = open();
  putEntry(memory, BASE + PAGE, 5, BigInt(BASE) | P | W); // level 3, back to level 4
  putEntry(memory, BASE + 2 * PAGE, 6, BigInt(BASE + PAGE) | P | W); // level 2, back to level 3
  // 0, 5, then the level-4 table read at level 2 and the level-3 table read at level 1.
  const virt = (5n << 30n) | (0n << 21n) | (5n << 12n);
  assertEquals(mapper.translate(virt), { mapped: true, phys: BASE, pageSize: PAGE, flags: P | W });
  assertEquals([...mapper.leaves()].some((leaf) => leaf.virt === virt), true);
});

const EIGHT_GIB = 8 * 2 ** 30;

Deno.test("mapTo() writes and follows tables past 8 GiB of memory", async (t) => {
  const size = 9 * 2 ** 30;
  let memory: PhysicalMemory | undefined;
  try {
    memory = freshMemory(0, size); // only the pages of the tables are ever touched
  } catch (error) {
    assertInstanceOf(error, RangeError);
  }
  await t.step({
    name: memory ? "9 GiB" : "skipped: this system has no buffer of 9 GiB",
    ignore: !memory,
    fn: () => {
      const frames = frameLedger(ascendingFrames({ start: EIGHT_GIB + PAGE, end: size }), memory!, [], true);
      const mapper = createMapper({ memory: memory!, level4Frame: EIGHT_GIB, frames, parentFlags: "writable" });
      mapper.mapTo(0x1f_f000n, 0x7000, P | W, { size: 3 * PAGE });
      assertEquals([...mapper.tables()].map(({ frame }) => frame - EIGHT_GIB), [0, 0x1000, 0x2000, 0x3000, 0x4000]);
      assertEquals([...mapper.mappings()].map(({ virt, phys, size }) => [virt, phys, size]), [[
        0x1f_f000n,
        0x7000,
        3 * PAGE,
      ]]);
      const error: LoadError = assertThrows(() => mapper.mapTo(0x1f_e000n, 0, P, { size: 4 * PAGE }), LoadError);
      assertEquals(error.detail.value, 0x1f_f000n);
    },
  });
});
