/**
 * How QEMU 7.2 gathers a Multiboot kernel from its blocks: hw/core/loader.c, `rom_copy`.
 *
 * @module
 */

import { inQemuOrder, type QemuBlocks } from "./blocks.ts";

/** What gathering the kernel comes to. */
export type Fetch =
  /** QEMU has the kernel. */
  | "done"
  /** QEMU sees that bytes are missing, and says so. */
  | "incomplete"
  /** QEMU computes a negative length, and dies. */
  | "overrun";

/**
 * Gathers the kernel from the lowest to the highest of its addresses, of which QEMU keeps the lower 32 bits.
 *
 * @param kernel The kernel's blocks.
 * @returns What becomes of it.
 */
export function fetchKernel(kernel: QemuBlocks): Fetch {
  const base = BigInt.asUintN(32, kernel.low);
  const wanted = BigInt.asUintN(32, kernel.high - kernel.low);
  const end = base + wanted;
  let [place, length] = [0n, 0n];
  for (const { start, dataSize, size } of inQemuOrder(kernel.blocks)) {
    if (BigInt.asUintN(64, start + size) < base) continue;
    if (start > end || start < base) break;
    [place, length] = [start - base, dataSize];
    if (place + length > wanted) {
      // The length that is left becomes minus the place.
      if (place > 0n) return "overrun";
      length = 0n;
    }
    if (size <= dataSize) continue;
    place += length;
    length = size - dataSize;
    if (place + length > wanted) {
      if (place > 0n) return "overrun";
      length = 0n;
    }
  }
  return BigInt.asUintN(32, place + length) === wanted ? "done" : "incomplete";
}
