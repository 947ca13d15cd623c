/** Which level-4 entries program headers use, by each rule; whole loads are in l4_usage_test.ts. */

import { assertEquals, assertThrows } from "@std/assert";
import { type KernelAddresses, level4Usage as usageOf } from "../../../core/address_space/level4_usage.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import { LoadError } from "../../../core/errors.ts";
import { RULES as RULE_SETS, type Rules } from "../../../core/rules.ts";

/** The entries under rules that count so, and are the default ones else. */
function level4Usage(counts: Rules["level4Usage"], addresses: Omit<KernelAddresses, "rules">) {
  return usageOf({ ...addresses, rules: { ...RULE_SETS.default, level4Usage: counts } });
}

const ENTRY = 1n << 39n;
const LOAD = 1;
const NOTE = 4;
const TLS = 7;

/** A header with this range; loaded if it is a `PT_LOAD`. */
function header(p_type: number, p_vaddr: bigint, p_memsz: bigint, offset = 0n): Segment {
  const raw = { index: 0, p_flags: 4, p_offset: 0n, p_paddr: 0n, p_filesz: 0n, p_align: 1n, p_type, p_vaddr, p_memsz };
  const load = {
    start: Number(BigInt.asUintN(48, p_vaddr + offset)),
    memSize: Number(p_memsz),
    fileOffset: 0,
    fileSize: 0,
  };
  return p_type === LOAD ? { ...raw, load } : raw;
}

const SEGMENTS = [
  header(LOAD, 3n * ENTRY - 0x1000n, 0x2000n),
  header(NOTE, 7n * ENTRY, 0x10n),
  header(TLS, 9n * ENTRY, 0x10n),
  header(LOAD, 12n * ENTRY, ENTRY), // ends where entry 13 begins
  header(NOTE, 20n * ENTRY, 0n),
];

const RULES = ["loaded", "every-header", "every-header-inclusive"] as const;

Deno.test("level4Usage() counts what its rule says, and entry 0", () => {
  const expected = {
    "loaded": [0, 2, 3, 9, 12],
    "every-header": [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], // and the whole extent
    "every-header-inclusive": [0, 2, 3, 7, 9, 12, 13, 20],
  };
  for (const rule of RULES) {
    assertEquals([...level4Usage(rule, { segments: SEGMENTS, virtualAddressOffset: 0n })], expected[rule], rule);
  }
  assertEquals([...level4Usage("loaded", { segments: [], virtualAddressOffset: 0n })], [0]);
});

Deno.test("level4Usage() moves entries by the offset", () => {
  const kernel = { segments: [header(LOAD, 0n, 0x1000n, 5n * ENTRY)], virtualAddressOffset: 5n * ENTRY };
  assertEquals([...level4Usage("loaded", kernel)], [0, 5]);
  assertEquals([...level4Usage("every-header", { ...kernel, kernelBase: 5n * ENTRY })], [0, 5]);
});

Deno.test("level4Usage() reaches the last entry for a segment at the top", () => {
  const top = { segments: [header(LOAD, (1n << 64n) - 0x1000n, 0x1000n)], virtualAddressOffset: 0n };
  assertEquals([...level4Usage("loaded", top)], [0, 511]);
});

Deno.test("level4Usage() with ends counted in refuses a header whose end is not canonical", () => {
  const kernel = { segments: [header(NOTE, (1n << 47n) - 1n, 1n << 50n)], virtualAddressOffset: 0n };
  assertThrows(() => level4Usage("every-header-inclusive", kernel), LoadError, "p_vaddr + p_memsz");
  level4Usage("loaded", kernel);
});
