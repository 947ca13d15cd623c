/**
 * Regions: which ranges of physical memory a loaded kernel uses, and which of them have content.
 *
 * @module
 */

import { ET_DYN } from "../core/elf/constants.ts";
import type { LoadedKernel } from "../core/load_kernel.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../core/memory/addresses.ts";
import type { FrameRun } from "../core/memory/frame_allocator.ts";

/** A range of whole frames that are in use, none of which is in another region. */
export interface Region {
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** Whether every frame has a byte that is not zero; else all of them are zero, and have to be. */
  readonly content: boolean;
}

/** How memory is looked at. */
export interface RegionOptions {
  /**
   * Whether the frames of .bss are looked at too: only relocations and handlers of plugins write to them. Where it is
   * left out, they are looked at for position-independent kernels, and known to be zero for others.
   */
  readonly scanBss?: boolean;
}

/** What of a loaded kernel the regions follow from. */
export type UsedMemory = Pick<LoadedKernel, "memory" | "frameRuns" | "fileHeader"> & {
  /** What plugins found; a ramdisk that the caller has put into memory is one of the regions. */
  readonly results: object;
};

/**
 * Lists the memory that a loaded kernel uses: every frame that has an owner, and a ramdisk of the caller's. Memory that nobody owns is not looked at,
 * and .bss only where something may have written to it, so that gigabytes of it cost nothing.
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
 * @param options Whether .bss is looked at.
 * @returns The regions, ascending; neighbours differ in whether they have content.
 */
export function usedRegions(kernel: UsedMemory, options: RegionOptions = {}): readonly Region[] {
  const { scanBss = kernel.fileHeader.e_type === ET_DYN } = options;
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
  for (const run of [...kernel.frameRuns(), ...ramdiskRun(kernel)].toSorted((a, b) => a.phys - b.phys)) {
    const start = Math.max(run.phys, done);
    const end = run.phys + run.size;
    if (start >= end) continue;
    done = end;
    if (run.owner === "bss" && !scanBss) enter(start, end - start, false);
    else scan(kernel, { ...run, phys: start, size: end - start }, enter);
  }
  return regions;
}

/** What the plugin ramdisk added, where it was used. */
interface FoundRamdisk {
  readonly ramdisk?: { readonly ramdisk: { readonly phys: number; readonly size: number } };
}

function ramdiskRun({ results, memory }: UsedMemory): readonly FrameRun[] {
  const { ramdisk }: FoundRamdisk = results;
  if (!ramdisk) return [];
  const { phys, size } = ramdisk.ramdisk;
  const inside = phys >= memory.base && phys + size <= memory.base + memory.size;
  const start = pageStart(phys);
  return inside ? [{ phys: start, size: alignUp(phys + size) - start, owner: "ramdisk" }] : [];
}

function scan({ memory }: UsedMemory, run: FrameRun, enter: (phys: number, size: number, content: boolean) => void) {
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
