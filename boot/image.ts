/**
 * Boot images: a loaded kernel as a file that QEMU, GRUB and other boot loaders start as it is.
 *
 * @module
 */

import type { LoadedKernel } from "../core/load_kernel.ts";
import { hexAddr } from "../core/hex.ts";
import { imageHeaders } from "./image/headers.ts";
import { segmentsOf } from "./image/segments.ts";
import { type RegionOptions, usedRegions } from "./regions.ts";

/** What of a loaded kernel an image is made of; the plugin context-switch has to have run. */
export type BootableKernel = Pick<LoadedKernel, "memory" | "frameRuns" | "fileHeader"> & {
  /** What plugins found. */
  readonly results: {
    /** What the plugin context-switch added. */
    readonly "context-switch": {
      /** The page that leads into the kernel. */
      readonly contextSwitch: {
        /** Physical address of its entry point in 32-bit protected mode. */
        readonly entry32: number;
      };
    };
    /** What the plugin ramdisk added, where it was used. */
    readonly ramdisk?: { readonly ramdisk: { readonly phys: number; readonly size: number } };
  };
};

/** How an image is made. */
export interface ImageOptions extends RegionOptions {
  /** Number of bytes of memory that the machine will have; as many as {@linkcode imageMemory} says. */
  readonly memory?: number;
}

const MIB = 2 ** 20;

/** Where images may start: what is below is the firmware's, or no memory at all. */
const LOWEST = MIB;

/** How much of the end of memory firmware uses, in bytes: SeaBIOS its tables, QEMU what it hands to PVH kernels. */
const FIRMWARE_TOP = 17 * MIB;

/** QEMU's q35 machine has its memory in one piece below this; with more, what is above 2 GiB moves behind 4 GiB. */
const HIGHEST = 0xb000_0000;

/**
 * Tells how much memory a machine needs to boot a kernel's image: all that the kernel was told of, and what firmware
 * takes at the end.
 *
 * @param kernel The kernel.
 * @returns A number of bytes, a multiple of 1 MiB: divided by 1 MiB, what QEMU's `-m` gets.
 * @throws {RangeError} Where no machine has such memory in one piece.
 */
export function imageMemory({ memory }: Pick<LoadedKernel, "memory">): number {
  const end = memory.base + memory.size;
  const needed = Math.ceil((end + FIRMWARE_TOP) / MIB) * MIB;
  if (needed < HIGHEST) return needed;
  throw new RangeError(
    `Cannot boot with memory up to ${hexAddr(end)}: with the firmware's it has to end below ${hexAddr(HIGHEST)}`,
  );
}

/**
 * Makes a boot image: a 32-bit ELF file with a Multiboot header and a PVH note, whose segments put every frame where the
 * kernel was loaded. Frames that are zero take no room in it, and .bss is not even looked at.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { bootImage, imageMemory } from "@kload/kload/boot/image";
 * import { contextSwitch } from "@kload/kload/plugins/context-switch";
 * import { kernelStack } from "@kload/kload/plugins/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"), {
 *   memory: { base: 0x10_0000 },
 *   plugins: [kernelStack(), contextSwitch()],
 * });
 * const image = new Blob([...bootImage(kernel)] as BlobPart[]);
 * assertEquals((await image.slice(0, 4).bytes()), new Uint8Array([0x7f, 0x45, 0x4c, 0x46]));
 * console.log(`qemu-system-x86_64 -m ${imageMemory(kernel) / 2 ** 20} -kernel boot.elf`);
 * ```
 *
 * @param kernel The kernel, loaded with the plugin context-switch into memory that starts at 1 MiB or above.
 * @param options The machine's memory, and whether .bss is looked at.
 * @returns The pieces of the file, in order; all but the first are views of the kernel's memory.
 * @throws {RangeError} Where the kernel uses memory that firmware overwrites, the machine has too little of it, or a
 * ramdisk lies elsewhere.
 */
export function bootImage(kernel: BootableKernel, options: ImageOptions = {}): Iterable<Uint8Array> {
  const { memory } = kernel;
  const needed = imageMemory(kernel);
  if (options.memory !== undefined && !(options.memory >= needed)) {
    throw new RangeError(`Cannot boot with ${options.memory} bytes of memory: the image needs ${needed}`);
  }
  const disk = kernel.results.ramdisk?.ramdisk;
  if (disk && (disk.phys < memory.base || disk.phys + disk.size > memory.base + memory.size)) {
    throw new RangeError(`Cannot make an image: the ramdisk at ${hexAddr(disk.phys)} is not in the kernel's memory`);
  }
  const regions = usedRegions(kernel, options);
  const low = regions.find(({ phys }) => phys < LOWEST);
  if (low) {
    throw new RangeError(
      `Cannot make an image: frame ${hexAddr(low.phys)} is in use, and firmware has all below ${hexAddr(LOWEST)}`,
    );
  }
  const segments = segmentsOf(regions);
  const headers = imageHeaders(segments, kernel.results["context-switch"].contextSwitch.entry32);
  return [
    headers,
    ...segments.map(({ phys, fileSize }) => memory.bytes(phys, fileSize)).filter(({ length }) => length > 0),
  ];
}
