/** Where GRUB's relocator keeps things: addresses from what GRUB prints with debug=relocator. */

import { assertEquals } from "@std/assert";
import { alignDown, alignUp, grubHeap } from "../../loaders/grub/heap.ts";
import { type Allocation, grubRelocator } from "../../loaders/grub/relocator.ts";

// 256 MiB: the large free range of the heap, the largest hole above it, and the memory of the BIOS's map
const HEAP = [{ start: 0x10_0000, end: 0xff4_e2f0 }, { start: 0xff7_4490, end: 0xff7_4c60 }];
const MEMORY = [{ start: 0, end: 0x9_fc00 }, { start: 0x10_0000, end: 0xffe_0000 }];

function sourceOf(allocation: Allocation): number | string {
  return allocation.kind === "placed" ? allocation.chunk.source : allocation.kind;
}

Deno.test("a range in free memory is kept at its place", () => {
  const { reserve } = grubRelocator(HEAP, MEMORY);
  assertEquals(sourceOf(reserve(0x11_0000, 0x414)), 0x11_0000);
});

Deno.test("a range above the heap is kept as high as it fits", () => {
  const { reserve } = grubRelocator(HEAP, MEMORY);
  assertEquals(sourceOf(reserve(0x11_0000, 0x414)), 0x11_0000);
  assertEquals(sourceOf(reserve(0x1000_0000, 0x100)), 0xff7_4b60);
  assertEquals(sourceOf(grubRelocator(HEAP, MEMORY).reserve(0x1000_0000, 0x1_0000)), 0xff3_e2f0);
});

Deno.test("what the kernel is given is kept below it, and moved under 640 KiB", () => {
  const { reserve, place, canMove } = grubRelocator(HEAP, MEMORY);
  reserve(0x11_0000, 0x414);
  reserve(0x1000_0000, 0x100);
  const information = place({ min: 0x1_0000, max: 0x9_f8b0, size: 0x750, align: 4 });
  const entering = place({ min: 0x1000, max: 0x9_9f30, size: 0xd0, align: 16, preference: "low" });
  assertEquals([information, entering].map((each) => each.kind === "placed" && each.chunk), [
    { source: 0x10_0000, target: 0x1_0000, size: 0x750 },
    { source: 0x10_0750, target: 0x1000, size: 0xd0 },
  ]);
  assertEquals(canMove(), true);
});

Deno.test("under Multiboot 2 the information takes the place below the kernel, and nothing is left for the code", () => {
  const { reserve, place } = grubRelocator(HEAP, MEMORY);
  reserve(0x11_0000, 0x414);
  reserve(0x1000_0000, 0x100);
  const information = place({ min: 0x1000, max: 0xffff_fb2e, size: 0x4d2, align: 8 });
  assertEquals(information.kind === "placed" && information.chunk.target, 0x10_0000);
  assertEquals(place({ min: 0x1000, max: 0x9_9f30, size: 0xd0, align: 16, preference: "low" }).kind, "no-memory");
});

Deno.test("ranges overlap if one starts in the other", () => {
  const chunks: readonly (readonly [number, number, string])[] = [
    [0x20_1000, 0x10, "overlap"],
    [0x20_0000, 0, "overlap"],
    [0x20_2000, 0, "placed"],
    [0x20_2000, 0, "placed"],
    [0x1f_f000, 0x1000, "placed"],
    [0x1f_f000, 0x1001, "overlap"],
    [0x20_2000, 1, "overlap"], // the empty ones start there
  ];
  const { reserve } = grubRelocator(HEAP, MEMORY);
  reserve(0x20_0000, 0x2000);
  for (const [target, size, kind] of chunks) assertEquals(reserve(target, size).kind, kind, target.toString(16));
});

Deno.test("a range has to end below 4 GiB", () => {
  const { reserve } = grubRelocator(HEAP, MEMORY);
  assertEquals(reserve(0xffff_f000, 0x1000).kind, "out-of-range");
  assertEquals(reserve(0xffff_f000, 0xfff).kind, "placed");
});

Deno.test("a size whose sum with an address wraps seems to fit", () => {
  // address fields that end at 0xffffffff: GRUB printed "allocated: 0xff739a0+0xffe83fff", and hung
  assertEquals(grubRelocator(HEAP, MEMORY).reserve(0x17_c000, 0xffe8_3fff).kind, "wraps");
});

Deno.test("bytes past a kept range are harmful where the heap has its next block", () => {
  const { reserve, isHarmful } = grubRelocator(HEAP, MEMORY);
  reserve(0x20_0000, 0x21);
  assertEquals(isHarmful(0x20_0021, 0x20_0030), false);
  assertEquals(isHarmful(0x20_0021, 0x20_0031), true);
  assertEquals(isHarmful(0x20_0030, 0x20_0030), false);
});

Deno.test("addresses are rounded by the bits of the alignment, whatever it is", () => {
  assertEquals([alignUp(0x1001, 0x1000), alignUp(0x1000, 1), alignUp(0x1234, 0)], [0x2000, 0x1000, 0]);
  assertEquals([alignDown(0x1fff, 0x1000), alignDown(0xffff_ffff, 1), alignUp(5, 3)], [0x1000, 0xffff_ffff, 5]);
});

Deno.test("a heap gives the same as a search of every address", () => {
  const ranges = [{ start: 16, end: 64 }, { start: 96, end: 128 }];
  const heap = grubHeap(ranges);
  const blocked = [{ target: 40, size: 60 }];
  const isFree = (address: number): boolean =>
    ranges.some(({ start, end }) => start <= address && address < end) && !(address >= 40 && address < 100);
  for (const size of [1, 7, 16, 24, 25, 29]) {
    for (const align of [1, 8, 16]) {
      for (const [start, end] of [[0, 200], [20, 120], [41, 110], [97, 128]]) {
        const fits = Array.from({ length: 200 }, (_, at) => at).filter((at) => {
          return at % align === 0 && at >= start && at + size <= end &&
            Array.from({ length: size }, (_, index) => at + index).every(isFree);
        });
        const found = [heap.lowest, heap.highest].map((find) => find({ start, end }, size, align, blocked));
        assertEquals(found, [fits.at(0), fits.at(-1)], `${size} aligned to ${align} in ${start}..${end}`);
      }
    }
  }
});
