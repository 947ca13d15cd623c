/**
 * The plugin framebuffer: maps the framebuffer that the caller knows of.
 *
 * @module
 */

import { alignUp, pageStart } from "../core/memory/addresses.ts";
import { PHYSICAL_END } from "../core/memory/addresses.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../core/paging/entry.ts";
import { checkPlace, mapBeside, reserveAddress } from "../core/address_space/map_beside.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { Checked, ImageStage, Level4Used, Loading } from "../core/pipeline/stage.ts";

/** What the bytes of a pixel are: a color in each, one byte of grey, or the bit offset of each color. */
export type PixelFormat = "rgb" | "bgr" | "u8" | {
  /** Bit offset of the red value in a pixel, 0 to 255. */
  readonly redPosition: number;
  /** Bit offset of the green value, 0 to 255. */
  readonly greenPosition: number;
  /** Bit offset of the blue value, 0 to 255. */
  readonly bluePosition: number;
};

/** How the pixels lie in a framebuffer. */
export interface FramebufferInfo {
  /** Pixels in a line. */
  readonly width: number;
  /** Number of lines. */
  readonly height: number;
  /** What the bytes of a pixel are. */
  readonly pixelFormat: PixelFormat;
  /** Number of bytes of a pixel. */
  readonly bytesPerPixel: number;
  /** Pixels from the start of a line to the start of the next; `width` or more. */
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
  /** How its pixels lie, where the caller said so. */
  readonly info?: FramebufferInfo;
}

/** What the plugin framebuffer adds. */
export interface FramebufferAdded {
  /** The framebuffer. */
  readonly framebuffer: Framebuffer;
}

/** Which framebuffer it is, and where it is mapped. */
export interface FramebufferOptions {
  /** Physical address of its first byte. It need not lie in the load's memory. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** Virtual address of its first page, a multiple of 4096; the start of a free level-4 entry. */
  readonly address?: bigint;
  /** How its pixels lie, for the boot information. */
  readonly info?: FramebufferInfo;
}

/** The plugin framebuffer. */
export type FramebufferPlugin = Plugin<
  "framebuffer",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<Checked & Loading & Level4Used, FramebufferAdded, "framebuffer">;
  }]
>;

/**
 * Makes the plugin framebuffer. Every page that the range touches is mapped, writable and not executable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { framebuffer } from "@kload/kload/plugins/framebuffer";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const info = { width: 1024, height: 768, pixelFormat: "bgr", bytesPerPixel: 4, stride: 1024 } as const;
 * const screen = framebuffer({ phys: 0xfd00_0000, size: 1024 * 768 * 4, info });
 * const kernel = await loadKernel(file, { plugins: [screen] });
 * const { virt } = kernel.results.framebuffer.framebuffer;
 * const page = kernel.pageTable.translate(virt + 0x1234n);
 * assertEquals(page.mapped && page.phys, 0xfd00_1234);
 * ```
 *
 * @param options The range, its address, and how the pixels lie.
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where something is in the way.
 * @throws {TypeError} Where the address is no `bigint`.
 * @throws {RangeError} Where the range or the address is out of bounds, or the pixels do not fit into the range.
 */
export function framebuffer({ phys, size, address, info }: FramebufferOptions): FramebufferPlugin {
  checkRange(phys, size, address);
  if (info) checkInfo(info, size);
  const first = pageStart(phys);
  const whole = alignUp(phys + size) - first;
  return {
    name: "framebuffer",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "framebuffer",
        needs: ["segments", "pageTable", "usedLevel4Entries"],
        adds: ["framebuffer"],
        run: ({ segments, pageTable, usedLevel4Entries }) => {
          const page = reserveAddress(whole, address, usedLevel4Entries);
          mapBeside("the framebuffer's page", segments, () => {
            pageTable.mapTo(page, first, PRESENT | WRITABLE | NO_EXECUTE, { size: whole });
          });
          const virt = page + BigInt(phys - first);
          return { framebuffer: { virt, phys, size, ...(info ? { info } : {}) } };
        },
      },
    }],
  };
}

function checkRange(phys: number, size: number, address: bigint | undefined): void {
  const numbers = [phys, size].every(Number.isSafeInteger);
  if (!numbers || phys < 0 || size < 1 || phys + size > PHYSICAL_END) {
    throw new RangeError(`Cannot map a framebuffer of ${size} bytes at physical ${phys}: it is no range below 2^52`);
  }
  checkPlace("map the framebuffer", address);
}

function checkInfo({ width, height, bytesPerPixel, stride, pixelFormat }: FramebufferInfo, size: number): void {
  const counts = [width, height, bytesPerPixel, stride];
  if (!counts.every((count) => Number.isSafeInteger(count) && count > 0) || stride < width) {
    throw new RangeError(`Cannot describe a framebuffer of ${width}x${height} pixels, ${stride} a line`);
  }
  if (((height - 1) * stride + width) * bytesPerPixel > size) {
    throw new RangeError(`Cannot describe a framebuffer of ${width}x${height} pixels: it has only ${size} bytes`);
  }
  const positions = typeof pixelFormat === "object" ? Object.values(pixelFormat) : [];
  if (!positions.every((bit) => Number.isInteger(bit) && bit >= 0 && bit < 256)) {
    throw new RangeError(`Cannot describe pixels with colors at bits ${positions}: they are not 0 to 255`);
  }
}
