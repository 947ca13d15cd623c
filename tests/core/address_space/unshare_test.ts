/** Copy on write: which pages get frames of their own, and when marks tell. */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { equals } from "@std/bytes/equals";
import type { AddressSpace } from "../../../core/address_space/address_space.ts";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../../core/paging/mod.ts";
import { RULES, type RuleSetName } from "../../../core/rules.ts";
import { type LoadedKernel, loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import { clearMarks } from "../../../core/address_space/unshare.ts";
import { openSpace } from "./open_space.ts";

const PAGE = 0x1000;
const MIB2 = 0x20_0000;
const BASE = 0x40_0000;
const FILE = { phys: BASE + PAGE, size: 3 * PAGE - 1 };
const FLAGS = PRESENT | NO_EXECUTE;

/** 4 MiB of memory whose bytes differ: the level-4 table, three pages of the file, then frames up to `end`. */
function open(end: number = BASE + 32 * PAGE): AddressSpace {
  const bytes = Uint8Array.from({ length: 2 * MIB2 }, (_, at) => at * 7 + (at >> 12));
  const memory = physicalMemory({ base: BASE, buffer: bytes.buffer });
  return openSpace({
    memory,
    level4Frame: BASE,
    allocator: ascendingFrames({ start: BASE + 4 * PAGE, end }),
    file: FILE,
  });
}

Deno.test("unshare() copies a page of the file once, keeps its flags, and returns where the byte is", () => {
  const space = open();
  const { memory, pageTable, unshare } = space;
  for (let at = 0; at < 3; at++) pageTable.mapTo(0x10_0000n + BigInt(at * PAGE), FILE.phys + at * PAGE, FLAGS);
  const file = memory.bytes(FILE.phys, 3 * PAGE).slice();
  for (let at = 0; at < 3; at++) {
    const virt = 0x10_0000n + BigInt(at * PAGE);
    const phys = unshare(virt + 0x123n);
    const frame = phys - 0x123;
    assertEquals(pageTable.translate(virt), { mapped: true, phys: frame, pageSize: PAGE, flags: FLAGS });
    assert(frame >= BASE + 4 * PAGE && equals(memory.bytes(frame, PAGE), file.subarray(at * PAGE, (at + 1) * PAGE)));
    assertStrictEquals(unshare(virt + 0xfffn), frame + 0xfff);
  }
  assert(equals(memory.bytes(FILE.phys, 3 * PAGE), file));
  assertEquals(space.frameRuns().filter(({ owner }) => owner === "copy").map(({ size }) => size), [3 * PAGE]);
});

Deno.test("unshare() leaves pages alone whose frames are not the file's", () => {
  const space = open();
  const frames = [BASE, BASE + 4 * PAGE, BASE + 40 * PAGE, BASE + 2 * MIB2, 0x1000]; // the last two outside memory
  frames.forEach((frame, at) => space.map(0x10_0000n + BigInt(at * PAGE), frame, FLAGS));
  const taken = space.frames.framesAllocated;
  frames.forEach((frame, at) => assertStrictEquals(space.unshare(0x10_0000n + BigInt(at * PAGE) + 5n), frame + 5));
  assertStrictEquals(space.frames.framesAllocated, taken);
});

Deno.test("unshare() leaves a huge page alone unless the byte in it is the file's; that it refuses", () => {
  const space = open();
  space.map(0x4000_0000n, BASE, FLAGS, { size: 2 * MIB2, pageSize: MIB2 });
  assertStrictEquals(space.unshare(0x4000_0000n + BigInt(8 * PAGE)), BASE + 8 * PAGE);
  assertStrictEquals(space.unshare(0x4020_0000n), BASE + MIB2);
  assertThrows(() => space.unshare(0x4000_0000n + BigInt(PAGE)), RangeError, "Cannot unshare a page of 2097152 bytes");
});

Deno.test("unshare() refuses a page that is not mapped, and changes nothing if no frame is left", () => {
  const space = open(BASE + 7 * PAGE); // three frames, all for tables
  space.map(0x10_0000n, FILE.phys, FLAGS);
  const before = space.memory.bytes(BASE, 8 * PAGE).slice();
  const exhausted: LoadError = assertThrows(() => void space.unshare(0x10_0000n), LoadError);
  assertEquals([exhausted.code, exhausted.detail], ["frames-exhausted", { field: "a copy of a page", value: PAGE }]);
  const unmapped: LoadError = assertThrows(() => void space.unshare(0x10_1234n), LoadError);
  assertEquals([unmapped.code, unmapped.detail], ["page-not-mapped", { field: "address", value: 0x10_1234n }]);
  assert(equals(space.memory.bytes(BASE, 8 * PAGE), before));
});

// The marks of v0.11

const COPIED = 1n << 9n; // as the original has it

/** Segments of which only the pages count. */
function segmentsOf(...ranges: readonly (readonly [start: number, memSize: number])[]): readonly Segment[] {
  const none = { p_flags: 4, p_type: 1 };
  return ranges.map(([start, memSize], index) => ({ ...none, index, load: { start, memSize } }) as unknown as Segment);
}

const noPause = (): undefined => undefined;

Deno.test("clearMarks() clears the marks in every page that a segment touches, across the hole too, and nothing else", async () => {
  const { pageTable } = open();
  const marked = FLAGS | COPIED | (1n << 10n);
  pageTable.mapTo(0x10_0000n, BASE, marked, { size: 4 * PAGE });
  pageTable.mapTo(0x7fff_ffff_e000n, BASE, marked, { size: 2 * PAGE });
  pageTable.mapTo(0xffff_8000_0000_0000n, BASE, FLAGS, { size: 2 * PAGE });
  pageTable.updateFlags(0xffff_8000_0000_1000n, marked);
  await clearMarks(pageTable, segmentsOf([0x10_0fff, 0x1002], [0x7fff_ffff_f800, 0x2000], [0x5000, 0]), noPause);
  assertEquals([...pageTable.leaves()].map(({ virt, flags }) => [virt, (flags & COPIED) !== 0n, flags & ~COPIED]), [
    [0x10_0000n, false, FLAGS | (1n << 10n)],
    [0x10_1000n, false, FLAGS | (1n << 10n)],
    [0x10_2000n, false, FLAGS | (1n << 10n)],
    [0x10_3000n, true, FLAGS | (1n << 10n)],
    [0x7fff_ffff_e000n, true, FLAGS | (1n << 10n)],
    [0x7fff_ffff_f000n, false, FLAGS | (1n << 10n)],
    [0xffff_8000_0000_0000n, false, FLAGS],
    [0xffff_8000_0000_1000n, false, FLAGS | (1n << 10n)],
  ]);
});

Deno.test("clearMarks() names the header and the first page of it that is not mapped", async () => {
  const { pageTable } = open();
  pageTable.mapTo(0x10_0000n, BASE, FLAGS, { size: 2 * PAGE });
  pageTable.mapTo(0x7fff_ffff_f000n, BASE, FLAGS);
  const cases = [
    { range: [0x10_0800, 0x2000], value: 0x10_2000n },
    { range: [0xf_ffff, 2], value: 0xf_f000n },
    { range: [0x7fff_ffff_f000, 0x1001], value: 0xffff_8000_0000_0000n },
  ] as const;
  for (const { range, value } of cases) {
    const segments = segmentsOf([0x10_0000, 1], range, [0x9000, 1]);
    const error: LoadError = await assertRejects(() => clearMarks(pageTable, segments, noPause), LoadError);
    assertEquals([error.code, error.detail], ["page-not-mapped", { index: 1, field: "address", value }]);
  }
});

Deno.test("clearMarks() pauses between 32 MiB of pages at most, within a segment and between segments", async () => {
  const updated: number[] = [];
  const pageTable = {
    updateFlags: (_virt: bigint, _flags: unknown, { size }: { readonly size: number }) => void updated.push(size),
  } as unknown as AddressSpace["pageTable"];
  const pauses: number[] = [];
  const pause = (): Promise<void> => {
    pauses.push(updated.length);
    return pauses.length === 5 ? Promise.reject(new Error("enough")) : Promise.resolve();
  };
  const segments = segmentsOf([0x10_0800, 0x500_0000], [0x4000_0000, PAGE], [0x5000_0000, PAGE], [0x6000_0000, PAGE]);
  await assertRejects(() => clearMarks(pageTable, segments, pause), Error, "enough");
  assertEquals(updated, [0x200_0000, 0x200_0000, 0x100_1000, PAGE, PAGE]);
  assertEquals(pauses, [1, 2, 3, 4, 5]);
});

// After a load

const KERNEL = buildElf({ segments: [{ p_flags: 6, filesz: 0x1800, p_memsz: 0x4000n }], length: 0x4000 });

for (const rules of Object.keys(RULES) as RuleSetName[]) {
  Deno.test(`after a load under ${rules} the file's pages alone are copied, once, and no leaf has a mark`, async () => {
    const kernel: LoadedKernel = await loadKernel(KERNEL, { rules });
    const { addressSpace, pageTable } = kernel;
    const [file] = kernel.frameRuns();
    const bytes = kernel.memory.bytes(file.phys, file.size).slice();
    const before = kernel.framesAllocated;
    addressSpace.write(0x40_1800n, new Uint8Array(0x2000).fill(1)); // the copy, and two pages of bss
    assertStrictEquals(kernel.framesAllocated, before);
    addressSpace.write(0x40_0000n, new Uint8Array(0x2000).fill(2)); // a page of the file, and the copy
    assertStrictEquals(kernel.framesAllocated, before + 1);
    const stack = addressSpace.reserve(PAGE);
    const [{ phys }] = addressSpace.mapFresh(stack, PAGE, PRESENT | WRITABLE | NO_EXECUTE, "kernel-stack");
    addressSpace.write(stack, new Uint8Array(8).fill(3));
    const found = pageTable.translate(stack);
    assertEquals([found.mapped && found.phys, kernel.memory.bytes(phys, 1)[0]], [phys, 3]);
    for (const { flags } of pageTable.leaves()) assertEquals(flags & ~(PRESENT | WRITABLE | NO_EXECUTE), 0n);
    assert(equals(kernel.memory.bytes(file.phys, file.size), bytes));
  });
}
