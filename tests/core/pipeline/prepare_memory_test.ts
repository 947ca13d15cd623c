/** How the memory of a load is sized and laid out, and what does not fit into it. */

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { isMisaligned } from "../../../core/elf/program_header.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

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
  for (const memsz of [0x800, 0x9000, MIB, 15 * MIB, 16 * MIB, 100 * MIB]) {
    Deno.test(`memory of our own has 2 MiB or an eighth to spare, not much more: p_memsz ${memsz} (${rules})`, async () => {
      for (const base of [0, 0x4000_0000]) {
        const { memory, nextFrame } = await loadKernel(withBss(memsz), { rules, memory: { base } });
        const used = nextFrame - base;
        const spare = memory.size - used;
        assertGreaterOrEqual(spare, Math.max(2 * MIB, used / 8));
        assertLessOrEqual(spare, Math.max(2 * MIB, used / 8) + 64 * 1024);
        assertEquals([memory.base, memory.size % PAGE, memory.fresh], [base, 0, true]);
      }
    });
  }

  Deno.test(`what maxMemory leaves is less to spare, then a refusal, and never more memory (${rules})`, async () => {
    const { nextFrame } = await loadKernel(FILE, { rules });
    for (const spare of [MIB, 64 * 1024]) {
      for (const odd of [0, 1, PAGE - 1]) {
        const maxMemory = nextFrame + spare + odd;
        const kernel = await loadKernel(FILE, { rules, maxMemory });
        assertLoaded(kernel);
        assertLessOrEqual(kernel.memory.size, maxMemory);
        assertGreaterOrEqual(kernel.memory.size, nextFrame);
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
  const behind = kernelOffset + FILE_SIZE;
  return {
    what,
    base,
    kernelOffset,
    ...(level4 === undefined ? {} : { level4Frame: level4 }),
    tables: table.map((index) => behind + index * PAGE),
    nextFrame: behind + next * PAGE,
  };
};

const LAYOUTS: readonly Layout[] = [
  layout("the file at the base", 0, 0, undefined, [0, 1, 2, 3], 4),
  layout("the file at the base, further up", 0x70_0000, 0x70_0000, undefined, [0, 1, 2, 3], 4),
  layout("the file above the base", 0x70_0000, 0x73_0000, undefined, [0, 1, 2, 3], 4),
  layout("the level-4 table at the base", 0, 0x1000, 0, [0, 1, 2], 3),
  layout("the level-4 table right before the file", 0, 0x2_0000, 0x1_f000, [0, 1, 2], 3),
  layout("the level-4 table right behind the file", 0, 0, FILE_SIZE, [1, 2, 3], 4),
  layout("the level-4 table second behind the file", 0, 0, FILE_SIZE + PAGE, [0, 2, 3], 4),
  layout("the level-4 table where frames end", 0, 0, FILE_SIZE + 3 * PAGE, [0, 1, 2], 4),
  layout("the level-4 table one frame further", 0, 0, FILE_SIZE + 4 * PAGE, [0, 1, 2], 3),
  layout("the level-4 table far behind", 0x70_0000, 0x70_0000, 0x7f_f000, [0, 1, 2], 3),
];

for (const rules of RULES) {
  for (const { what, base, kernelOffset, level4Frame, tables, nextFrame } of LAYOUTS) {
    Deno.test(`${what}: frames ascend behind the file and leave the level-4 table out (${rules})`, async () => {
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
    });
  }

  Deno.test(`a level4Frame among the file's bytes is refused with a RangeError (${rules})`, async () => {
    const kernelOffset = 0x1_0000;
    for (let frame = kernelOffset; frame < kernelOffset + FILE_SIZE; frame += PAGE) {
      for (const memory of [undefined, { size: MIB }, physicalMemory({ base: 0, buffer: new ArrayBuffer(MIB) })]) {
        const options: LoadOptions = { rules, memory, kernelOffset, level4Frame: frame };
        await assertRejects(() => loadKernel(FILE, options), RangeError, "the file's bytes are there");
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

Deno.test("default: a level4Frame behind the last needed byte is the loader's, however long the file is", async () => {
  const long = new Uint8Array(0x9000);
  long.set(FILE);
  assertLoaded(await loadKernel(long, { kernelOffset: 0, level4Frame: 0x5000 }));
  await assertRejects(
    () => loadKernel(long, { kernelOffset: 0, level4Frame: 0x5000, rules: "bootloader-0.10" }),
    RangeError,
    "the file's bytes are there",
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

Deno.test("isMisaligned() holds where address and offset differ within their pages and there are bytes", () => {
  const range = { start: 0x40_0123, memSize: 0x1000, fileOffset: 0x2123, fileSize: 0x1000 };
  assertStrictEquals(isMisaligned(range), false);
  assertStrictEquals(isMisaligned({ ...range, fileOffset: 0x123 }), false);
  assertStrictEquals(isMisaligned({ ...range, fileOffset: 0x2124 }), true);
  assertStrictEquals(isMisaligned({ ...range, start: 0x123, fileOffset: 0xf_f124 }), true);
  assertStrictEquals(isMisaligned({ ...range, fileOffset: 0x2124, fileSize: 0 }), false);
});
