/**
 * Where QEMU's option ROM puts a Multiboot kernel: hw/i386/multiboot.c, `load_multiboot`.
 *
 * @module
 */

import { loadedPart } from "./multiboot.ts";
import type { QemuView } from "./view.ts";

/** QEMU copies whole pages, and one with the command line and the loader's name after the kernel. */
const PAGE = 0x1000n;

/**
 * Computes which physical addresses are overwritten when the kernel is copied.
 *
 * @param view The file.
 * @returns The range; `undefined` if it is no Multiboot kernel that QEMU loads.
 */
export function gatheredRange(
  { model, multiboot, elf }: QemuView,
): { readonly start: bigint; readonly end: bigint } | undefined {
  if (multiboot?.addresses) {
    const { load_addr, bss_end_addr } = multiboot.addresses;
    const { size } = loadedPart(model.length, multiboot.offset, multiboot.addresses);
    return inPages(BigInt(load_addr), BigInt(bss_end_addr === 0 ? size : bss_end_addr - load_addr));
  }
  if (!multiboot || !elf) return undefined;
  const { low, high } = elf.blocks;
  return inPages(BigInt.asUintN(32, low), BigInt.asUintN(32, high - low));
}

function inPages(start: bigint, size: bigint): { readonly start: bigint; readonly end: bigint } {
  return { start, end: start + (size + PAGE - 1n) / PAGE * PAGE + PAGE };
}
