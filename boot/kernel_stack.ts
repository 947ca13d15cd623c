/**
 * A stack for the kernel, with an unmapped guard page below it.
 *
 * @module
 */

import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { alignUp, LOW48_HIGHER_HALF, PAGE_SIZE } from "../core/memory/addresses.ts";
import { checkKeys, wrongKind } from "../core/pipeline/settings.ts";
import { checkFree, findRoom, mapRanges, oneAfterTheOther, takeFrames } from "./pages/map_pages.ts";
import { checkAddress, checkKernel, checkSize } from "./pages/options.ts";
import { tableBytes } from "./pages/table_bytes.ts";

/** Where the stack is. */
export interface KernelStack {
  /** Virtual address of its lowest byte, a multiple of 4096. */
  readonly bottom: bigint;
  /** Virtual address after its highest byte, a multiple of 16; 2^64 if the stack ends the address space. */
  readonly top: bigint;
  /** Virtual address of the guard page right below it, if there is one. */
  readonly guardPage?: bigint;
}

/** The size of the stack, and where to put it. */
export interface KernelStackOptions {
  /** Number of bytes, at least 16; whole pages are mapped. Default: {@linkcode DEFAULT_STACK_SIZE}. */
  readonly size?: number;
  /** Whether to leave the page below the stack unmapped, so that an overflow faults. Default: true. */
  readonly guardPage?: boolean;
  /**
   * Virtual address of the guard page or, without one, of the stack's lowest byte; a multiple of 4096. Default: the
   * start of a free level-4 entry.
   */
  readonly address?: bigint;
}

/** The default size of a stack in bytes: 80 KiB. */
export const DEFAULT_STACK_SIZE: number = 80 * 1024;

// System V ABI for x86-64, "The Stack Frame": the stack is aligned to 16 bytes.
const ALIGNMENT = 16;

/**
 * Adds a stack in fresh frames owned by "kernel-stack", mapped writable and not executable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addKernelStack } from "@kload/kload/boot/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { bottom, top, guardPage = 0n } = addKernelStack(kernel, { size: 0x4000 });
 * assertEquals([top - bottom, bottom - guardPage], [0x4000n, 0x1000n]);
 * assertEquals(kernel.pageTable.translate(guardPage).mapped, false);
 * ```
 *
 * @param kernel The kernel.
 * @param options Size, guard page and address.
 * @returns Where the stack is.
 * @throws {LoadError} "page-already-mapped", "range-recursive", "level4-exhausted" or "frames-exhausted".
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If the size or the address is out of bounds.
 */
export function addKernelStack(
  kernel: Pick<LoadedKernel, "addressSpace">,
  options: KernelStackOptions = {},
): KernelStack {
  checkKernel(kernel, ["addressSpace"]);
  const { addressSpace } = kernel;
  const { size, below, pages, address } = checkOptions(options);
  const what = "the kernel stack";
  const start = findRoom(addressSpace, what, below + pages, address);
  if (below > 0) checkFree(addressSpace, what, start, [{ size: below }]);
  const bottom = start + BigInt(below);
  const tables = checkFree(addressSpace, what, bottom, [{ size: pages }]);
  const runs = takeFrames(addressSpace, what, "kernel-stack", pages, tables);
  mapRanges(addressSpace, what, oneAfterTheOther(bottom, runs));
  addressSpace.reserve(below + pages, start);
  const top = bottom + BigInt(size - size % ALIGNMENT);
  return Object.freeze({ bottom, top, ...(below > 0 ? { guardPage: start } : {}) });
}

/**
 * Returns the most bytes of memory that {@linkcode addKernelStack} takes, including page tables, for the load's
 * `reserve`.
 *
 * @param options Its options.
 * @returns A number of bytes.
 * @throws {TypeError} Like {@linkcode addKernelStack}.
 * @throws {RangeError} Like {@linkcode addKernelStack}.
 */
export function kernelStackBytes(options: KernelStackOptions = {}): number {
  const { below, pages, address = 0n } = checkOptions(options);
  return pages + tableBytes([{ size: pages }], address + BigInt(below));
}

function checkOptions(options: KernelStackOptions) {
  checkKeys(options, ["size", "guardPage", "address"]);
  const { size = DEFAULT_STACK_SIZE, guardPage = true, address } = options;
  if (typeof guardPage !== "boolean") throw wrongKind("guardPage", guardPage, "it must be true or false");
  checkSize(size, ALIGNMENT, LOW48_HIGHER_HALF - PAGE_SIZE);
  const below = guardPage ? PAGE_SIZE : 0;
  checkAddress(address, below + alignUp(size));
  return { size, below, pages: alignUp(size), address };
}
