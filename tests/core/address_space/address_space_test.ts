/** The address space as a whole: taking frames and addresses, mapping, and what its errors say. */

import { assert, assertEquals, assertObjectMatch, assertStrictEquals, assertThrows } from "@std/assert";
import type { AddressSpace } from "../../../core/address_space/address_space.ts";
import type { ErrorCode, LoadErrorDetails } from "../../../core/error_details.ts";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../../core/paging/mod.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";
import { openSpace, type SpaceSpec } from "./open_space.ts";

const PAGE = 0x1000;
const ENTRY = 1n << 39n;
const HALF = 1n << 47n;
const RW = PRESENT | WRITABLE | NO_EXECUTE;

/** A segment at 0x400000, of 0x2800 bytes. */
const SEGMENT: Segment = {
  ...{ index: 3, p_type: 1, p_flags: 6, p_offset: 0n, p_paddr: 0n, p_filesz: 0n, p_align: 0n },
  ...{ p_vaddr: 0x40_0000n, p_memsz: 0x2800n },
  load: { start: 0x40_0000, memSize: 0x2800, fileOffset: 0, fileSize: 0 },
};

/** Memory of 64 dirty pages: the level-4 table, four pages of a file, then frames. */
function open(spec: Partial<SpaceSpec> = {}): AddressSpace {
  const memory = physicalMemory({ base: 0, buffer: new Uint8Array(64 * PAGE).fill(0xee).buffer });
  const allocator = ascendingFrames({ start: 5 * PAGE, end: 64 * PAGE });
  const file = { phys: PAGE, size: 4 * PAGE - 100 };
  const given = [{ phys: 0, size: PAGE, owner: "table" }];
  return openSpace({ memory, level4Frame: 0, allocator, file, given, segments: [SEGMENT], used: [5], ...spec });
}

function assertRefused<C extends ErrorCode>(
  work: () => unknown,
  code: C,
  detail: Partial<LoadErrorDetails[C]>,
): LoadError {
  const error: LoadError = assertThrows(() => void work(), LoadError);
  assertEquals(error.code, code, error.message);
  assertObjectMatch(error.detail as object as Record<string, unknown>, detail as Record<string, unknown>);
  return error;
}

const leavesOf = ({ pageTable }: AddressSpace) => [...pageTable.leaves()].map(({ virt, phys }) => [virt, phys]);

// Frames

Deno.test("allocateFrames() takes zeroed frames in one piece, entered under their owner", () => {
  const space = open();
  const phys = space.allocateFrames(3, "kernel-stack");
  assertEquals([phys, space.frames.framesAllocated], [5 * PAGE, 3]);
  assertEquals(space.memory.bytes(phys, 3 * PAGE), new Uint8Array(3 * PAGE));
  assertEquals(space.frameRuns().at(-1), { phys, size: 3 * PAGE, owner: "kernel-stack" });
});

Deno.test("allocateFrames() refuses more frames than there are in one piece, and says what they were for", () => {
  const scattered = [5, 7, 9].map((frame) => frame * PAGE);
  const allocator = { allocateFrame: () => scattered.shift(), nextFrame: 0, framesAllocated: 0 };
  for (const space of [open(), open({ allocator })]) {
    const error = assertRefused(() => space.allocateFrames(60, "ramdisk"), "frames-exhausted", {
      field: "ramdisk",
      value: 60 * PAGE,
    });
    assertEquals(error.message, "Cannot allocate frames for ramdisk: there is no room for 245760 more bytes");
  }
  for (const count of [0, -1, 0.5, NaN, 2 ** 60]) assertThrows(() => open().allocateFrames(count, "x"), RangeError);
});

Deno.test("frameRuns() has every frame in use once: the file's pages, what was given, and what was taken", () => {
  const space = open();
  space.mapFresh(0x50_0000n, 2 * PAGE, RW, "bss");
  space.allocateFrames(1, "mine");
  assertEquals(space.frameRuns(), [
    { phys: PAGE, size: 4 * PAGE, owner: "file" }, // in whole pages
    { phys: 0, size: PAGE, owner: "table" },
    { phys: 5 * PAGE, size: PAGE, owner: "bss" }, // before the tables that its page needs
    { phys: 6 * PAGE, size: 3 * PAGE, owner: "table" },
    { phys: 9 * PAGE, size: PAGE, owner: "bss" },
    { phys: 10 * PAGE, size: PAGE, owner: "mine" },
  ]);
});

