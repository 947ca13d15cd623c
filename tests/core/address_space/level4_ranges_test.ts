/** Which level-4 entries count as used; what is expected is bits 39 to 47 of the first and of the last byte. */

import { assertEquals } from "@std/assert";
import { ET_DYN, PF_R, PF_W, PT_NOTE, PT_TLS } from "../../../core/elf/constants.ts";
import { loadKernel, type LoadOptions, type RuleSetName } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf, type ElfSpec, type SegmentSpec } from "../../elf_builder.ts";

const TEXT: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x200 };
const HOLE = 1n << 47n;
const UPPER = 0xffff_8000_0000_0000n;

async function usedBy(spec: ElfSpec, rules: RuleSetName, options: LoadOptions = {}): Promise<readonly number[]> {
  const { plugins: _, pipeline: __, ...rest } = options;
  const kernel = await loadKernel(buildElf({ length: 0x4000, ...spec }), { ...rest, rules });
  return [...kernel.usedLevel4Entries];
}

const range = (first: number, last: number): readonly number[] => {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
};

/** Ranges with memory, and the entries that they take besides entry 0. */
const RANGES: readonly (readonly [start: bigint, size: bigint, entries: readonly number[]])[] = [
  // From 0 over the hole: the last byte is 0xffff800000000fff, in entry 256.
  [0n, 0xffff_8000_0000_1000n, range(0, 256)],
  [0n, UPPER + 1n, range(0, 256)],
  [3n << 39n, UPPER - (3n << 39n) + (1n << 39n), range(3, 256)],
  [3n << 39n, UPPER - (3n << 39n) + (1n << 39n) + 1n, range(3, 257)],
  [0n, HOLE, range(0, 255)],
  [HOLE - 1n, 1n, [255]],
  [HOLE - 1n, UPPER - HOLE + 2n, [255, 256]],
  [UPPER, HOLE, range(256, 511)],
  [(1n << 64n) - 1n, 1n, [511]],
  [5n << 39n, 1n << 39n, [5]],
  [5n << 39n, (1n << 39n) + 1n, [5, 6]],
];

for (const [start, size, entries] of RANGES) {
  Deno.test(`a range of 0x${size.toString(16)} bytes from 0x${start.toString(16)} takes the entries of its bytes`, async () => {
    const expected = [...new Set([0, ...entries])];
    // The rules of v0.11 count every header with memory.
    const note = { p_type: PT_NOTE, offset: 0x1000, p_vaddr: start, p_memsz: size, filesz: 0, p_align: 1n };
    assertEquals(await usedBy({ segments: [TEXT, note] }, "bootloader-0.11"), expected);
    // The default rules count a TLS template, wherever it says that it lies.
    const template = { ...note, p_type: PT_TLS };
    assertEquals(await usedBy({ segments: [TEXT, template] }, "default"), expected);
  });
}

Deno.test("a template in the hole takes no entry, one that ends or starts there those of its other bytes", async () => {
  const cases: readonly (readonly [bigint, bigint, readonly number[]])[] = [
    [HOLE, 0x1000n, []],
    [HOLE - 1n, 0x1000n, [255]],
    [UPPER - 1n, 2n, [256]],
    [HOLE, UPPER - HOLE + 1n, [256]],
  ];
  for (const [p_vaddr, p_memsz, entries] of cases) {
    const template = { p_type: PT_TLS, offset: 0x1000, p_vaddr, p_memsz, filesz: 0, p_align: 1n };
    assertEquals(await usedBy({ segments: [TEXT, template] }, "default"), [0, ...entries]);
  }
});

Deno.test("v0.11: the extent counts from its lowest to its highest address, from a given base on", async () => {
  const data = { ...TEXT, p_vaddr: 0x40_0000n + (4n << 39n), p_flags: PF_R | PF_W };
  assertEquals(await usedBy({ segments: [TEXT, data] }, "bootloader-0.11"), range(0, 4));
  const header = { e_type: ET_DYN };
  const kernelBase = 0xffff_9000_0000_0000n; // entry 288; "O = B, low NOT subtracted", so the segments lie higher
  const used = await usedBy({ header, segments: [TEXT, data] }, "bootloader-0.11", { kernelBase });
  assertEquals(used, [0, ...range(288, 292)]);
});

Deno.test("the default rules count what is loaded, not what lies between, wherever a kernel was placed", async () => {
  const header = { e_type: ET_DYN };
  const segments = [TEXT, { ...TEXT, p_vaddr: 0x40_0000n + (4n << 39n), p_flags: PF_R | PF_W }];
  const file = buildElf({ header, segments, length: 0x4000 });
  const kernel = await loadKernel(file, { plugins: [relocate()] });
  assertEquals([...kernel.usedLevel4Entries], [0, 1, 5]);
});
