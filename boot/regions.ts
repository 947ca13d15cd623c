/**
 * Regions: which ranges of physical memory a loaded kernel uses, and which of them have content.
 *
 * @module
 */

import { ET_DYN, PT_GNU_EH_FRAME, PT_GNU_PROPERTY, PT_GNU_RELRO, PT_GNU_STACK } from "../core/elf/constants.ts";
import { PT_INTERP, PT_LOAD, PT_NOTE, PT_NULL, PT_PHDR, PT_TLS } from "../core/elf/constants.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../core/memory/addresses.ts";
import type { FrameRun } from "../core/memory/frame_allocator.ts";
import type { PhysicalMemory } from "../core/memory/physical_memory.ts";
import { checkKeys } from "../core/pipeline/settings.ts";
import { checkKernel, checkResult, isInside } from "./pages/options.ts";
import type { Ramdisk } from "./ramdisk.ts";

/** A range of whole frames in use. Regions never overlap. */
export interface Region {
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** True if every frame has a nonzero byte; false if all frames are zero, and must stay so. */
  readonly content: boolean;
}

/** What else is in use, and how to scan memory. */
export interface RegionOptions {
  /** A ramdisk, as `addRamdisk` returned it; included if it lies in the load's memory. */
  readonly ramdisk?: Ramdisk;
  /**
   * Whether to scan the frames of .bss too. By default, they are only scanned if relocations or handlers of program
   * headers may have written to them, and assumed to be zero otherwise. Pass true if you wrote to them yourself.
   */
  readonly scanBss?: boolean;
}

// Types whose handlers write to no page. Handlers of all others may, such as PT_DYNAMIC and PT_OPENBSD_RANDOMIZE.
const WRITES_NOTHING: ReadonlySet<number> = new Set([
  ...[PT_NULL, PT_LOAD, PT_INTERP, PT_NOTE, PT_PHDR, PT_TLS],
  ...[PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY],
]);

/**
 * Lists the memory that a loaded kernel uses: every frame with an owner, and a ramdisk. Memory without an owner is not
 * scanned, and .bss only if something may have written to it, so even gigabytes of .bss cost nothing.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { usedRegions } from "@kload/kload/boot/regions";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * assertEquals(usedRegions(kernel), [
 *   { phys: 0x20_0000, size: 0x9000, content: true }, // the file, page tables, and the page where .bss starts
 *   { phys: 0x20_9000, size: 0x3000, content: false }, // the rest of .bss
 * ]);
 * ```
 *
 * @param kernel The kernel.
 * @param options A ramdisk, and whether to scan .bss.
 * @returns The regions, ascending; adjacent ones differ in whether they have content.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 */
export function usedRegions(
  kernel: Pick<LoadedKernel, "memory" | "frameRuns" | "fileHeader" | "programHeaders">,
  options: RegionOptions = {},
): readonly Region[] {
  checkKernel(kernel, ["memory", "frameRuns", "fileHeader", "programHeaders"]);
  checkKeys(options, ["ramdisk", "scanBss"]);
  checkResult("ramdisk", options.ramdisk, "addRamdisk()");
  const { memory, fileHeader, programHeaders } = kernel;
  const mayBeWritten = fileHeader.e_type === ET_DYN ||
    programHeaders.some(({ p_type }) => !WRITES_NOTHING.has(p_type));
  const { scanBss = mayBeWritten, ramdisk } = options;
  const regions: Region[] = [];
  const enter = (phys: number, size: number, content: boolean): void => {
    const last = regions.at(-1);
    if (last?.content === content && last.phys + last.size === phys) {
      regions[regions.length - 1] = { ...last, size: last.size + size };
    } else {
      regions.push({ phys, size, content });
    }
  };
  let done = 0;
  for (const run of [...kernel.frameRuns(), ...ramdiskRun(ramdisk, memory)].toSorted((a, b) => a.phys - b.phys)) {
    const start = Math.max(run.phys, done);
    const end = run.phys + run.size;
    if (start >= end) continue;
    done = end;
    if (run.owner === "bss" && !scanBss) enter(start, end - start, false);
    else scan(memory, { ...run, phys: start, size: end - start }, enter);
  }
  return regions;
}

function ramdiskRun(ramdisk: Ramdisk | undefined, memory: PhysicalMemory): readonly FrameRun[] {
  if (!ramdisk || !isInside(ramdisk, memory)) return [];
  const { phys, size } = ramdisk;
  const start = pageStart(phys);
  return [{ phys: start, size: alignUp(phys + size) - start, owner: "ramdisk" }];
}

function scan(
  memory: PhysicalMemory,
  run: FrameRun,
  enter: (phys: number, size: number, content: boolean) => void,
): void {
  const words = new Int32Array(memory.buffer, run.phys - memory.base, run.size / Int32Array.BYTES_PER_ELEMENT);
  const perFrame = PAGE_SIZE / Int32Array.BYTES_PER_ELEMENT;
  let from = 0;
  let content = false;
  for (let at = 0; at < words.length; at += perFrame) {
    const has = !isZero(words, at, at + perFrame);
    if (has === content) continue;
    if (at > from) enter(run.phys + from * Int32Array.BYTES_PER_ELEMENT, (at - from) * 4, content);
    from = at;
    content = has;
  }
  enter(run.phys + from * 4, (words.length - from) * 4, content);
}

function isZero(words: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 4) {
    if ((words[at] | words[at + 1] | words[at + 2] | words[at + 3]) !== 0) return false;
  }
  return true;
}