Deno.test("frameRuns() of a loaded kernel has every frame that its tables and pages lie in", async () => {
  const segments = [
    { p_flags: 5, filesz: 0x1800 },
    { p_flags: 6, p_vaddr: 0x40_2800n, offset: 0x2800, filesz: 0x900, p_memsz: 0x4000n },
  ];
  for (const options of [{}, { level4Frame: 0 }]) {
    const kernel = await loadKernel(buildElf({ segments }), options);
    kernel.addressSpace.mapFresh(kernel.addressSpace.reserve(3 * PAGE), 3 * PAGE, RW, "kernel-stack");
    const owners = new Map<number, string>();
    for (const { phys, size, owner } of kernel.frameRuns()) {
      for (let frame = phys; frame < phys + size; frame += PAGE) {
        assert(!owners.has(frame), `frame ${frame} has two owners`);
        owners.set(frame, owner);
      }
    }
    for (const { frame } of kernel.pageTable.tables()) assertStrictEquals(owners.get(frame), "table");
    for (const { phys } of kernel.pageTable.leaves()) assert(owners.has(phys), `frame ${phys} has no owner`);
    assertStrictEquals([...owners.values()].filter((owner) => owner === "kernel-stack").length, 3);
    const file = [...owners.values()].filter((owner) => owner === "file").length;
    assertStrictEquals(owners.size, file + kernel.framesAllocated + ("level4Frame" in options ? 1 : 0));
  }
});

// Addresses

Deno.test("reserve() finds free addresses and marks their level-4 entries as used", () => {
  const space = open();
  assertStrictEquals(space.reserve(PAGE), ENTRY);
  assertStrictEquals(space.reserve(Number(ENTRY) + 1), 2n * ENTRY); // two entries
  assertStrictEquals(space.reserve(Number(2n * ENTRY)), 6n * ENTRY); // entry 5 is the kernel's
  assertEquals([...space.usedLevel4Entries], [0, 1, 2, 3, 5, 6, 7]);
});

Deno.test("reserve() takes an address that it is given, and marks every level-4 entry of the range", () => {
  const space = open();
  const ranges = [
    [0x50_0000n, PAGE],
    [3n * ENTRY - 0x1000n, 2 * PAGE],
    [HALF - 0x1000n, PAGE],
    [(1n << 64n) - HALF, PAGE],
    [(1n << 64n) - 0x1000n, PAGE],
  ] as const;
  for (const [address, size] of ranges) assertStrictEquals(space.reserve(size, address), address);
  assertEquals([...space.usedLevel4Entries], [0, 2, 3, 5, 255, 256, 511]);
});

Deno.test("reserve() refuses what cannot be such a range, and marks nothing", () => {
  const space = open();
  const refused: readonly (readonly [size: number, address: bigint | undefined, why: string])[] = [
    [PAGE, 0x800n, "the address must be a multiple of 4096"],
    [PAGE, HALF, "not canonical"],
    [PAGE, -0x1000n, "not canonical"],
    [PAGE, 1n << 64n, "not canonical"],
    [2 * PAGE, HALF - 0x1000n, "the range leaves its half of the address space"],
    [2 * PAGE, (1n << 64n) - 0x1000n, "the range leaves its half of the address space"],
    [2 ** 53 - 1, 0n, "the range leaves its half of the address space"],
    [0, 0x1000n, "Cannot reserve 0 bytes"],
    [-1, undefined, "Cannot reserve -1 bytes"],
    [0.5, undefined, "Cannot reserve 0.5 bytes"],
    [NaN, 0x1000n, "Cannot reserve NaN bytes"],
    [2 ** 48, undefined, "2^47"],
  ];
  for (const [size, address, why] of refused) {
    assertThrows(() => space.reserve(size, address), RangeError, why);
  }
  assertThrows(() => space.reserve(PAGE, 0x1000 as never), TypeError);
  assertEquals([...space.usedLevel4Entries], [0, 5]);
  assertRefused(() => open({ used: [300] }).reserve(2 ** 47), "level4-exhausted", { value: 256 });
});

// Mapping

Deno.test("map() and mapFresh() name what is mapped and the program header in the way", () => {
  const space = open();
  space.mapFresh(0x40_0000n, 3 * PAGE, RW, "bss");
  space.map(0x50_0000n, 5 * PAGE, RW);
  const owner = { otherIndex: 3, otherRange: [0x40_0000n, 0x40_2800n] } as const;
  const onSegment = [
    () => space.map(0x40_2000n, 0, RW, { what: "the ramdisk's page" }),
    () => space.mapFresh(0x40_2000n, PAGE, RW, "ramdisk", { what: "the ramdisk's page" }),
    () => space.map(0x3f_f000n, 0, RW, { size: 4 * PAGE, what: "the ramdisk's page" }),
  ];
  for (const [index, map] of onSegment.entries()) {
    const value = index < 2 ? 0x40_2000n : 0x40_0000n;
    const detail = { field: "the ramdisk's page", value, ...owner };
    const { message } = assertRefused(map, "page-already-mapped", detail);
    assertStrictEquals(
      message,
      `Cannot map the ramdisk's page 0x${value.toString(16)}: it is already mapped by program header 3, ` +
        "which covers 0x400000..0x402800",
    );
  }
  assertRefused(() => space.map(0x40_0000n, 0, RW), "page-already-mapped", { field: "page", ...owner });
  const other = assertRefused(() => space.map(0x50_0000n, 0, RW, { what: "the stack" }), "page-already-mapped", {});
  assertStrictEquals(other.message, "Cannot map the stack 0x500000: it is already mapped");
});

