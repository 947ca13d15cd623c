import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { AddressSpace } from "../../../core/address_space/address_space.ts";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames, type FrameAllocator } from "../../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { flagsOf, mapFreshLow48, mapLow48, sharedFrame } from "../../../core/address_space/map_low48.ts";
import { openSpace } from "./open_space.ts";

const PAGE = 0x1000;
const P = 1n;
const W = 2n;
const NX = 1n << 63n;

/** An address space in dirty memory, the level-4 table at 0; frames from 0x1000 on. */
function setUp(allocator: FrameAllocator = ascendingFrames({ start: PAGE, end: 0x40_0000 })): AddressSpace {
  const memory = physicalMemory({ base: 0, buffer: new Uint8Array(0x40_0000).fill(0xee).buffer });
  return openSpace({ memory, level4Frame: 0, allocator });
}

const leavesOf = ({ pageTable }: AddressSpace) => {
  return [...pageTable.leaves()].map(({ virt, phys, flags }) => [virt, phys, flags]);
};

const ownersOf = ({ frames }: AddressSpace) => frames.runs().map(({ phys, size, owner }) => [phys, size, owner]);

Deno.test("flagsOf() are present; writable with PF_W; executable only with PF_X; PF_R changes nothing", () => {
  const expected = [P | NX, P, P | W | NX, P | W, P | NX, P, P | W | NX, P | W];
  assertEquals(expected.map((_, p_flags) => flagsOf(p_flags)), expected);
  assertStrictEquals(flagsOf(0xffff_ffff), P | W);
  assertStrictEquals(flagsOf(0xffff_fff8), P | NX);
});

Deno.test("mapLow48() maps pages onto consecutive frames", () => {
  const tables = setUp();
  mapLow48(tables, 0x40_0000, 0x10_0000, 3 * PAGE, P);
  assertEquals(leavesOf(tables), [
    [0x40_0000n, 0x10_0000, P],
    [0x40_1000n, 0x10_1000, P],
    [0x40_2000n, 0x10_2000, P],
  ]);
});

Deno.test("mapLow48() goes on in the higher half where the range crosses the non-canonical hole", () => {
  const tables = setUp();
  mapLow48(tables, 2 ** 47 - 2 * PAGE, 0x10_0000, 4 * PAGE, P | W);
  assertEquals(leavesOf(tables), [
    [0x7fff_ffff_e000n, 0x10_0000, P | W],
    [0x7fff_ffff_f000n, 0x10_1000, P | W],
    [0xffff_8000_0000_0000n, 0x10_2000, P | W],
    [0xffff_8000_0000_1000n, 0x10_3000, P | W],
  ]);
});

Deno.test("mapLow48() maps nothing for no bytes", () => {
  const tables = setUp();
  mapLow48(tables, 0x40_0000, 0x10_0000, 0, P);
  assertEquals([leavesOf(tables), ownersOf(tables)], [[], []]);
});

Deno.test("mapFreshLow48() takes each frame before the tables that its page needs, and gives zeroed pages", () => {
  const tables = setUp();
  // two pages below a 2 MiB boundary and two above it, where a second level-1 table begins
  const runs = mapFreshLow48(tables, 0x60_0000 - 2 * PAGE, 4 * PAGE, P | W | NX, "bss");
  assertEquals(ownersOf(tables), [
    [1 * PAGE, PAGE, "bss"],
    [2 * PAGE, 3 * PAGE, "table"],
    [5 * PAGE, 2 * PAGE, "bss"],
    [7 * PAGE, PAGE, "table"],
    [8 * PAGE, PAGE, "bss"],
  ]);
  assertEquals(leavesOf(tables).map(([virt, phys]) => [virt, phys]), [
    [0x5f_e000n, 1 * PAGE],
    [0x5f_f000n, 5 * PAGE],
    [0x60_0000n, 6 * PAGE],
    [0x60_1000n, 8 * PAGE],
  ]);
  const pages = runs.flatMap(({ low, phys, size }) => {
    return Array.from({ length: size / PAGE }, (_, index) => [BigInt(low + index * PAGE), phys + index * PAGE]);
  });
  assertEquals(pages, leavesOf(tables).map(([virt, phys]) => [virt, phys]));
  for (const { phys, size } of runs) assert(tables.memory.bytes(phys, size).every((byte) => byte === 0));
});

Deno.test("mapFreshLow48() gives the same pages from an allocator without runs", () => {
  const { allocateFrame } = ascendingFrames({ start: PAGE, end: 0x40_0000 });
  const one = setUp({ allocateFrame, nextFrame: 0, framesAllocated: 0 });
  const other = setUp();
  for (const tables of [one, other]) mapFreshLow48(tables, 0x5f_0000, 0x2_0000, P | W | NX, "bss");
  assertEquals(leavesOf(one), leavesOf(other));
  assertEquals(ownersOf(one), ownersOf(other));
});

Deno.test("mapFreshLow48() refuses with frames-exhausted if frames run out, and says what for and how many bytes", () => {
  const cases = [
    { count: 0, field: "bss", value: 3 * PAGE },
    { count: 1, field: "page tables", value: 3 * PAGE },
    { count: 3, field: "page tables", value: PAGE },
    { count: 4, field: "bss", value: 2 * PAGE },
    { count: 5, field: "bss", value: PAGE },
  ];
  for (const { count, ...detail } of cases) {
    const space = setUp(ascendingFrames({ start: PAGE, end: (count + 1) * PAGE }));
    const error: LoadError = assertThrows(() => void mapFreshLow48(space, 0x40_0000, 3 * PAGE, P, "bss"), LoadError);
    assertEquals([error.code, error.detail], ["frames-exhausted", detail]);
  }
});

Deno.test("sharedFrame() makes a page on first use and gives it the union of permissions on every other", () => {
  const flags = [P | NX, P, P | W | NX, P | W];
  for (const first of flags) {
    for (const second of flags) {
      const tables = setUp();
      const frame = sharedFrame(tables, 0x40_0000, first);
      assert(tables.memory.bytes(frame, PAGE).every((byte) => byte === 0));
      tables.memory.bytes(frame, PAGE).fill(7);
      assertStrictEquals(sharedFrame(tables, 0x40_0000, second), frame);
      const union = P | (first & W) | (second & W) | (first & second & NX);
      assertEquals(leavesOf(tables), [[0x40_0000n, frame, union]]);
      assert(tables.memory.bytes(frame, PAGE).every((byte) => byte === 7));
    }
  }
});
