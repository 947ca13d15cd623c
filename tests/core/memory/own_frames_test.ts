/** Whole loads with frames of the caller's: what is used of them, what it is for, and which are refused. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import { ascendingFrames, type FrameAllocator, type FrameOwner } from "../../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { segmentStage } from "../../../core/pipeline/stage.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

const PAGE = 0x1000;
const MIB = 2 ** 20;
const RULES: readonly RuleSetName[] = ["default", "bootloader-0.10"];

/** Two pages of the file; one that is copied for its bss, two zeroed pages; and one zeroed page 1 GiB further up. */
const TEXT = { p_flags: PF_R | PF_X, p_vaddr: 0x4000_0000n, offset: 0x1000, filesz: 0x2000 };
const DATA = { p_flags: PF_R | PF_W, p_vaddr: 0x4000_2000n, offset: 0x3000, filesz: 0x321, p_memsz: 0x2800n };
const FAR = { p_flags: PF_R | PF_W, p_vaddr: 0x8000_0000n, offset: 0x3000, filesz: 0, p_memsz: 0x800n };
const FILE = buildElf({ header: { e_entry: TEXT.p_vaddr }, segments: [TEXT, DATA, FAR], length: 0x3400 });
const KERNEL_OFFSET = 0x1_0000;
const FILE_END = KERNEL_OFFSET + 0x4000;
/** Levels 4 and 3; levels 2 and 1 for each GiB. One copy, and three zeroed pages. */
const OWNERS = { file: 4, table: 6, copy: 1, bss: 3 };
const FRAMES = 10;

function assertLoaded(kernel: LoadedKernel): void {
  assert(equals(kernel.read(TEXT.p_vaddr, 0x2000), FILE.subarray(0x1000, 0x3000)));
  const data = new Uint8Array(0x3000);
  data.set(FILE.subarray(DATA.offset, DATA.offset + DATA.filesz));
  assert(equals(kernel.read(DATA.p_vaddr, 0x3000), data));
  assert(equals(kernel.read(FAR.p_vaddr, 0x1000), new Uint8Array(0x1000)));
  const pages = [...kernel.pageTable.leaves()].map(({ virt }) => virt);
  const [first, far] = [TEXT.p_vaddr, FAR.p_vaddr];
  assertEquals(pages, [first, first + 0x1000n, first + 0x2000n, first + 0x3000n, first + 0x4000n, far]);
}

/** The physical addresses of all tables, found by following present entries from the level-4 table down. */
function tablesOf({ memory, level4Frame }: LoadedKernel): ReadonlySet<number> {
  const found = new Set<number>();
  const visit = (table: number, level: number): void => {
    found.add(table);
    if (level === 1) return;
    const view = new DataView(memory.buffer, table - memory.base, PAGE);
    for (let at = 0; at < PAGE; at += 8) {
      const entry = view.getBigUint64(at, true);
      if ((entry & 1n) === 1n) visit(Number(entry & 0x000f_ffff_ffff_f000n), level - 1);
    }
  };
  visit(level4Frame, 4);
  return found;
}

function framesByOwner(kernel: LoadedKernel): Record<string, number[]> {
  const frames: Record<string, number[]> = {};
  for (const { phys, size, owner } of kernel.frameRuns()) {
    for (let frame = phys; frame < phys + size; frame += PAGE) (frames[owner] ??= []).push(frame);
  }
  return frames;
}

/** Every frame has one owner, and the owners are what the builder's segments ask for. */
function assertOwners(kernel: LoadedKernel): void {
  const frames = framesByOwner(kernel);
  const counts = Object.fromEntries(Object.entries(frames).map(([owner, list]) => [owner, list.length]));
  assertEquals(counts, OWNERS);
  const all = Object.values(frames).flat();
  assertStrictEquals(new Set(all).size, all.length, "a frame has two owners");
  assertEquals(frames.file, [0, 1, 2, 3].map((at) => KERNEL_OFFSET + at * PAGE));
  assertEquals(new Set(frames.table), tablesOf(kernel));
  const leaves = [...kernel.pageTable.leaves()].map(({ phys }) => phys);
  const data = [...frames.copy, ...frames.bss];
  assertEquals(new Set(leaves.slice(2)), new Set(data));
}

