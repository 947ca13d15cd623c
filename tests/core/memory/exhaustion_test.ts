/** Memory that ends at every single frame of a load and of what follows it: the refusal, and the caller's other bytes. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { writeBootInfo } from "../../../boot/boot_info.ts";
import { addContextSwitch } from "../../../boot/context_switch.ts";
import { addDirectMap } from "../../../boot/direct_map.ts";
import { addFramebuffer } from "../../../boot/framebuffer.ts";
import { addIdentityMap } from "../../../boot/identity_map.ts";
import { addKernelStack } from "../../../boot/kernel_stack.ts";
import { addRamdisk } from "../../../boot/ramdisk.ts";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import type { FrameAllocator } from "../../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import type { PluginEntry } from "../../../core/plugin/plugin.ts";
import { openbsd } from "../../../plugins/openbsd.ts";
import { presets } from "../../../plugins/presets.ts";
import { sections } from "../../../plugins/sections.ts";
import { snapshotOf } from "../../boot/snapshot.ts";
import { buildElf } from "../../elf_builder.ts";

const PAGE = 0x1000;
const BASE = 0x10_0000;
const SIZE = 0x10_0000;
const KERNEL_OFFSET = BASE + 0x4000;
const DIRTY = 0xd1;

const example = (name: string) => Deno.readFileSync(new URL(`../../../examples/hello/${name}`, import.meta.url));

/** Pages in place, copied for other offsets, merged, unshared, zeroed and filled with random bytes. */
const EVERY_KIND = buildElf({
  segments: [
    { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1800 },
    { p_flags: PF_R | PF_W, p_vaddr: 0x40_1800n, offset: 0x2800, filesz: 0x900, p_memsz: 0x3000n },
    { p_flags: PF_R | PF_W, p_vaddr: 0x8000_0800n, offset: 0x1000, filesz: 0x1200, p_align: 0x800n },
    { p_flags: PF_R | PF_W, p_vaddr: 0x80_0000_0000n, offset: 0x1000, filesz: 0x1000 },
    { p_type: 0x65a3dbe6, p_vaddr: 0x40_1900n, offset: 0x2900, filesz: 0, p_memsz: 0x1000n, p_align: 1n },
  ],
  length: 0x3800,
});

type Load = readonly [name: string, file: Uint8Array<ArrayBuffer>, options: LoadOptions<readonly PluginEntry[]>];

const LOADS: readonly Load[] = [
  ["every kind of page", EVERY_KIND, { plugins: [openbsd({ seed: 1n })] }],
  ["relocations and RELRO", example("hello-pie.elf"), presets.default],
  ["relocations by 0.11", example("hello-pie.elf"), presets["bootloader-0.11"]],
  ["sections", example("hello.elf"), { plugins: [sections()] }],
  ["the original", example("hello.elf"), presets["bootloader-0.10"]],
];

/** An allocator of scattered frames that ends, and the memory that it belongs to, all dirty. */
function scarce(count: number): {
  readonly options: LoadOptions;
  readonly handed: number[];
  readonly bytes: Uint8Array;
} {
  const buffer = new ArrayBuffer(SIZE);
  const bytes = new Uint8Array(buffer).fill(DIRTY);
  const handed: number[] = [];
  let next = BASE + SIZE - PAGE;
  const frames: FrameAllocator = {
    allocateFrame: () => {
      if (handed.length === count) return undefined;
      handed.push(next);
      next -= 2 * PAGE;
      return handed[handed.length - 1];
    },
    get nextFrame() {
      return next;
    },
    get framesAllocated() {
      return handed.length;
    },
  };
  const options = { memory: physicalMemory({ base: BASE, buffer }), kernelOffset: KERNEL_OFFSET, frames };
  return { options, handed, bytes };
}

/** Only the file's bytes and frames that were handed out may have changed. */
function assertUntouched(bytes: Uint8Array, handed: readonly number[], fileSize: number): void {
  const fileEnd = KERNEL_OFFSET + Math.ceil(fileSize / PAGE) * PAGE;
  for (let phys = BASE; phys < BASE + SIZE; phys += PAGE) {
    if ((phys >= KERNEL_OFFSET && phys < fileEnd) || handed.includes(phys)) continue;
    const page = bytes.subarray(phys - BASE, phys - BASE + PAGE);
    assert(page.every((byte) => byte === DIRTY), `the page at 0x${phys.toString(16)} was written to`);
  }
}

for (const [name, file, plugins] of LOADS) {
  Deno.test(`a load that runs out at any frame is refused, and leaves the rest of memory alone (${name})`, async () => {
    const enough = scarce(Infinity);
    const { framesAllocated } = await loadKernel(file, { ...plugins, ...enough.options });
    assert(framesAllocated > 4);
    assertUntouched(enough.bytes, enough.handed, file.length);
    for (let count = 0; count < framesAllocated; count++) {
      const { options, handed, bytes } = scarce(count);
      const error = await assertRejects(() => loadKernel(file, { ...plugins, ...options }), LoadError);
      assertStrictEquals(error.code, "frames-exhausted", `${count} frames`);
      assertEquals(handed.length, count);
      assertUntouched(bytes, handed, file.length);
    }
    const { options } = scarce(framesAllocated);
    await loadKernel(file, { ...plugins, ...options });
  });
}

/** What follows a load: each takes frames for what it maps, for its tables, or for both. */
const ADDITIONS: readonly (readonly [name: string, add: (kernel: LoadedKernel) => unknown])[] = [
  ["addKernelStack", (kernel) => addKernelStack(kernel, { size: 3 * PAGE })],
  ["writeBootInfo", (kernel) => writeBootInfo(kernel)],
  ["addRamdisk", (kernel) => addRamdisk(kernel, { bytes: new Uint8Array(3 * PAGE).fill(1) })],
  ["addContextSwitch", (kernel) => addContextSwitch(kernel)],
  ["addDirectMap", (kernel) => addDirectMap(kernel, { size: 2 ** 31, largestPage: 0x20_0000 })],
  ["addIdentityMap", (kernel) => addIdentityMap(kernel, { size: 2 ** 22, largestPage: 0x1000 })],
  ["addFramebuffer", (kernel) => addFramebuffer(kernel, { phys: 0xfd00_0000, size: 3 * PAGE })],
];

for (const [name, add] of ADDITIONS) {
  Deno.test(`${name}() that runs out at any frame maps nothing, and leaves the rest of memory alone`, async () => {
    const file = example("hello.elf");
    const alone = await loadKernel(file, scarce(Infinity).options);
    const before = alone.framesAllocated;
    add(alone);
    const needed = alone.framesAllocated - before;
    assert(needed > 0);
    for (let count = 0; count < needed; count++) {
      const { options, handed, bytes } = scarce(before + count);
      const kernel = await loadKernel(file, options);
      const { pages, level4 } = snapshotOf(kernel);
      const error = await assertRejects(async () => await add(kernel), LoadError);
      assertStrictEquals(error.code, "frames-exhausted", `${count} frames`);
      const { pages: pagesAfter, level4: level4After } = snapshotOf(kernel);
      assertEquals([pagesAfter, level4After], [pages, level4], `${count} frames`);
      assertUntouched(bytes, [...handed, ...kernel.frameRuns().map(({ phys }) => phys)], file.length);
    }
  });
}
