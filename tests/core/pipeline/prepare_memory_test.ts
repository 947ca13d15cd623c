/** How the memory of a load is sized and laid out, and what does not fit into it. */

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { ET_DYN, PF_R, PF_W, PF_X, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import type { TakesFor } from "../../../core/pipeline/context.ts";
import { imageStage, segmentStage } from "../../../core/pipeline/stage.ts";
import type { AnyPlugin } from "../../../core/plugin/plugin.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import { presets } from "../../../plugins/presets.ts";
import { sections } from "../../../plugins/sections.ts";
import { buildElf } from "../../elf_builder.ts";
import { answeredFiles, readOriginal } from "../../original.ts";

const PAGE = 0x1000;
const MIB = 2 ** 20;
const RULES = ["default", "bootloader-0.10"] as const satisfies readonly RuleSetName[];

/** A kernel of one page whose last needed byte is at 0x17ff: two pages of the file, and tables of four levels. */
const VIRT = 0x40_0000n;
const FILE = buildElf({
  segments: [{ p_flags: PF_R | PF_X, p_vaddr: VIRT, offset: 0x1000, filesz: 0x800 }],
  length: 0x1801,
});
const FILE_SIZE = 2 * PAGE;

function assertLoaded(kernel: LoadedKernel): void {
  assert(equals(kernel.read(VIRT, 0x800), FILE.subarray(0x1000, 0x1800)));
}

// Sizes of our own memory

const withBss = (memsz: number) => {
  return buildElf({
    segments: [{ p_flags: PF_R | PF_W, p_vaddr: VIRT, offset: 0x1000, filesz: 0x800, p_memsz: BigInt(memsz) }],
    length: 0x1801,
  });
};

for (const rules of RULES) {
  Deno.test(`memory of our own ends where its reserve of whole pages does (${rules})`, async () => {
    for (const memsz of [0x800, 0x9000, MIB, 100 * MIB]) {
      for (const [reserve, left] of [[undefined, 256 * 1024], [0, 0], [1, PAGE], [PAGE, PAGE], [MIB + 1, MIB + PAGE]]) {
        for (const base of [0, 0x4000_0000]) {
          const { memory, nextFrame } = await loadKernel(withBss(memsz), { rules, memory: { base }, reserve });
          assertEquals([memory.base, memory.size, memory.fresh], [base, nextFrame - base + left!, true]);
        }
      }
    }
  });

  Deno.test(`maxMemory takes from the reserve first, then the load is refused (${rules})`, async () => {
    const { nextFrame } = await loadKernel(FILE, { rules });
    for (const spare of [0, 64 * 1024, MIB]) {
      for (const odd of [0, 1, PAGE - 1]) {
        const kernel = await loadKernel(FILE, { rules, maxMemory: nextFrame + spare + odd });
        assertLoaded(kernel);
        assertStrictEquals(kernel.memory.size, nextFrame + Math.min(spare, 256 * 1024));
      }
    }
    for (const maxMemory of [nextFrame - 1, 2 * MIB, PAGE, 64 + 56, 1]) {
      const error = await assertRejects(() => loadKernel(FILE, { rules, maxMemory }), LoadError);
      assertStrictEquals(error.code, "memory-limit-exceeded", `maxMemory ${maxMemory}`);
    }
  });

  Deno.test(`a size that was given is the memory's size (${rules})`, async () => {
    for (const size of [3 * MIB, 4 * MIB, 2 ** 30]) {
      const kernel = await loadKernel(FILE, { rules, memory: { base: MIB, size } });
      assertLoaded(kernel);
      assertEquals([kernel.memory.base, kernel.memory.size], [MIB, size]);
    }
  });
}

Deno.test("memory of our own grows by what plugins and stages say they take, and by nothing else", async () => {
  const asked: TakesFor[] = [];
  const takes = (bytes: number) => (file: TakesFor) => (asked.push(file), bytes);
  const plain = await loadKernel(FILE, { reserve: 0 });
  const plugins: readonly AnyPlugin[] = [
    { name: "one", takes: takes(5 * PAGE) },
    {
      name: "two",
      stages: [{ after: "l4-usage", stage: imageStage("own", { needs: [], takes: takes(1) }, () => ({})) }],
    },
    { name: "three" },
  ];
  const pipeline = defaultPipeline.after(
    "map-load",
    segmentStage("last", { needs: [], takes: takes(PAGE) }, () => ({})),
  );
  const kernel = await loadKernel(FILE, { reserve: 0, plugins, pipeline });
  assertStrictEquals(kernel.memory.size, plain.memory.size + 7 * PAGE);
  assertStrictEquals(kernel.nextFrame, plain.nextFrame);
  assertEquals(
    asked.map(({ rules, fileHeader, segments, keptBytes }) => {
      return [rules.name, fileHeader.e_phnum, segments.map(({ load }) => load?.fileSize), keptBytes];
    }),
    Array(3).fill(["default", 1, [0x800], 0x1800]),
  );

  const capped = await loadKernel(FILE, { reserve: 0, plugins, maxMemory: plain.memory.size + 2 * PAGE });
  assertStrictEquals(capped.memory.size, plain.memory.size + 2 * PAGE);
  const given = await loadKernel(FILE, { memory: { size: 4 * MIB }, plugins });
  assertStrictEquals(given.memory.size, 4 * MIB);
});

Deno.test("takes() that throws, or returns no number of bytes, is a plugin's failure that names the plugin", async () => {
  const thrown = new Error("no idea");
  const fails = (): number => {
    throw thrown;
  };
  const returns = [-1, NaN, Infinity, "4096", 4096n].map((bytes) => () => bytes as number);
  for (const takes of [fails, ...returns]) {
    const error = await assertRejects(() => loadKernel(FILE, { plugins: [{ name: "odd", takes }] }), LoadError);
    assertEquals([error.code, error.message], ["plugin-failed", 'Cannot handle the file: takes() of "odd" failed']);
    if (takes === fails) assertStrictEquals(error.cause, thrown);
    else assertStringIncludes(String(error.cause), "it must be a number of bytes");
  }
});

/** A position-independent kernel with relocations `stride` bytes apart, all over pages of which half are bss. */
function relocatedKernel(pages: number, stride: number): Uint8Array<ArrayBuffer> {
  const count = pages * PAGE / stride;
  const dynamicAt = 0x1000 + count * 24;
  const dataAt = Math.ceil((dynamicAt + 0x40) / PAGE) * PAGE;
  const words = new BigUint64Array((dataAt - 0x1000) / 8);
  for (let at = 0; at < count; at++) {
    words.set([BigInt(dataAt + at * stride), 8n, BigInt(at)], at * 3); // R_X86_64_RELATIVE
  }
  words.set([7n, 0x1000n, 8n, BigInt(count * 24), 9n, 24n, 0n, 0n], count * 3); // DT_RELA, …SZ, …ENT, DT_NULL
  const [data, p_memsz] = [new Uint8Array(pages * PAGE / 2), BigInt(pages * PAGE)];
  return buildElf({
    header: { e_type: ET_DYN, e_entry: 0x1000n },
    segments: [
      { offset: 0x1000, p_vaddr: 0x1000n, data: new Uint8Array(words.buffer), p_flags: PF_R | PF_X },
      { offset: dataAt, p_vaddr: BigInt(dataAt), data, p_memsz, p_flags: PF_R | PF_W },
      { p_type: PT_DYNAMIC, offset: dynamicAt, p_vaddr: BigInt(dynamicAt), filesz: 0x40, p_align: 8n },
    ],
    length: dataAt + data.length + 1,
  });
}

Deno.test("a position-independent kernel with 300,000 relocations loads under default options", async () => {
  const pages = Math.ceil(300_000 * 8 / PAGE);
  const kernel = await loadKernel(relocatedKernel(pages, 8), presets.default);
  assertStrictEquals(kernel.results.relocate?.counts.R_X86_64_RELATIVE, pages * 512);
  const data = kernel.programHeaders[1];
  const bytes = kernel.read(data.p_vaddr + kernel.virtualAddressOffset, Number(data.p_memsz));
  const words = new BigUint64Array(bytes.buffer);
  words.forEach((word, at) => assert(word === kernel.virtualAddressOffset + BigInt(at)));
  assertGreaterOrEqual(kernel.memory.size - kernel.nextFrame, 256 * 1024);
});

Deno.test("memory of our own suffices without a reserve for whatever loads into a larger one, under each preset", async () => {
  const examples = ["hello.elf", "hello-pie.elf"].map((name) =>
    new URL(`../../../examples/hello/${name}`, import.meta.url)
  );
  const files = [
    ...answeredFiles().map(({ name }) => readOriginal(name)),
    ...examples.map((url) => Deno.readFileSync(url)),
    relocatedKernel(100, PAGE),
    randomizedKernel(),
  ];
  const refusalOf = async (file: Uint8Array, options: LoadOptions<readonly AnyPlugin[]>) => {
    return await loadKernel(file, options).then(() => undefined, ({ code }: LoadError) => code);
  };
  let loaded = 0;
  for (const name of ["default", "bootloader-0.11"] as const) {
    const plugins = [...presets[name].plugins, ...name === "default" ? [sections()] : []];
    for (const file of files) {
      const code = await refusalOf(file, { ...presets[name], plugins, reserve: 0 });
      if (code === undefined) loaded++;
      else if (code !== "memory-limit-exceeded") {
        assertStrictEquals(code, await refusalOf(file, { ...presets[name], plugins, memory: { size: 2 ** 32 } }));
      }
    }
  }
  assertGreaterOrEqual(loaded, 320);
});

/** A kernel whose text and bss are to be filled with random bytes. */
function randomizedKernel(): Uint8Array<ArrayBuffer> {
  const randomize = { p_type: 0x65a3dbe6, offset: 0, filesz: 0, p_align: 8n };
  return buildElf({
    segments: [
      { filesz: 0x1_0000, p_memsz: 0x1_9000n, p_flags: PF_R | PF_W | PF_X },
      { ...randomize, p_vaddr: 0x40_0ff0n, p_memsz: 0x8020n },
      { ...randomize, p_vaddr: 0x41_4000n, p_memsz: 0x5000n },
    ],
  });
}

Deno.test("65,000 segments in a small file take the memory that their pages and tables need", async () => {
  const count = 65_000;
  const offset = (64 + 56 * count + PAGE - 1) & -PAGE;
  const segments = Array.from({ length: count }, (_, index) => {
    return { offset, filesz: 16, p_vaddr: 0x40_0000n + BigInt(index * PAGE), p_flags: PF_R | PF_X };
  });
  const file = buildElf({ segments });
  const kernel = await loadKernel(file);
  const tables = 1 + 1 + 1 + Math.ceil((count + 0x400) / 512) - 2; // levels 4, 3 and 2; level 1 from 4 MiB on
  assertStrictEquals(kernel.framesAllocated, tables);
  const size = 2 * MIB + (file.length + PAGE - 1 & -PAGE) + tables * PAGE + 256 * 1024;
  assertStrictEquals(kernel.memory.size, size);
});

Deno.test("memory of our own reaches to a level4Frame that was given, within maxMemory", async () => {
  const kernel = await loadKernel(FILE, { level4Frame: 32 * MIB });
  assertLoaded(kernel);
  assertStrictEquals(kernel.level4Frame, 32 * MIB);
  const error = await assertRejects(() => loadKernel(FILE, { level4Frame: 32 * MIB, maxMemory: 32 * MIB }), LoadError);
  assertStrictEquals(error.code, "memory-limit-exceeded");
});

// Where the file and the level-4 table are

/** The tables of levels 3, 2 and 1 are allocated; that of level 4 too, unless it was given. */
interface Layout {
  readonly what: string;
  readonly base: number;
  readonly kernelOffset: number;
  readonly level4Frame?: number;
  readonly tables: readonly number[];
  readonly nextFrame: number;
}

const layout = (
  what: string,
  base: number,
  kernelOffset: number,
  level4: number | undefined,
  table: number[],
  next: number,
): Layout => {
  const after = kernelOffset + FILE_SIZE;
  return {
    what,
    base,
    kernelOffset,
    ...(level4 === undefined ? {} : { level4Frame: level4 }),
    tables: table.map((index) => after + index * PAGE),
    nextFrame: after + next * PAGE,
  };
};

const LAYOUTS: readonly Layout[] = [
  layout("the file at the base", 0, 0, undefined, [0, 1, 2, 3], 4),
  layout("the file at the base, further up", 0x70_0000, 0x70_0000, undefined, [0, 1, 2, 3], 4),
  layout("the file above the base", 0x70_0000, 0x73_0000, undefined, [0, 1, 2, 3], 4),
  layout("the level-4 table at the base", 0, 0x1000, 0, [0, 1, 2], 3),
  layout("the level-4 table right before the file", 0, 0x2_0000, 0x1_f000, [0, 1, 2], 3),
  layout("the level-4 table right after the file", 0, 0, FILE_SIZE, [1, 2, 3], 4),
  layout("the level-4 table second after the file", 0, 0, FILE_SIZE + PAGE, [0, 2, 3], 4),
  layout("the level-4 table where frames end", 0, 0, FILE_SIZE + 3 * PAGE, [0, 1, 2], 4),
  layout("the level-4 table one frame further", 0, 0, FILE_SIZE + 4 * PAGE, [0, 1, 2], 3),
  layout("the level-4 table far after", 0x70_0000, 0x70_0000, 0x7f_f000, [0, 1, 2], 3),
];

for (const { what, base, kernelOffset, level4Frame, tables, nextFrame } of LAYOUTS) {
  Deno.test(`${what}: frames ascend after the file and leave the level-4 table out`, async () => {
    for (const rules of RULES) {
      const buffer = new Uint8Array(MIB).fill(0xff).buffer;
      for (const memory of [{ base, size: MIB }, physicalMemory({ base, buffer }), { base }]) {
        const kernel = await loadKernel(FILE, { rules, memory, kernelOffset, level4Frame });
        assertLoaded(kernel);
        assertEquals([kernel.framesAllocated, kernel.nextFrame], [tables.length, nextFrame]);
        const own = [...kernel.pageTable.tables()].map(({ frame }) => frame);
        assertEquals(own.toSorted(), [...tables, ...level4Frame === undefined ? [] : [level4Frame]].toSorted());
        assertStrictEquals(own[0], level4Frame ?? tables[0]);
        const [{ virt, phys, size, writable, executable, user, pageSize }, ...more] = [...kernel.mappings()];
        assertEquals([virt, phys, size, more.length], [VIRT, kernelOffset + 0x1000, PAGE, 0]);
        assertEquals([writable, executable, user, pageSize], [false, true, false, PAGE]);
      }
    }
  });
}

for (const rules of RULES) {
  Deno.test(`a level4Frame among the file's bytes is refused with a RangeError (${rules})`, async () => {
    const kernelOffset = 0x1_0000;
    for (let frame = kernelOffset; frame < kernelOffset + FILE_SIZE; frame += PAGE) {
      for (const memory of [undefined, { size: MIB }, physicalMemory({ base: 0, buffer: new ArrayBuffer(MIB) })]) {
        const options: LoadOptions = { rules, memory, kernelOffset, level4Frame: frame };
        await assertRejects(
          () => loadKernel(FILE, options),
          RangeError,
          "as level4Frame: it overlaps the file's bytes, 0x10000..",
        );
      }
    }
    for (const level4Frame of [kernelOffset - PAGE, kernelOffset + FILE_SIZE]) {
      assertLoaded(await loadKernel(FILE, { rules, kernelOffset, level4Frame }));
    }
  });

  Deno.test(`a level4Frame outside the memory is refused with a RangeError (${rules})`, async () => {
    const base = MIB;
    for (const level4Frame of [0, base - PAGE, 2 * MIB, 2 ** 40]) {
      const buffer = new ArrayBuffer(MIB);
      for (const memory of [{ base, size: MIB }, physicalMemory({ base, buffer })]) {
        await assertRejects(() => loadKernel(FILE, { rules, memory, kernelOffset: base, level4Frame }), RangeError);
      }
    }
    await assertRejects(() => loadKernel(FILE, { rules, memory: { base }, level4Frame: 0 }), RangeError);
  });
}

Deno.test("default: a level4Frame after the last needed byte is the loader's, however long the file is", async () => {
  const long = new Uint8Array(0x9000);
  long.set(FILE);
  assertLoaded(await loadKernel(long, { kernelOffset: 0, level4Frame: 0x5000 }));
  await assertRejects(
    () => loadKernel(long, { kernelOffset: 0, level4Frame: 0x5000, rules: "bootloader-0.10" }),
    RangeError,
    "as level4Frame: it overlaps the file's bytes, 0x0..0x9000",
  );
});

// Windows that are too small

const BIG = withBss(0x4000);
/** Two pages of the file; tables of four levels, a copy, and bss (one page more where its end counts). */
const BIG_FRAMES = { "default": 4 + 1 + 3, "bootloader-0.10": 4 + 1 + 4 };

for (const rules of RULES) {
  Deno.test(`a window is large enough exactly where everything fits, and else refused with a LoadError (${rules})`, async () => {
    const enough = 2 + BIG_FRAMES[rules];
    for (let pages = 0; pages <= enough + 1; pages++) {
      const memories = [
        { base: MIB, size: pages * PAGE },
        physicalMemory({ base: MIB, buffer: new ArrayBuffer(pages * PAGE) }),
      ];
      for (const memory of memories) {
        const options = { rules, memory, kernelOffset: MIB };
        if (pages >= enough) {
          const kernel = await loadKernel(BIG, options);
          assert(equals(kernel.read(VIRT, 0x800), BIG.subarray(0x1000, 0x1800)));
          assertStrictEquals(kernel.nextFrame, MIB + enough * PAGE);
          continue;
        }
        const error = await assertRejects(() => loadKernel(BIG, options), LoadError);
        // what the headers tell is too large; what is missing only as tables are made comes out then
        const codes = pages < 4 ? ["memory-too-small"] : ["memory-too-small", "frames-exhausted"];
        assert(codes.includes(error.code), `${pages} pages: ${error.code}`);
      }
    }
  });

  Deno.test(`a window that the file does not fit into is refused with its end and the file's (${rules})`, async () => {
    const kernelOffset = 2 * MIB - PAGE;
    const error = await assertRejects(
      () => loadKernel(FILE, { rules, memory: { base: MIB, size: MIB }, kernelOffset }),
      LoadError,
    );
    const place = { field: "the end of the file's bytes", value: kernelOffset + FILE_SIZE, limit: 2 * MIB };
    assertEquals([error.code, error.detail], ["memory-too-small", place]);
    for (const beyond of [2 * MIB, 8 * MIB, 2 ** 51]) {
      const options = { rules, memory: { base: MIB, size: MIB }, kernelOffset: beyond };
      assertStrictEquals((await assertRejects(() => loadKernel(FILE, options), LoadError)).code, "memory-too-small");
    }
  });
}
