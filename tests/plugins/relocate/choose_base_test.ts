import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { ET_DYN, PF_R, PT_NOTE } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel, type LoadOptions, physicalMemory } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { relocate, type RelocateOptions } from "../../../plugins/relocate.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";

const LOWER_END = 1n << 47n;
const HIGHER_START = 0xffff_8000_0000_0000n;
const ADDRESS_END = 1n << 64n;
const ENTRY = 1n << 39n;

interface Shape {
  readonly low?: bigint;
  /** Where the last page starts, from the lowest address. */
  readonly last?: bigint;
  readonly p_align?: bigint;
}

/** A position-independent kernel whose first and last byte lie this far apart. */
function kernelOf({ low = 0n, last = 0n, p_align = 0x1000n }: Shape, more: readonly SegmentSpec[] = []) {
  const segments: readonly SegmentSpec[] = [
    { offset: 0x1000, p_vaddr: low, filesz: 0x1000, p_align },
    ...last === 0n ? [] : [{ offset: 0x2000, p_vaddr: low + last, filesz: 0x1000, p_align: 0x1000n }],
    ...more,
  ];
  return buildElf({ header: { e_type: ET_DYN, e_entry: low }, segments, length: 0x4000 });
}

const loadAt = (file: Uint8Array, options: RelocateOptions = {}, load: Omit<LoadOptions, "plugins"> = {}) =>
  loadKernel(file, { ...load, plugins: [relocate(options)] });

/** Every place of a kernel: multiples of the step outside the first level-4 entry, where it fits into one half. */
function places(step: bigint, size: bigint): readonly bigint[] {
  const found: bigint[] = [];
  for (let at = 0n; at < LOWER_END; at += step) if (at >= ENTRY && at + size <= LOWER_END) found.push(at);
  for (let at = HIGHER_START; at < ADDRESS_END; at += step) if (at + size <= ADDRESS_END) found.push(at);
  return found;
}

const kernelLow = ({ low = 0n }: Shape): bigint => low;

const ascending = (numbers: Iterable<bigint>): readonly bigint[] => [...numbers].sort((a, b) => a < b ? -1 : 1);

for (
  const [what, shape, size] of [
    ["of one page", {}, 0x1000n],
    ["of a step and a page", { last: 1n << 44n }, (1n << 44n) + 0x1000n],
    ["of exactly two steps", { last: (1n << 45n) - 0x1000n }, 1n << 45n],
    ["of nearly half the address space", { last: LOWER_END - (1n << 44n) }, LOWER_END - (1n << 44n) + 0x1000n],
    ["that starts inside a step", { low: 0x5000n, last: (1n << 44n) - 0x6000n }, 1n << 44n],
    ["that is linked some steps up", { low: (5n << 44n) + 0x5000n, last: 0x1000n }, 0x7000n],
    ["that starts inside a step and ends after it", { low: 0x5000n, last: (1n << 44n) - 0x5000n }, (1n << 44n) + 1n],
  ] as const
) {
  Deno.test(`a seed places a kernel ${what} at any multiple of its alignment where it fits, and nowhere else`, async () => {
    const step = 1n << 44n;
    const found = new Set<bigint>();
    for (let seed = 0n; seed < 150n; seed++) {
      const kernel = await loadAt(kernelOf({ ...shape, p_align: step }), { seed });
      found.add(kernel.entryPoint - (kernelLow(shape) % step));
    }
    assertEquals(ascending(found), places(step, size));
  });
}

Deno.test("a kernel that needs all of a half is placed in the higher one", async () => {
  const file = kernelOf({ last: LOWER_END - 0x1000n });
  for (const seed of [undefined, 1n, 2n]) {
    const kernel = await loadAt(file, seed === undefined ? {} : { seed });
    assertEquals(kernel.entryPoint, HIGHER_START);
  }
  const steepest = kernelOf({ p_align: LOWER_END });
  for (const seed of [undefined, 1n, 2n]) {
    assertEquals((await loadAt(steepest, seed === undefined ? {} : { seed })).entryPoint, HIGHER_START);
  }
});

Deno.test("a kernel whose alignment is less than a page is placed at a page", async () => {
  for (const p_align of [0n, 1n, 0x800n]) {
    const file = kernelOf({ low: 0x2000n, p_align });
    assertEquals((await loadAt(file)).entryPoint, ENTRY);
    for (let seed = 0n; seed < 20n; seed++) {
      assertEquals((await loadAt(file, { seed })).virtualAddressOffset % 0x1000n, 0n);
    }
  }
});

Deno.test("what cannot be placed is left where it was linked, and refused by the check that names its header", async () => {
  const cases = [
    [{ p_align: 0x3000n }, "alignment-invalid"],
    [{ p_align: LOWER_END * 2n }, undefined],
    [{ last: LOWER_END }, "address-not-canonical"],
    [{ low: 0x1000n, last: LOWER_END - 0x1000n, p_align: 0x20_0000n }, "address-not-canonical"],
  ] as const;
  for (const [shape, code] of cases) {
    for (const options of [{}, { seed: 3n }]) {
      const load = loadAt(kernelOf(shape), options);
      if (code === undefined) assertEquals((await load).virtualAddressOffset, 0n);
      else assertObjectMatch(await assertRejects(() => load, LoadError), { code });
    }
  }
  const empty = buildElf({
    header: { e_type: ET_DYN, e_entry: 0n },
    segments: [{ p_type: PT_NOTE, p_flags: PF_R, offset: 0x1000, filesz: 0 }, { p_vaddr: 0x5000n, p_memsz: 0n }],
  });
  for (const options of [{}, { seed: 3n }]) {
    assertObjectMatch(await assertRejects(() => loadAt(empty, options), LoadError), { code: "no-load-segment" });
  }
});