Deno.test("map() and mapFresh() refuse as the page tables do", () => {
  const space = open();
  assertThrows(() => space.map(0x40_0800n, 0, RW), RangeError);
  assertThrows(() => space.map(HALF, 0, RW), RangeError);
  assertThrows(() => space.mapFresh(0x40_0000n, 100, RW, "x"), RangeError);
  assertRefused(() => space.mapFresh(0x40_0000n, 60 * PAGE, RW, "ramdisk"), "frames-exhausted", {
    field: "ramdisk",
    value: 4 * PAGE, // 59 frames, three of them for tables
  });
  const { message } = assertThrows(() => space.map(0x80_0000_0000n, 0, RW), LoadError);
  assertStrictEquals(message, "Cannot allocate frames for page tables: there is no room for 12288 more bytes");
});

Deno.test("mapFresh() maps zeroed frames and gives their runs; map() takes the page tables' options", () => {
  const space = open();
  const runs = space.mapFresh(0x40_0000n, 2 * PAGE, RW, "mine");
  assertEquals(runs, [{ offset: 0, phys: 5 * PAGE, size: PAGE }, { offset: PAGE, phys: 9 * PAGE, size: PAGE }]);
  assertEquals(space.read(0x40_0000n, 2 * PAGE), new Uint8Array(2 * PAGE));
  space.map(0x80_0000n, 0x20_0000, RW, { size: 0x40_0000, pageSize: 0x20_0000 });
  assertEquals(leavesOf(space), [
    [0x40_0000n, 5 * PAGE],
    [0x40_1000n, 9 * PAGE],
    [0x80_0000n, 0x20_0000],
    [0xa0_0000n, 0x40_0000],
  ]);
});

// An entry that points to the level-4 table itself

Deno.test("no function changes pages in a level-4 entry that points to the level-4 table, or hands out its addresses", () => {
  const space = open({ used: [] });
  const { memory, pageTable } = space;
  for (const index of [2, 511]) new DataView(memory.buffer).setBigUint64(index * 8, PRESENT | WRITABLE, true);
  space.mapFresh(0x40_0000n, PAGE, RW, "mine"); // so that the recursive entries show tables
  const level1 = 0xffff_ff80_0000_0000n + 0x40_0000n / 512n; // the level-1 table of 0x400000, as a page
  const tableAt = pageTable.translate(level1);
  assert(tableAt.mapped);
  const before = new Uint8Array(memory.buffer).slice();
  const refused: readonly (readonly [what: string, work: () => unknown, value: bigint])[] = [
    ["mapTo", () => pageTable.mapTo(level1 + 0x1000n, 0, RW), level1 + 0x1000n],
    [
      "mapTo over the entry's start",
      () => pageTable.mapTo(2n * ENTRY - 0x1000n, 0, RW, { size: 2 * PAGE }),
      2n * ENTRY,
    ],
    ["mapTo of a huge page", () => pageTable.mapTo(2n * ENTRY, 0, RW, { pageSize: 0x4000_0000 }), 2n * ENTRY],
    ["unmap", () => pageTable.unmap(level1), level1],
    ["updateFlags", () => pageTable.updateFlags(level1, RW), level1],
    ["map", () => space.map(2n * ENTRY, 0, RW), 2n * ENTRY],
    ["mapFresh", () => space.mapFresh(3n * ENTRY - 0x1000n, PAGE, RW, "x"), 3n * ENTRY - 0x1000n],
    ["reserve", () => space.reserve(PAGE, 2n * ENTRY + 0x5000n), 2n * ENTRY + 0x5000n],
    ["reserve over the entry's start", () => space.reserve(2 * PAGE, 2n * ENTRY - 0x1000n), 2n * ENTRY],
    ["unshare", () => space.unshare(level1 + 8n), level1 + 8n],
    ["write", () => space.write(level1 + 16n, new Uint8Array(8)), level1 + 16n],
  ];
  for (const [what, work, value] of refused) {
    assertStrictEquals(assertRefused(work, "range-recursive", {}).detail.value, value, what);
  }
  assertEquals(new Uint8Array(memory.buffer), before);
  assertEquals(space.read(level1, PAGE), memory.bytes(tableAt.phys, PAGE)); // reading is harmless
  assertEquals([space.reserve(2 * Number(ENTRY)), space.reserve(PAGE)], [3n * ENTRY, ENTRY]);
  assertEquals([...space.usedLevel4Entries], [0, 1, 2, 3, 4, 511]);
});

Deno.test("an address space is frozen, and finds the kernel's level-4 entries once", async () => {
  const { addressSpace, usedLevel4Entries } = await loadKernel(buildElf({ segments: [{ filesz: 0x100 }] }));
  assert(Object.isFrozen(addressSpace));
  assertStrictEquals(addressSpace.usedLevel4Entries, usedLevel4Entries);
});
