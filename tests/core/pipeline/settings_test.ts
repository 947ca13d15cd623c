import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import { LoadError } from "../../../core/errors.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { checkSettings, type OptionCause } from "../../../core/pipeline/settings.ts";
import { readHeaders } from "../../../core/read_headers.ts";
import { RULES, type RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

const MIB = 2 ** 20;

/** A source that must not be touched: a bad option is refused before the first byte. */
const UNTOUCHED = {
  read: (): never => {
    throw new Error("the source was read");
  },
};

const window = (base: number) => physicalMemory({ base, buffer: new ArrayBuffer(MIB) });

const MULTIPLE = "it must be a multiple of 4096 from 0 to 2^52";
const BYTES = "it must be a number of bytes from 1 to 2^52";
const RESERVE = "it must be a number of bytes from 0 to 2^52";
const MEMORY = "pass { base, size }, or what physicalMemory({ base, buffer }) returns";

/** What is refused, as which option, and why. */
const REFUSED: readonly (readonly [what: string, options: unknown, option: string, why: string])[] = [
  [
    "an unknown rule set",
    { rules: "bootloader-9" },
    "rules",
    "it must be one of default, bootloader-0.10, bootloader-0.11",
  ],
  ["a property of every object as rules", { rules: "constructor" }, "rules", "it must be one of default, boot"],
  ["a base inside a page", { memory: { base: 0x800 } }, "memory.base", MULTIPLE],
  ["a base below 0", { memory: { base: -0x1000 } }, "memory.base", MULTIPLE],
  ["a base above 2^52", { memory: { base: 2 ** 52 + 0x1000 } }, "memory.base", MULTIPLE],
  ["a base that is a string", { memory: { base: "0" } }, "memory.base", "it must be a number"],
  ["a bigint as base", { memory: { base: 0n } }, "memory.base", "it must be a number"],
  ["a buffer as memory", { memory: new ArrayBuffer(4096) }, "memory", MEMORY],
  ["a typed array as memory", { memory: new Uint8Array(4096) }, "memory", MEMORY],
  ["a number as memory", { memory: 5 }, "memory", MEMORY],
  ["null as memory", { memory: null }, "memory", MEMORY],
  ["an object that is no allocator as frames", { frames: {} }, "frames", "pass a frame allocator, an object with allo"],
  ["an object that is no pipeline as pipeline", { pipeline: {} }, "pipeline", "pass what pipeline() returns"],
  ["an object that is no signal as signal", { signal: {} }, "signal", "pass an AbortSignal"],
  ["a number as onProgress", { onProgress: 3 }, "onProgress", "pass a function"],
  ["a maxMemory of half a byte more", { maxMemory: 4096.5 }, "maxMemory", BYTES],
  ["a size that is not of whole pages", { memory: { size: 0x1001 } }, "memory.size", MULTIPLE],
  ["a size below 0", { memory: { size: -0x1000 } }, "memory.size", MULTIPLE],
  ["NaN as size", { memory: { size: NaN } }, "memory.size", MULTIPLE],
  [
    "a size above maxMemory",
    { memory: { size: 2 * MIB }, maxMemory: MIB },
    "memory.size",
    "it must be at most maxMemory, 0x100000",
  ],
  ["a kernelOffset inside a page", { kernelOffset: 0x10_0001 }, "kernelOffset", MULTIPLE],
  ["a kernelOffset below 0", { kernelOffset: -0x1000 }, "kernelOffset", MULTIPLE],
  [
    "a kernelOffset below the base",
    { memory: { base: MIB }, kernelOffset: 0xff000 },
    "kernelOffset",
    "it must not be below memory, which starts at 0x1",
  ],
  [
    "a kernelOffset below the caller's memory",
    { memory: window(MIB), kernelOffset: 0 },
    "kernelOffset",
    "it must not be below memory, which starts at",
  ],
  ["a kernelOffset above 2^52", { kernelOffset: 2 ** 52 + 0x1000 }, "kernelOffset", MULTIPLE],
  ["Infinity as kernelOffset", { kernelOffset: Infinity }, "kernelOffset", MULTIPLE],
  ["a level4Frame inside a page", { level4Frame: 0x10_0008 }, "level4Frame", MULTIPLE],
  ["a level4Frame below 0", { level4Frame: -0x1000 }, "level4Frame", MULTIPLE],
  ["a level4Frame at 2^52", { level4Frame: 2 ** 52 }, "level4Frame", "it ends above 2^52"],
  ["a maxMemory of 0", { maxMemory: 0 }, "maxMemory", BYTES],
  ["a maxMemory below 0", { maxMemory: -1 }, "maxMemory", BYTES],
  ["NaN as maxMemory", { maxMemory: NaN }, "maxMemory", BYTES],
  ["a maxMemory above 2^52", { maxMemory: 2 ** 52 + 1 }, "maxMemory", BYTES],
  ["a bigint as maxMemory", { maxMemory: 4096n }, "maxMemory", "it must be a number of bytes"],
  ["a reserve below 0", { reserve: -1 }, "reserve", RESERVE],
  ["a reserve of half a byte", { reserve: 0.5 }, "reserve", RESERVE],
  ["a bigint as reserve", { reserve: 0n }, "reserve", "it must be a number of bytes"],
  ["a kernelBase below 0", { kernelBase: -1n }, "kernelBase", "it must be from 0 to 2^64 - 1"],
  ["a kernelBase of 2^64", { kernelBase: 1n << 64n }, "kernelBase", "it must be from 0 to 2^64 - 1"],
  ["a number as kernelBase", { kernelBase: 0x40_0000 }, "kernelBase", "it must be a bigint"],
];

for (const [what, options, option, why] of REFUSED) {
  Deno.test(`${what} is refused before the source is read, and the error's cause says why`, async () => {
    const error = await assertRejects(() => loadKernel(UNTOUCHED, options as LoadOptions), Error, "Cannot use ");
    const isBound = !/^(it must be one of|pass |it must be a number$|it must be a number of bytes$|it must be a bigint)/
      .test(why);
    assertInstanceOf(error, isBound ? RangeError : TypeError);
    const cause = error.cause as OptionCause;
    assertEquals([cause.option, cause.why.slice(0, why.length)], [option, why]);
    assert(error.message.endsWith(` as ${option}: ${cause.why}`), error.message);
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({ pull: () => void pulls++ }, { highWaterMark: 0 });
    await assertRejects(() => loadKernel(stream, options as LoadOptions));
    assertEquals([stream.locked, pulls], [false, 0]);
  });
}

for (
  const [what, options, message] of [
    [
      "a misspelt option",
      { kernelbase: 0n },
      'the option "kernelbase": it does not exist; the options are rules, memory, max',
    ],
    [
      "a misspelt part of memory",
      { memory: { bases: 0 } },
      'the option "bases": it does not exist; the options are base, size',
    ],
    ["a promise as options", Promise.resolve({}), "a promise as options: await it first"],
    ["null as options", null, "null as options: pass an object with any of rules, memory"],
    ["a path as options", "kernel.elf", 'the string "kernel.elf" as options: pass an object with any of rules'],
    ["a function as options", () => ({}), "a function as options: pass an object with any of rules"],
  ] as const
) {
  Deno.test(`${what} is refused with a TypeError that says what to do`, async () => {
    const load = () => loadKernel(UNTOUCHED, options as LoadOptions);
    await assertRejects(load, TypeError, `Cannot use ${message}`);
    if (what.includes("options")) {
      await assertRejects(() => readHeaders(UNTOUCHED, options as never), TypeError, "Cannot use");
    }
  });
}

for (
  const [options, message] of [
    [{ kernelOffset: "0x1000" }, 'the string "0x1000" as kernelOffset: it must be a number'],
    [{ kernelOffset: 0x10_0000n }, "the bigint 0x100000n as kernelOffset: it must be a number"],
    [{ kernelBase: 0x10_0000 }, "the number 0x100000 as kernelBase: it must be a bigint"],
    [{ kernelBase: true }, "true as kernelBase: it must be a bigint"],
    [{ signal: 3 }, "the number 3 as signal: pass an AbortSignal"],
    [{ frames: [] }, "an Array as frames: pass a frame allocator, an object with allocateFrame()"],
    [{ kernelOffset: 0x1001 }, "0x1001 as kernelOffset: it must be a multiple of 4096 from 0 to 2^52"],
  ] as const
) {
  Deno.test(`an option of the wrong type is refused with its type: ${message}`, async () => {
    const error = await assertRejects(() => loadKernel(UNTOUCHED, options as unknown as LoadOptions), Error);
    assertEquals(error.message, `Cannot use ${message}`);
  });
}

Deno.test("checkSettings() fills in the defaults: base 0, the file 2 MiB above the base, 4 GiB at most", () => {
  const { base, size, memory, maxMemory, reserve, kernelOffset, level4Frame, frames, kernelBase } = checkSettings({});
  assertEquals([base, maxMemory, reserve, kernelOffset], [0, 4 * 2 ** 30, 256 * 1024, 2 * MIB]);
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

Deno.test("kernelBase is refused for a kernel with fixed addresses, and if it breaks the alignment", async () => {
  const fixed = buildElf({ segments: [{ filesz: 0x100 }] });
  const error = await assertRejects(() => loadKernel(fixed, { kernelBase: 0x20_0000n }), LoadError);
  assertStrictEquals(error.code, "kernel-base-refused");
  const odd = await assertRejects(() => loadKernel(DYN, { kernelBase: 0x20_0800n }), LoadError);
  assertStrictEquals(odd.code, "kernel-base-misaligned");
});
