/**
 * Maps a framebuffer that the caller describes for the kernel.
 *
 * @module
 */

import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { alignUp, pageStart } from "../core/memory/addresses.ts";
import { checkKeys, outOfBounds, wrongKind } from "../core/pipeline/settings.ts";
import { mapPhysical } from "./pages/map_pages.ts";
import { checkAddress, checkKernel, checkNumber, checkPhysical } from "./pages/options.ts";
import { tableBytes } from "./pages/table_bytes.ts";

/** The format of a pixel: one byte for each color in this order, one byte of gray, or the bit offset of each color. */
export type PixelFormat = "rgb" | "bgr" | "u8" | {
  /** Bit offset of the red value in a pixel, 0 to 255. */
  readonly redPosition: number;
  /** Bit offset of the green value, 0 to 255. */
  readonly greenPosition: number;
  /** Bit offset of the blue value, 0 to 255. */
  readonly bluePosition: number;
};

/** The layout of the pixels in a framebuffer. */
export interface FramebufferInfo {
  /** Number of pixels in a line. */
  readonly width: number;
  /** Number of lines. */
  readonly height: number;
  /** The format of a pixel. */
  readonly pixelFormat: PixelFormat;
  /** Number of bytes per pixel. */
  readonly bytesPerPixel: number;
  /** Number of pixels from the start of one line to the start of the next; at least `width`. */
  readonly stride: number;
}

/** Where the framebuffer is. */
export interface Framebuffer {
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** The layout of its pixels, if the caller specified it. */
  readonly info?: FramebufferInfo;
}

/** Which framebuffer to map, and where. */
export interface FramebufferOptions {
  /** Physical address of its first byte: device memory, or frames that were allocated for the owner "framebuffer". */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** Virtual address of its first page, a multiple of 4096. Default: the start of a free level-4 entry. */
  readonly address?: bigint;
  /** The layout of its pixels, for the boot information. */
  readonly info?: FramebufferInfo;
}

/**
 * Maps a framebuffer: every page that the range touches, writable and not executable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addFramebuffer } from "@kload/kload/boot/framebuffer";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const info = { width: 1024, height: 768, pixelFormat: "bgr", bytesPerPixel: 4, stride: 1024 } as const;
 * const { virt } = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 1024 * 768 * 4, info });
 * const page = kernel.pageTable.translate(virt + 0x1234n);
 * assertEquals(page.mapped && page.phys, 0xfd00_1234);
 * ```
 *
 * @param kernel The kernel.
 * @param options The range, its address, and the layout of the pixels.
 * @returns Where it is.
 * @throws {LoadError} "range-in-use", "page-already-mapped", "range-recursive", "level4-exhausted" or
 * "frames-exhausted".
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If the range or the address is out of bounds, or the pixels do not fit into the range.
 */
export function addFramebuffer(
  kernel: Pick<LoadedKernel, "addressSpace">,
  options: FramebufferOptions,
): Framebuffer {
  checkKernel(kernel, ["addressSpace"]);
  const { addressSpace } = kernel;
  checkOptions(options);
  const { phys, size, info } = options;
  const virt = mapPhysical(addressSpace, "framebuffer", options);
  return Object.freeze({ virt, phys, size, ...(info ? { info: Object.freeze({ ...info }) } : {}) });
}

/**
 * Returns the most bytes of memory that {@linkcode addFramebuffer} takes, all for page tables, for the load's
 * `reserve`.
 *
 * @param options Its options.
 * @returns A number of bytes.
 * @throws {TypeError} Like {@linkcode addFramebuffer}.
 * @throws {RangeError} Like {@linkcode addFramebuffer}.
 */
export function framebufferBytes(options: FramebufferOptions): number {
  checkOptions(options);
  const { phys, size, address } = options;
  return tableBytes([{ size: alignUp(phys + size) - pageStart(phys) }], address);
}

function checkOptions(options: FramebufferOptions): void {
  checkKeys(options, ["phys", "size", "address", "info"]);
  const { phys, size, address, info } = options;
  checkPhysical(phys, size);
  checkAddress(address, alignUp(phys + size) - pageStart(phys));
  if (info !== undefined) checkInfo(info, size);
}

function checkInfo(info: FramebufferInfo, size: number): void {
  if (typeof info !== "object" || info === null) throw wrongKind("info", info, "pass an object");
  const { width, height, bytesPerPixel, stride, pixelFormat } = info;
  for (const [name, value] of Object.entries({ width, height, bytesPerPixel, stride })) {
    checkNumber(`info.${name}`, value);
    if (!Number.isSafeInteger(value) || value < 1) throw outOfBounds(`info.${name}`, value, "it must be above 0");
  }
  if (stride < width) throw outOfBounds("info.stride", stride, "it must be at least the width");
  if (((height - 1) * stride + width) * bytesPerPixel > size) {
    throw outOfBounds("size", size, `${width}x${height} pixels of ${bytesPerPixel} bytes do not fit`);
  }
  checkPixelFormat(pixelFormat);
}

function checkPixelFormat(format: PixelFormat): void {
  if (typeof format !== "object" || format === null) {
    if (["rgb", "bgr", "u8"].includes(format)) return;
    throw wrongKind("info.pixelFormat", format, 'it must be "rgb", "bgr", "u8" or the positions of the colors');
  }
  for (const name of ["redPosition", "greenPosition", "bluePosition"] as const) {
    const bit = format[name];
    checkNumber(`info.pixelFormat.${name}`, bit);
    if (!Number.isInteger(bit) || bit < 0 || bit > 255) {
      throw outOfBounds(`info.pixelFormat.${name}`, bit, "it must be 0 to 255");
    }
  }
}
