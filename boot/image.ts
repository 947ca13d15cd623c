/**
 * Boot images: a loaded kernel as a file that QEMU, GRUB and other boot loaders can start.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { PAGE_SIZE } from "../core/memory/addresses.ts";
import { checkKeys, outOfBounds, wrongKind } from "../core/pipeline/settings.ts";
import type { ContextSwitch } from "./context_switch.ts";
import { imageHeaders } from "./image/headers.ts";
import { segmentsOf } from "./image/segments.ts";
import { checkKernel, checkNumber, checkResult, isInside } from "./pages/options.ts";
import { type RegionOptions, usedRegions } from "./regions.ts";

/** How to create an image. */
export interface ImageOptions extends RegionOptions {
  /** The page that leads into the kernel, as `addContextSwitch` returned it. */
  readonly entry: ContextSwitch;
  /** Number of bytes of memory that the machine will have; at least {@linkcode imageMemory}, which is the default. */
  readonly memory?: number;
}

const MIB = 2 ** 20;

/** The lowest address of an image: below it is firmware, or no memory at all. */
const LOWEST = MIB;

/**
 * How many bytes at the end of memory the firmware uses: SeaBIOS for its tables, QEMU for what it passes to PVH
 * kernels.
 */
const FIRMWARE_TOP = 17 * MIB;

/** QEMU's q35 machine has its memory in one piece up to here; with more, the part above 2 GiB moves to 4 GiB. */
const HIGHEST = 0xb000_0000;

/**
 * Returns how much memory a machine needs to boot a kernel's image: the kernel's memory, and what firmware uses after
 * it.
 *
 * @param kernel The kernel.
 * @returns A number of bytes, a multiple of 1 MiB; in MiB, the value for QEMU's `-m`.
 * @throws {LoadError} "not-bootable" if no machine has that much memory in one piece.
 */
export function imageMemory(kernel: Pick<LoadedKernel, "memory">): number {
  checkKernel(kernel, ["memory"]);
  const { memory } = kernel;
  const end = memory.base + memory.size;
  const needed = Math.ceil((end + FIRMWARE_TOP) / MIB) * MIB;
  if (needed < HIGHEST) return needed;
  throw new LoadError("not-bootable", {
    field: "the last page of its memory",
    value: end - PAGE_SIZE,
    limit: HIGHEST - MIB - FIRMWARE_TOP,
  });
}

/**
 * Lays out a boot image: a 32-bit ELF file with a Multiboot header and a PVH note, whose segments put every frame where
 * the kernel was loaded. Zeroed frames take almost no room in it, and .bss is not scanned if nothing can have written
 * to it.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addContextSwitch } from "@kload/kload/boot/context-switch";
 * import { bootImage, imageMemory } from "@kload/kload/boot/image";
 * import { addKernelStack } from "@kload/kload/boot/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { memory: { base: 0x10_0000 } });
 * const stack = addKernelStack(kernel);
 * const entry = addContextSwitch(kernel, { stack });
 * const image = new Blob([...bootImage(kernel, { entry })] as BlobPart[]);
 * assertEquals((await image.slice(0, 4).bytes()), new Uint8Array([0x7f, 0x45, 0x4c, 0x46]));
 * console.log(`qemu-system-x86_64 -m ${imageMemory(kernel) / 2 ** 20} -kernel boot.elf`);
 * ```
 *
 * @param kernel The kernel, loaded into memory that starts at 1 MiB or above.
 * @param options The page that leads into it, a ramdisk, the machine's memory, and whether to scan .bss.
 * @returns The pieces of the file, in order; all except the first are views of the kernel's memory.
 * @throws {LoadError} "not-bootable" if the kernel uses memory below 1 MiB, or memory ends too high.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If the machine has too little memory, or the ramdisk lies outside the kernel's memory.
 */
export function bootImage(
  kernel: Pick<LoadedKernel, "memory" | "frameRuns" | "fileHeader" | "programHeaders">,
  options: ImageOptions,
): Iterable<Uint8Array> {
  checkKernel(kernel, ["memory", "frameRuns", "fileHeader", "programHeaders"]);
  checkKeys(options, ["entry", "ramdisk", "memory", "scanBss"]);
  const { entry, memory, ...regionOptions } = options;
  const { ramdisk } = options;
  if (entry === undefined) throw wrongKind("entry", entry, "pass what addContextSwitch() returns");
  checkResult("entry", entry, "addContextSwitch()");
  const needed = imageMemory(kernel);
  if (memory !== undefined) checkNumber("memory", memory);
  if (memory !== undefined && !(memory >= needed)) {
    throw outOfBounds("memory", memory, `the image needs ${needed} bytes`);
  }
  const regions = usedRegions(kernel, regionOptions);
  if (ramdisk && !isInside(ramdisk, kernel.memory)) {
    throw outOfBounds("ramdisk.phys", ramdisk.phys, "the image holds only what lies in the kernel's memory");
  }
  const low = regions.find(({ phys }) => phys < LOWEST);
  if (low) throw new LoadError("not-bootable", { field: "a frame in use", value: low.phys, limit: LOWEST });
  const segments = segmentsOf(regions);
  return [
    imageHeaders(segments, entry.entry32),
    ...segments.map(({ phys, fileSize }) => kernel.memory.bytes(phys, fileSize)).filter(({ length }) => length > 0),
  ];
}
