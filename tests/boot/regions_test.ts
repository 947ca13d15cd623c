import { assertEquals, assertThrows } from "@std/assert";
import { type Region, usedRegions } from "../../boot/regions.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { FrameRun } from "../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../core/memory/physical_memory.ts";

const BASE = 0x10_0000;
const PAGE = 0x1000;
const ET_EXEC = 2;
const ET_DYN = 3;

/** Memory of 32 frames; frames in `full` have one byte, their last. */
function memoryWith(full: readonly number[]) {
  const memory = physicalMemory({ base: BASE, buffer: new ArrayBuffer(32 * PAGE) });
  for (const frame of full) memory.bytes(BASE + frame * PAGE, PAGE)[PAGE - 1] = 1;
  return memory;
}

function kernelOf(full: readonly number[], runs: readonly (readonly [number, number, string])[], e_type = ET_EXEC) {
  const frameRuns = (): readonly FrameRun[] =>
    runs.map(([frame, count, owner]) => ({ phys: BASE + frame * PAGE, size: count * PAGE, owner }));
  return { memory: memoryWith(full), frameRuns, fileHeader: { e_type } as FileHeader, programHeaders: [] };
}

/** Regions as frame numbers: `"2-4"` has content, `"(5-6)"` is zero. */
function shown(regions: readonly Region[]): string {
  return regions.map(({ phys, size, content }) => {
    const range = `${(phys - BASE) / PAGE}-${(phys + size - BASE) / PAGE - 1}`;
    return content ? range : `(${range})`;
  }).join(" ");
}

const CASES: readonly (readonly [string, number[], (readonly [number, number, string])[], string])[] = [
  ["nothing in use", [], [], ""],
  ["one frame with content", [3], [[3, 1, "file"]], "3-3"],
  ["one frame without", [], [[3, 1, "copy"]], "(3-3)"],
  ["content without an owner", [1, 3], [[3, 1, "file"]], "3-3"],
  ["a run with holes", [1, 2, 5], [[0, 8, "file"]], "(0-0) 1-2 (3-4) 5-5 (6-7)"],
  [
    "neighbours of different owners",
    [2, 3],
    [[3, 1, "table"], [2, 1, "file"], [4, 1, "copy"], [5, 1, "bss"]],
    "2-3 (4-5)",
  ],
  ["runs that overlap", [2, 3, 4], [[2, 2, "file"], [3, 2, "ramdisk"]], "2-4"],
  ["a run inside of another", [2], [[1, 6, "file"], [2, 1, "x"], [7, 1, "table"]], "(1-1) 2-2 (3-7)"],
  ["the last frame of memory", [31], [[30, 2, "table"]], "(30-30) 31-31"],
];

for (const [what, full, runs, expected] of CASES) {
  Deno.test(`usedRegions(): ${what}`, () => assertEquals(shown(usedRegions(kernelOf(full, runs))), expected));
}

Deno.test("usedRegions() does not look at the .bss of a kernel with fixed addresses", () => {
  const runs = [[2, 4, "bss"]] as const;
  assertEquals(shown(usedRegions(kernelOf([3], runs))), "(2-5)");
  assertEquals(shown(usedRegions(kernelOf([3], runs), { scanBss: true })), "(2-2) 3-3 (4-5)");
});

Deno.test("usedRegions() looks at the .bss of a position-independent kernel, where relocations may write", () => {
  const runs = [[2, 4, "bss"]] as const;
  assertEquals(shown(usedRegions(kernelOf([3], runs, ET_DYN))), "(2-2) 3-3 (4-5)");
  assertEquals(shown(usedRegions(kernelOf([3], runs, ET_DYN), { scanBss: false })), "(2-5)");
});

// readelf's names of what changes memory after a load: DYNAMIC, OPENBSD_RANDOMIZE, and a type of a plugin's own.
for (
  const [p_type, looks] of [[1, false], [0x6474e551, false], [2, true], [0x65a3dbe6, true], [
    0x6000_0001,
    true,
  ]] as const
) {
  Deno.test(`usedRegions() ${looks ? "looks" : "does not look"} at .bss beside a header of type ${p_type}`, () => {
    const kernel = { ...kernelOf([3], [[2, 4, "bss"]]), programHeaders: [{ p_type } as ProgramHeader] };
    assertEquals(shown(usedRegions(kernel)), looks ? "(2-2) 3-3 (4-5)" : "(2-5)");
  });
}

Deno.test("usedRegions() counts a ramdisk that the caller has put into memory, with the pages that it touches", () => {
  const disk = (phys: number, size: number) => ({ ramdisk: { virt: 0n, phys, size } });
  const kernel = kernelOf([8, 9], [[2, 1, "table"]]);
  assertEquals(shown(usedRegions(kernel, disk(BASE + 8 * PAGE + 16, PAGE))), "(2-2) 8-9");
  assertEquals(shown(usedRegions(kernel, disk(0x4000_0000, PAGE))), "(2-2)");
  assertThrows(() => usedRegions(kernel, { ramdisk: 1 as never }), TypeError, "pass what addRamdisk() returns");
});
