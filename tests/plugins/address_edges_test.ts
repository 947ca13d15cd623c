/** Headers whose ranges end at or past the end of the address space, or cross the hole: a file never causes another error. */

import { assert, assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import {
  ET_DYN,
  PF_R,
  PF_W,
  PF_X,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_NOTE,
  PT_OPENBSD_BOOTDATA,
  PT_OPENBSD_MUTABLE,
  PT_OPENBSD_RANDOMIZE,
  PT_PHDR,
  PT_TLS,
} from "../../core/elf/constants.ts";
import { type ErrorCode, LoadError, loadKernel, type RuleSetName } from "../../mod.ts";
import { RULES } from "../../core/rules.ts";
import { presets } from "../../plugins/presets.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";

const RULE_SETS = Object.keys(RULES) as readonly RuleSetName[];
const { plugins } = presets.default;

const TOP = (1n << 64n) - 0x1000n;
const HOLE = 1n << 47n;
const UPPER = 0xffff_8000_0000_0000n;

const TEXT: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000, p_flags: PF_R | PF_X };
const writable = (p_vaddr: bigint, size: number): SegmentSpec => {
  return { offset: 0x2000, p_vaddr, filesz: 0x800, p_memsz: BigInt(size), p_flags: PF_R | PF_W };
};

/** Where a segment with data may lie: before the hole, over it (as v0.10 has it), after it, and at the very top. */
const DATA: readonly SegmentSpec[] = [
  writable(HOLE - 0x2000n, 0x1800),
  writable(HOLE - 0x1000n, 0x1ff0),
  writable(UPPER, 0x1800),
  writable(TOP, 0x1000),
  writable(TOP, 0xff0),
];

const TYPES = [
  PT_OPENBSD_RANDOMIZE,
  PT_OPENBSD_BOOTDATA,
  PT_OPENBSD_MUTABLE,
  PT_GNU_RELRO,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_STACK,
  PT_PHDR,
  PT_DYNAMIC,
  PT_NOTE,
  PT_INTERP,
  PT_TLS,
];

const RANGES: readonly (readonly [start: bigint, size: bigint])[] = [
  [TOP, 0x1000n],
  [TOP, 0xff0n],
  [TOP + 0xff8n, 8n],
  [TOP + 0xff8n, 9n],
  [TOP, 0x1001n],
  [TOP, (1n << 64n) - 1n],
  [0n, (1n << 64n) - 1n],
  [(1n << 64n) - 1n, 1n],
  [(1n << 64n) - 1n, 2n],
  [HOLE - 0x1000n, 0x1000n],
  [HOLE - 8n, 16n],
  [HOLE - 0x1000n, 0x2000n],
  [HOLE - 0x1000n, UPPER - HOLE + 0x1800n],
  [HOLE, 0x100n],
  [UPPER - 8n, 16n],
  [UPPER - 8n, 0n],
  [1n << 60n, 0n],
  [UPPER, 0x1800n],
];

for (const rules of RULE_SETS) {
  for (const e_type of [2, ET_DYN]) {
    Deno.test(`ranges at the edges of the address space under ${rules}, e_type ${e_type}: loaded, or refused`, async () => {
      const bases = e_type === ET_DYN ? [undefined, 0n, 0x40_0000n, UPPER] : [undefined];
      for (const data of DATA) {
        for (const p_type of TYPES) {
          for (const [p_vaddr, p_memsz] of RANGES) {
            for (const kernelBase of bases) {
              const special: SegmentSpec = { p_type, offset: 0x2000, p_vaddr, p_memsz, filesz: 0x40, p_align: 1n };
              const file = buildElf({ header: { e_type }, segments: [TEXT, data, special], length: 0x4000 });
              const error = await loadKernel(file, { rules, plugins, kernelBase }).then(() => undefined, (e) => e);
              if (error === undefined) continue;
              assert(error instanceof LoadError, `${error?.stack}`);
              assert(error.code !== "plugin-failed", `${error.message}: ${error.cause}`);
            }
          }
        }
      }
    });
  }
}

/** A kernel with one relocation of `R_X86_64_RELATIVE` at `place`, its tables in the segment of data. */
function relocated(data: bigint, table: bigint, place: bigint): Uint8Array {
  const words = new BigUint64Array(0x200);
  const address = BigInt.asUintN(64, table);
  words.set([7n, address, 8n, 24n, 9n, 24n, 0n]);
  words.set([place, 8n, 0x10n], 0x20);
  const bytes = new Uint8Array(words.buffer);
  const segments: readonly SegmentSpec[] = [
    { ...TEXT, p_vaddr: data - 0x1000n },
    { offset: 0x2000, p_vaddr: data, data: bytes, p_flags: PF_R | PF_W },
    { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: data, filesz: 0x70, p_memsz: 0x70n, p_align: 8n },
  ];
  return buildElf({ header: { e_type: ET_DYN, e_entry: data - 0x1000n }, segments, length: 0x4000 });
}

async function assertRefused(load: Promise<unknown>, code: ErrorCode, detail: Record<string, unknown>): Promise<void> {
  const error = await assertRejects(() => load, LoadError);
  assertEquals(error.code, code, error.message);
  assertObjectMatch(error.detail, detail);
}

Deno.test("a relocation table whose entry ends past 2^64 is refused", async () => {
  const file = relocated(TOP, (1n << 64n) - 16n, TOP + 0x800n);
  const field = "the end of a relocation table, past its segment's file bytes,";
  const end = { index: 2, field, value: (1n << 64n) + 8n };
  await assertRefused(loadKernel(file, { plugins, kernelBase: 0n }), "dynamic-malformed", end);
});

Deno.test("v0.11: a relocated word that ends past 2^64 is refused by name", async () => {
  const { plugins } = presets["bootloader-0.11"];
  const options = { rules: "bootloader-0.11", plugins } as const;
  // v0.11 refuses a segment that ends at 2^64, so the last word of this one has one byte in the segment.
  const segments: readonly SegmentSpec[] = [
    { ...TEXT, p_vaddr: TOP - 0x1000n },
    { offset: 0x2000, p_vaddr: TOP, filesz: 0xffe, p_flags: PF_R | PF_W },
    { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: TOP, filesz: 0x70, p_memsz: 0x70n, p_align: 8n },
  ];
  const file = buildElf({ header: { e_type: ET_DYN, e_entry: TOP - 0x1000n }, segments, length: 0x4000 });
  const view = new DataView(file.buffer);
  [7n, TOP + 0x100n, 8n, 24n, 9n, 24n, ...Array<bigint>(8).fill(0n)].forEach((word, at) => {
    view.setBigUint64(0x2000 + at * 8, word, true);
  });
  [TOP + 0xffdn, 8n, 0n].forEach((word, at) => view.setBigUint64(0x2100 + at * 8, word, true));
  const end = { index: 2, field: "the end of a relocated word", value: (1n << 64n) + 5n };
  await assertRefused(loadKernel(file, { ...options, kernelBase: 0n }), "address-overflow", end);
});
