import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import { LoadError } from "../../../core/errors.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { checkSettings } from "../../../core/pipeline/settings.ts";
import { RULES, type RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

const MIB = 2 ** 20;

/** A source that must not be touched: a bad option is refused before the first byte. */
const UNTOUCHED = {
  read: (): never => {
    throw new Error("the source was read");
  },
};

type Refusal = readonly [what: string, options: unknown, error: typeof TypeError | typeof RangeError];

const window = (base: number) => physicalMemory({ base, buffer: new ArrayBuffer(MIB) });

const REFUSED: readonly Refusal[] = [
  ["an unknown rule set", { rules: "bootloader-9" }, TypeError],
  ["a property of every object as rules", { rules: "constructor" }, TypeError],
  ["a base inside a page", { memory: { base: 0x800 } }, RangeError],
  ["a base below 0", { memory: { base: -0x1000 } }, RangeError],
  ["a base above 2^52", { memory: { base: 2 ** 52 + 0x1000 } }, RangeError],
  ["a base that is no number", { memory: { base: "0" } }, TypeError],
  ["a bigint as base", { memory: { base: 0n } }, TypeError],
  ["a buffer as memory", { memory: new ArrayBuffer(4096) }, TypeError],
  ["a typed array as memory", { memory: new Uint8Array(4096) }, TypeError],
  ["a number as memory", { memory: 5 }, TypeError],
  ["no allocator as frames", { frames: {} }, TypeError],
  ["no pipeline as pipeline", { pipeline: {} }, TypeError],
  ["no signal as signal", { signal: {} }, TypeError],
  ["no function as onProgress", { onProgress: 3 }, TypeError],
  ["a maxMemory of half a byte more", { maxMemory: 4096.5 }, RangeError],
  ["a size that is not of whole pages", { memory: { size: 0x1001 } }, RangeError],
  ["a size below 0", { memory: { size: -0x1000 } }, RangeError],
  ["NaN as size", { memory: { size: NaN } }, RangeError],
  ["a size above maxMemory", { memory: { size: 2 * MIB }, maxMemory: MIB }, RangeError],
  ["a kernelOffset inside a page", { kernelOffset: 0x10_0001 }, RangeError],
  ["a kernelOffset below 0", { kernelOffset: -0x1000 }, RangeError],
  ["a kernelOffset below the base", { memory: { base: 0x10_0000 }, kernelOffset: 0xff000 }, RangeError],
  ["a kernelOffset below the caller's memory", { memory: window(MIB), kernelOffset: 0 }, RangeError],
  ["a kernelOffset above 2^52", { kernelOffset: 2 ** 52 + 0x1000 }, RangeError],
  ["Infinity as kernelOffset", { kernelOffset: Infinity }, RangeError],
  ["a level4Frame inside a page", { level4Frame: 0x10_0008 }, RangeError],
  ["a level4Frame below 0", { level4Frame: -0x1000 }, RangeError],
  ["a level4Frame at 2^52", { level4Frame: 2 ** 52 }, RangeError],
  ["a maxMemory of 0", { maxMemory: 0 }, RangeError],
  ["a maxMemory below 0", { maxMemory: -1 }, RangeError],
  ["NaN as maxMemory", { maxMemory: NaN }, RangeError],
  ["a maxMemory above 2^52", { maxMemory: 2 ** 52 + 1 }, RangeError],
  ["a bigint as maxMemory", { maxMemory: 4096n }, TypeError],
  ["a kernelBase below 0", { kernelBase: -1n }, RangeError],
  ["a kernelBase of 2^64", { kernelBase: 1n << 64n }, RangeError],
  ["a number as kernelBase", { kernelBase: 0x40_0000 }, TypeError],
];

for (const [what, options, kind] of REFUSED) {
  Deno.test(`${what} is refused with a ${kind.name} before the source is read`, async () => {
    await assertRejects(() => loadKernel(UNTOUCHED, options as LoadOptions), kind as typeof RangeError, "Cannot");
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({ pull: () => void pulls++ }, { highWaterMark: 0 });
    await assertRejects(() => loadKernel(stream, options as LoadOptions), kind as typeof RangeError);
    assertEquals([stream.locked, pulls], [false, 0]);
  });
}

Deno.test("checkSettings() fills in the defaults: base 0, the file 2 MiB above the base, 4 GiB at most", () => {
  const { base, size, memory, maxMemory, kernelOffset, level4Frame, frames, kernelBase } = checkSettings({});
  assertEquals([base, maxMemory, kernelOffset], [0, 4 * 2 ** 30, 2 * MIB]);
  assertEquals([size, memory, level4Frame, frames, kernelBase], Array(5).fill(undefined));
  assertStrictEquals(checkSettings({ memory: { base: 0x10_0000 } }).kernelOffset, 0x30_0000);
});

Deno.test("checkSettings() takes memory of the caller's with its base, whatever maxMemory is", () => {
  const memory = window(0x70_0000);
  const settings = checkSettings({ memory, maxMemory: 0x1000 });
  assertStrictEquals(settings.memory, memory);
  assertEquals([settings.base, settings.size, settings.kernelOffset], [0x70_0000, undefined, 0x90_0000]);
});

Deno.test("checkSettings() takes values up to their bounds", () => {
  const top = 2 ** 52;
  assertStrictEquals(checkSettings({ maxMemory: top }).maxMemory, top);
  assertStrictEquals(checkSettings({ maxMemory: 1 }).maxMemory, 1);
  assertStrictEquals(checkSettings({ level4Frame: top - 0x1000 }).level4Frame, top - 0x1000);
  assertStrictEquals(checkSettings({ kernelOffset: 0 }).kernelOffset, 0);
  assertStrictEquals(checkSettings({ memory: { size: MIB }, maxMemory: MIB }).size, MIB);
  assertStrictEquals(checkSettings({ kernelBase: (1n << 64n) - 1n }).kernelBase, (1n << 64n) - 1n);
  assertThrows(() => checkSettings({ memory: { size: MIB + 0x1000 }, maxMemory: MIB }), RangeError, "maxMemory");
});

Deno.test("the default kernelOffset above 2^52 is refused, and one given below it is not", () => {
  const base = 2 ** 52 - MIB;
  assertThrows(() => checkSettings({ memory: { base } }), RangeError);
  assert(checkSettings({ memory: { base }, kernelOffset: base }));
});

const ET_DYN = 3;
const DYN = buildElf({
  header: { e_type: ET_DYN, e_entry: 0x1010n },
  segments: [{ p_vaddr: 0x1000n, filesz: 0x100 }, { p_type: 7, p_vaddr: 0x1000n, filesz: 0x10, p_align: 1n }],
  length: 0x1200,
});

for (const rules of Object.keys(RULES) as RuleSetName[]) {
  Deno.test(`kernelBase moves every address of an ET_DYN kernel, or none and the load is refused (${rules})`, async () => {
    for (const kernelBase of [0x20_0000n, 0xffff_8000_0000_0000n, 0xffff_ffff_8000_0000n]) {
      const kernel = await loadKernel(DYN, { rules, kernelBase }).catch((error) => {
        assert(error instanceof LoadError || error instanceof RangeError || error instanceof TypeError, error);
        return undefined;
      });
      if (!kernel) continue;
      assertEquals([kernel.virtualAddressOffset, kernel.entryPoint], [kernelBase, kernelBase + 0x1010n]);
      assertStrictEquals(kernel.tlsTemplate?.startAddr, kernelBase + 0x1000n);
      assertEquals([...kernel.mappings()].map(({ virt }) => virt), [kernelBase + 0x1000n]);
      assert(kernel.usedLevel4Entries.has(Number((kernelBase >> 39n) & 511n)));
    }
  });
}

Deno.test("kernelBase is refused for a kernel with fixed addresses, and where it breaks the alignment", async () => {
  const fixed = buildElf({ segments: [{ filesz: 0x100 }] });
  const error = await assertRejects(() => loadKernel(fixed, { kernelBase: 0x20_0000n }), LoadError);
  assertStrictEquals(error.code, "kernel-base-refused");
  const odd = await assertRejects(() => loadKernel(DYN, { kernelBase: 0x20_0800n }), LoadError);
  assertStrictEquals(odd.code, "kernel-base-misaligned");
});
