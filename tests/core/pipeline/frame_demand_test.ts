import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import type { LoadRange } from "../../../core/elf/program_header.ts";
import { frameDemand } from "../../../core/pipeline/frame_demand.ts";
import { answeredFiles, readOriginal } from "../../original.ts";

const PAGE = 0x1000;
const GIB = 2 ** 30;

/** The ranges of a file's `PT_LOAD` headers; fields at the offsets of `Elf64_Phdr`, or of `Elf32_Phdr`. */
function loadsOf(file: Uint8Array): readonly LoadRange[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const wide = file[4] === 2;
  const word = (at: number) => wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  const table = Number(word(wide ? 32 : 28));
  const count = view.getUint16(wide ? 56 : 44, true);
  return Array.from({ length: count }, (_, index) => table + index * (wide ? 56 : 32))
    .filter((at) => view.getUint32(at, true) === 1)
    .map((at) => {
      const [offset, vaddr, filesz, memsz] = (wide ? [8, 16, 32, 40] : [4, 8, 16, 20]).map((field) => word(at + field));
      return {
        start: Number(BigInt.asUintN(48, vaddr)),
        memSize: Number(memsz),
        fileOffset: Number(offset),
        fileSize: Number(filesz),
      };
    });
}

Deno.test("frameDemand() covers what the original allocated for every file that it loaded", () => {
  let compared = 0;
  for (const answered of answeredFiles()) {
    const answer = answered["bootloader-0.10"];
    if (typeof answer !== "object" || !answer.ok) continue;
    const demand = frameDemand(loadsOf(readOriginal(answered.name)), () => false);
    // the original's level-4 table was not among its frames
    assertGreaterOrEqual(demand, answer.framesAllocated + 1, answered.name);
    compared++;
  }
  assert(compared > 100);
});

/** Ranges up to a few GiB that lie one behind the other, near the borders of tables of every level. */
const ranges = fc.array(
  fc.record({
    gap: fc.oneof(fc.nat(3 * PAGE), fc.constantFrom(0, 2 ** 21, GIB, 2 ** 39, 2 ** 39 - PAGE), fc.nat(2 * GIB)),
    size: fc.oneof(fc.integer({ min: 1, max: 5 * PAGE }), fc.integer({ min: 1, max: 3 * 2 ** 21 })),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    copied: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

Deno.test("frameDemand() is at least what tables, copies and zeroed pages take, and not much more", () => {
  fc.assert(fc.property(ranges, (list) => {
    let at = 0x40_0000;
    const copied = new Set<LoadRange>();
    const loads = list.map(({ gap, size, share, copied: copy }) => {
      const start = at + gap;
      const load = { start, memSize: size, fileOffset: PAGE + start % PAGE, fileSize: Math.floor(size * share) };
      if (copy) copied.add(load);
      at = start + size;
      return load;
    });
    const pages = new Set<number>();
    const fresh = new Set<number>();
    for (const load of loads) {
      const { start, memSize, fileSize } = load;
      const firstFresh = copied.has(load) ? start : start + fileSize;
      for (let page = Math.floor(start / PAGE); page * PAGE < start + memSize; page++) pages.add(page);
      for (let page = Math.floor(firstFresh / PAGE); page * PAGE < start + memSize; page++) fresh.add(page);
    }
    const tables = [9, 18, 27].map((bits) => new Set([...pages].map((page) => Math.floor(page / 2 ** bits))).size);
    const needed = 1 + tables.reduce((sum, count) => sum + count) + fresh.size;
    const demand = frameDemand(loads, (load) => copied.has(load));
    assertGreaterOrEqual(demand, needed);
    assertLessOrEqual(demand, needed + loads.length * 10);
  }));
});

Deno.test("frameDemand() of nothing is the level-4 table", () => {
  assertEquals(frameDemand([], () => true), 1);
});