/** An allocator over a list of frames, in its order. */
function listed(list: readonly number[], runs = false): FrameAllocator & { readonly owners: readonly FrameOwner[] } {
  const owners: FrameOwner[] = [];
  let at = 0;
  const allocator = {
    owners,
    allocateFrame: (owner: FrameOwner) => {
      if (at === list.length) return undefined;
      owners.push(owner);
      return list[at++];
    },
    get nextFrame() {
      return list[at] ?? 0;
    },
    get framesAllocated() {
      return at;
    },
  };
  return runs ? Object.defineProperty(allocator, "allocateFrames", { value: () => undefined }) : allocator;
}

const upwards = Array.from({ length: 64 }, (_, at) => FILE_END + at * PAGE);
const scattered = upwards.map((_, at) => FILE_END + (at * 37 % 64) * PAGE);

const ALLOCATORS: readonly (readonly [string, () => FrameAllocator])[] = [
  ["ascending", () => ascendingFrames({ start: FILE_END, end: MIB })],
  ["ascending, one by one", () => listed(upwards)],
  ["ascending, without any run", () => listed(upwards, true)],
  ["descending", () => listed(upwards.toReversed())],
  ["scattered", () => listed(scattered)],
  ["below the file", () => listed(Array.from({ length: 16 }, (_, at) => at * PAGE))],
];

const options = (rules: RuleSetName, more: LoadOptions = {}): LoadOptions => {
  return { rules, memory: { size: MIB }, kernelOffset: KERNEL_OFFSET, ...more };
};

async function assertUnusable(refused: LoadOptions, frame: number): Promise<void> {
  const load = () => loadKernel(FILE, refused);
  const error: LoadError = await assertRejects(load, LoadError, "from the frame allocator");
  assertEquals([error.code, error.detail.value], ["frame-unusable", frame]);
}

