/**
 * The direct map: all physical memory at an offset, so that the kernel can reach any frame.
 *
 * @module
 */

import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { low48 } from "../core/memory/addresses.ts";
import type { PageSize } from "../core/paging/entry.ts";
import { checkKeys } from "../core/pipeline/settings.ts";
import { checkTables, findRoom, mapRanges } from "./pages/map_pages.ts";
import { checkAddress, checkKernel, checkLargestPage, checkMapSize } from "./pages/options.ts";
import { largestPages, tableBytes } from "./pages/table_bytes.ts";

/** Where physical memory is mapped. */
export interface DirectMap {
  /** Virtual address of physical address 0; physical address plus offset is the virtual address. */
  readonly offset: bigint;
  /** Number of bytes mapped there. */
  readonly size: number;
}

/** How much physical memory to map, and where. */
export interface DirectMapOptions {
  /** Number of bytes from physical address 0, a multiple of 4096. Default: up to the end of the load's memory. */
  readonly size?: number;
  /**
   * Virtual address of physical address 0, a multiple of 4096; pages are no larger than its alignment. Default: the
   * start of free level-4 entries.
   */
  readonly address?: bigint;
  /**
   * Size of the largest pages to use, in bytes. Default: 1 GiB, which old processors and some virtual ones do not
   * support.
   */
  readonly largestPage?: PageSize;
}

/**
 * Maps physical memory at an offset, writable and not executable, with the largest pages that fit. Every frame can be
 * written through it, even those of read-only segments.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addDirectMap } from "@kload/kload/boot/direct-map";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { offset } = addDirectMap(kernel, { size: 2 ** 32 });
 * const page = kernel.pageTable.translate(offset + 0x1234_5678n);
 * assertEquals(page, { mapped: true, phys: 0x1234_5678, pageSize: 0x4000_0000, flags: 1n << 63n | 0x83n });
 * ```
 *
 * @param kernel The kernel.
 * @param options Size, address and largest page.
 * @returns Where it is.
 * @throws {LoadError} "page-already-mapped", "range-recursive", "level4-exhausted" or "frames-exhausted", and
 * "address-overflow" or "address-not-canonical" if the load's memory does not fit above the address.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If an option is out of bounds.
 */
export function addDirectMap(
  kernel: Pick<LoadedKernel, "addressSpace">,
  options: DirectMapOptions = {},
): DirectMap {
  checkKernel(kernel, ["addressSpace"]);
  const { addressSpace } = kernel;
  checkOptions(options);
  const { base, size: memorySize } = addressSpace.memory;
  const { size = base + memorySize, address } = options;
  const what = "the direct map";
  const offset = findRoom(addressSpace, what, size, address);
  const pages = rangesOf(size, options);
  const ranges = pages.map((range) => ({ ...range, virt: offset + BigInt(range.phys) }));
  checkTables(addressSpace, what, ranges);
  mapRanges(addressSpace, what, ranges);
  return Object.freeze({ offset, size });
}

/**
 * Returns the most bytes of memory that {@linkcode addDirectMap} takes, all for page tables, for the load's `reserve`.
 *
 * @param options Its options; the size is required.
 * @returns A number of bytes.
 * @throws {TypeError} Like {@linkcode addDirectMap}.
 * @throws {RangeError} Like {@linkcode addDirectMap}.
 */
export function directMapBytes(options: DirectMapOptions & { readonly size: number }): number {
  checkOptions(options);
  return tableBytes(rangesOf(options.size, options), options.address);
}

function rangesOf(size: number, { address = 0n, largestPage = 0x4000_0000 }: DirectMapOptions) {
  return largestPages(size, low48(address), largestPage);
}

function checkOptions(options: DirectMapOptions): void {
  checkKeys(options, ["size", "address", "largestPage"]);
  const { size, address, largestPage } = options;
  checkMapSize(size);
  checkLargestPage(largestPage);
  checkAddress(address, size);
}
