/** Two segments that are in conflict are found as Limine finds them, by comparing each with every other one. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { firstConflict } from "../../loaders/limine/conflict.ts";
import { BASE } from "./limine_kernel.ts";

const VERSION_8 = { newestRevision: 2, isChecked: false, randomizes: true };
const VERSION_12 = { newestRevision: 6, isChecked: true, randomizes: false };

function header(index: number, p_vaddr: bigint, p_memsz: bigint, p_flags: number): ProgramHeader {
  return { index, p_type: 1, p_flags, p_offset: 0n, p_vaddr, p_paddr: 0n, p_filesz: 0n, p_memsz, p_align: 0x1000n };
}

/** The loops of Limine, as its source and the recorded answers have them. */
function slowly(loads: readonly ProgramHeader[], isChecked: boolean): readonly unknown[] | undefined {
  const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
  for (const outer of loads) {
    const [start, end] = [outer.p_vaddr, wrap(outer.p_vaddr + outer.p_memsz)];
    if (isChecked && end < start) return ["overflow", outer.index, outer.index];
    for (const inner of loads) {
      if (inner === outer) continue;
      const [from, to] = [inner.p_vaddr, wrap(inner.p_vaddr + inner.p_memsz)];
      if (isChecked && to < from) return ["overflow", outer.index, inner.index];
      if ((from >= start && from < end) || (to > start && to <= end)) return ["overlap", outer.index, inner.index];
      const down = (value: bigint): bigint => value - value % 4096n;
      const up = (value: bigint): bigint => down(wrap(value + 4095n));
      const first = down(start) >= down(from) && down(start) < up(to);
      const last = up(end) > down(from) && up(end) <= up(to);
      if ((first || last) && (outer.p_flags & 7) !== (inner.p_flags & 7)) return ["flags", outer.index, inner.index];
    }
  }
  return undefined;
}

Deno.test("firstConflict() finds what comparing all pairs finds", () => {
  const address = fc.oneof(
    fc.integer({ min: 0, max: 0x9000 }).map((offset) => BASE + BigInt(offset)),
    fc.integer({ min: 0, max: 40 }).map((step) => BASE + BigInt(step) * 0x800n),
    fc.integer({ min: 1, max: 0x3000 }).map((offset) => 2n ** 64n - BigInt(offset)),
  );
  const size = fc.oneof(fc.constantFrom(1n, 0x800n, 0x1000n), fc.integer({ min: 1, max: 0x1800 }).map(BigInt));
  const load = fc.tuple(address, size, fc.constantFrom(4, 5, 6, 13));
  const property = fc.property(fc.array(load, { minLength: 1, maxLength: 7 }), fc.boolean(), (list, isChecked) => {
    const loads = list.map(([vaddr, memsz, flags], index) => header(index, vaddr, memsz, flags));
    const found = firstConflict({ loads, isRelocatable: false, version: isChecked ? VERSION_12 : VERSION_8 });
    assertEquals(found && [found.kind, found.outer.index, found.inner.index], slowly(loads, isChecked));
  });
  fc.assert(property, { numRuns: 3000 });
});

Deno.test("firstConflict() compares 65,535 segments, of which the last two are in conflict", () => {
  const loads = Array.from({ length: 65_535 }, (_, at) => header(at, BASE + 0x1000n * BigInt(at), 0x1000n, 4 + at % 4));
  const clash = header(65_535, BASE + 0x1000n * 65_534n + 0x800n, 0x1000n, 4);
  for (const version of [VERSION_8, VERSION_12]) {
    assertEquals(firstConflict({ loads, isRelocatable: false, version }), undefined);
    const found = firstConflict({ loads: [...loads, clash], isRelocatable: false, version });
    assert(found?.outer === loads[65_534] && found.inner === clash);
  }
});

Deno.test("firstConflict() leaves out segments that Limine refuses before it compares them", () => {
  const loads = [header(0, 0x1000n, 0x1000n, 5), header(1, 0x1000n, 0x1000n, 5)];
  assertEquals(firstConflict({ loads, isRelocatable: false, version: VERSION_8 }), undefined);
  assertEquals(firstConflict({ loads, isRelocatable: true, version: VERSION_8 })?.kind, "overlap");
});