for (const rules of RULES) {
  for (const [how, make] of ALLOCATORS) {
    Deno.test(`a load with frames ${how} maps what the file asks for, and every frame has one owner (${rules})`, async () => {
      for (const soiled of [false, true]) {
        const buffer = new ArrayBuffer(MIB);
        if (soiled) new Uint8Array(buffer).fill(0xff);
        const frames = make();
        const kernel = await loadKernel(FILE, options(rules, { frames, memory: physicalMemory({ base: 0, buffer }) }));
        assertLoaded(kernel);
        assertOwners(kernel);
        assertEquals([kernel.framesAllocated, frames.framesAllocated], [FRAMES, FRAMES]);
        assertStrictEquals(kernel.nextFrame, frames.nextFrame);
      }
    });
  }

  Deno.test(`without frames of the caller's they ascend after the file, and are counted (${rules})`, async () => {
    const kernel = await loadKernel(FILE, options(rules));
    assertLoaded(kernel);
    assertOwners(kernel);
    assertEquals([kernel.framesAllocated, kernel.nextFrame], [FRAMES, FILE_END + FRAMES * PAGE]);
    const { file: _, ...own } = framesByOwner(kernel);
    assertEquals(Object.values(own).flat().toSorted((a, b) => a - b), upwards.slice(0, FRAMES));
  });

  Deno.test(`a level-4 table that the caller gave is not among the frames allocated (${rules})`, async () => {
    const frames = listed(upwards);
    for (const given of [undefined, frames]) {
      const kernel = await loadKernel(FILE, options(rules, { level4Frame: 0x3000, frames: given }));
      assertLoaded(kernel);
      assertOwners(kernel);
      assertEquals([kernel.level4Frame, kernel.framesAllocated], [0x3000, FRAMES - 1]);
      assertStrictEquals(kernel.nextFrame, FILE_END + (FRAMES - 1) * PAGE);
    }
  });

  Deno.test(`the allocator is told what each frame is for (${rules})`, async () => {
    const frames = listed(upwards);
    await loadKernel(FILE, options(rules, { frames }));
    const counts = { file: 4, table: 0, copy: 0, bss: 0 };
    for (const owner of frames.owners) counts[owner as keyof typeof counts]++;
    assertEquals(counts, OWNERS);
    assertEquals(frames.owners.slice(0, 4), ["table", "table", "table", "table"]);
  });

  Deno.test(`an allocator that runs out of frames refuses the load, wherever that is (${rules})`, async () => {
    for (let count = 0; count < FRAMES; count++) {
      const frames = listed(upwards.slice(0, count));
      const error = await assertRejects(() => loadKernel(FILE, options(rules, { frames })), LoadError);
      assertStrictEquals(error.code, "frames-exhausted", `${count} frames`);
      const ours = ascendingFrames({ start: FILE_END, end: FILE_END + count * PAGE });
      const other = await assertRejects(() => loadKernel(FILE, options(rules, { frames: ours })), LoadError);
      assertStrictEquals(other.code, "frames-exhausted", `${count} frames`);
    }
    const frames = listed(upwards.slice(0, FRAMES));
    assertLoaded(await loadKernel(FILE, options(rules, { frames })));
  });

  const LEVEL_4 = 0x5000;
  const WRONG: readonly (readonly [string, number])[] = [
    ["misaligned", FILE_END + 0x800],
    ["below 0", -PAGE],
    ["after the end of memory", MIB],
    ["far outside memory", 2 ** 51],
    ["NaN", NaN],
    ["half a byte off", FILE_END + 0.5],
    ["the file's first", KERNEL_OFFSET],
    ["the file's last", FILE_END - PAGE],
    ["the level-4 table's", LEVEL_4],
  ];
  Deno.test(`an allocator that hands out a frame that cannot be used is refused, whatever it is for (${rules})`, async (t) => {
    for (const [what, wrong] of WRONG) {
      await t.step(what, async () => {
        for (let at = 0; at < FRAMES - 1; at++) {
          const frames = listed(upwards.with(at, wrong));
          await assertUnusable(options(rules, { frames, level4Frame: LEVEL_4 }), wrong);
        }
      });
    }
  });

  Deno.test(`an allocator that hands out the frame that became the level-4 table is refused (${rules})`, async () => {
    for (let at = 1; at < FRAMES; at++) {
      const frames = listed(upwards.with(at, upwards[0]));
      await assertUnusable(options(rules, { frames }), upwards[0]);
    }
  });

  Deno.test(`an allocator's run that reaches into the file, the level-4 table or out of memory is refused (${rules})`, async () => {
    for (const first of [KERNEL_OFFSET - PAGE, FILE_END - PAGE, LEVEL_4 - PAGE, MIB - PAGE]) {
      const frames = { ...listed(upwards), allocateFrames: () => first };
      await assertUnusable(options(rules, { frames, level4Frame: LEVEL_4 }), first);
    }
  });

  Deno.test(`an error that an allocator throws ends the load with it (${rules})`, async () => {
    const cause = new Error("from the caller");
    const frames = {
      ...listed(upwards),
      allocateFrame: () => {
        throw cause;
      },
    };
    assertStrictEquals(await assertRejects(() => loadKernel(FILE, options(rules, { frames }))), cause);
  });
}

Deno.test("frames that a custom stage takes have its owner's name, and are counted", async () => {
  const ownFrames = segmentStage("own-frames", { needs: ["addressSpace"] }, ({ index }, { addressSpace }) => {
    if (index === 0) addressSpace.allocateFrames(2, "my own");
    return {};
  });
  const pipeline = defaultPipeline.after("bss-fixup", ownFrames);
  const kernel = await loadKernel(FILE, { rules: "default", kernelOffset: KERNEL_OFFSET, pipeline });
  assertStrictEquals(kernel.framesAllocated, FRAMES + 2);
  assertStrictEquals(kernel.frameRuns().find(({ owner }) => owner === "my own")?.size, 2 * PAGE);
});