Deno.test("a header of one byte moves a kernel, and a header without memory does not", async () => {
  const withHeader = (p_memsz: bigint) => kernelOf({ low: 0x40_0000n }, [{ p_vaddr: 0x1000n, p_memsz, filesz: 0 }]);
  assertEquals((await loadAt(withHeader(0n))).entryPoint, ENTRY);
  assertEquals((await loadAt(withHeader(1n))).entryPoint, ENTRY + 0x3f_f000n);
});

Deno.test("a kernel with fixed addresses, or with a base of the caller's, is not placed", async () => {
  const fixed = buildElf({ segments: [{ offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000 }] });
  for (const options of [{}, { seed: 3n }]) {
    assertEquals((await loadAt(fixed, options)).virtualAddressOffset, 0n);
    assertEquals((await loadAt(kernelOf({}), options, { kernelBase: 0x7000n })).virtualAddressOffset, 0x7000n);
  }
});

Deno.test("v0.11 of the original places kernels at a level-4 entry after the physical memory, and after 4 GiB", async () => {
  const PAGE = 0x1000;
  // Entry 1 starts at 512 GiB, 2^39.
  const cases = [
    [{ base: 0x1000_0000, size: 2 ** 26 }, {}, 1n],
    [{ base: 0x1000_0000, size: 2 ** 26 }, { low: 0x1234_5000n }, 1n],
    [{ base: 2 ** 39 - 2 ** 26, size: 2 ** 26 }, {}, 1n],
    [{ base: 2 ** 39 - 2 ** 26, size: 2 ** 26 + PAGE }, {}, 2n],
    [{ base: 3 * 2 ** 39, size: 2 ** 26 }, {}, 4n],
    [{ base: 256 * 2 ** 39, size: 2 ** 26 }, {}, 0x1ffff01n],
    [{ base: 0x1000_0000, size: 2 ** 26 }, { last: 254n * ENTRY }, 1n],
  ] as const;
  for (const [memory, shape, entry] of cases) {
    const layout = { memory, level4Frame: memory.base, kernelOffset: memory.base + PAGE };
    const kernel = await loadKernel(kernelOf(shape), { ...presets["bootloader-0.11"], ...layout });
    assertEquals(kernel.entryPoint, entry * ENTRY, `${memory.base + memory.size}`);
  }
});

Deno.test("v0.11 of the original places a kernel of one byte too", async () => {
  const file = buildElf({
    header: { e_type: ET_DYN, e_entry: 0n },
    segments: [{ offset: 0x1000, p_vaddr: 0n, filesz: 1 }],
    length: 0x2000,
  });
  const layout = { memory: { base: 0x1000_0000, size: 2 ** 26 }, level4Frame: 0x1000_0000, kernelOffset: 0x1000_1000 };
  assertEquals((await loadKernel(file, { ...presets["bootloader-0.11"], ...layout })).entryPoint, ENTRY);
});

Deno.test("v0.11 of the original counts memory that it is given, and of memory without a size only the base", async () => {
  const place = async (memory: LoadOptions["memory"], base: number) => {
    const layout = { memory, level4Frame: base, kernelOffset: base + 0x1000 };
    return (await loadKernel(kernelOf({}), { ...presets["bootloader-0.11"], ...layout })).entryPoint;
  };
  const size = 2 ** 20;
  const given = (base: number) => physicalMemory({ base, buffer: new ArrayBuffer(size) });
  assertEquals(await place(given(2 ** 39 - size), 2 ** 39 - size), ENTRY);
  assertEquals(await place(given(2 ** 39 - size + 0x1000), 2 ** 39 - size + 0x1000), 2n * ENTRY);
  assertEquals(await place({ base: 2 ** 39 }, 2 ** 39), ENTRY);
  assertEquals(await place({ base: 2 ** 39 + 0x1000 }, 2 ** 39 + 0x1000), 2n * ENTRY);
});

Deno.test("v0.11 of the original refuses a kernel for which too few level-4 entries are left, or without a size", async () => {
  const load = (file: Uint8Array, base: number) => {
    const layout = { memory: { base, size: 2 ** 26 }, level4Frame: base, kernelOffset: base + 0x1000 };
    return loadKernel(file, { ...presets["bootloader-0.11"], ...layout });
  };
  const high = 509 * 2 ** 39;
  assertEquals((await load(kernelOf({ last: ENTRY }), high)).entryPoint, ADDRESS_END - 2n * ENTRY);
  const refused = [[kernelOf({ last: 2n * ENTRY }), high], [
    buildElf({ header: { e_type: ET_DYN } }),
    0x1000_0000,
  ]] as const;
  for (const [file, base] of refused) {
    assertObjectMatch(await assertRejects(() => load(file, base), LoadError), { code: "level4-exhausted" });
  }
  const odd = kernelOf({ p_align: 0x3000n });
  assertObjectMatch(await assertRejects(() => load(odd, 0x1000_0000), LoadError), {
    code: "alignment-invalid",
    detail: { value: 0x3000n },
  });
});
