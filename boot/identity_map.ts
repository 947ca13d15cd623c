/**
 * The identity map: physical memory mapped at virtual addresses equal to its physical ones.
 *
 * @module
 */

import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { LEVEL_SPAN, type PageSize } from "../core/paging/entry.ts";
import type { Mapper } from "../core/paging/mapper.ts";
import { checkKeys } from "../core/pipeline/settings.ts";
import { checkTables, findRoom, type FrameRange, mapRanges } from "./pages/map_pages.ts";
import { checkKernel, checkLargestPage, checkMapSize } from "./pages/options.ts";
import { largestPages, tableBytes } from "./pages/table_bytes.ts";

/** How much physical memory is mapped at its own addresses. */
export interface IdentityMap {
  /** Number of bytes from address 0. */
  readonly size: number;
  /** How many of these bytes were already mapped, and were left as they are. */
  readonly leftOut: number;
}

/** How much physical memory to map. */
export interface IdentityMapOptions {
  /** Number of bytes from address 0, a multiple of 4096. Default: up to the end of the load's memory. */
  readonly size?: number;
  /**
   * Size of the largest pages to use, in bytes. Default: 1 GiB, which old processors and some virtual ones do not
   * support.
   */
  readonly largestPage?: PageSize;
}

/**
 * Maps physical memory at its own addresses, from 0 up, writable and not executable, with the largest pages that fit.
 * Existing mappings, such as a kernel at low addresses or the page of the context switch, stay as they are. Call this
 * after `addContextSwitch`, which could not map its page otherwise.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addIdentityMap } from "@kload/kload/boot/identity-map";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * assertEquals(addIdentityMap(kernel, { size: 2 ** 30 }), { size: 2 ** 30, leftOut: 0 });
 * const page = kernel.pageTable.translate(0xb_8000n);
 * assertEquals(page.mapped && page.phys, 0xb_8000);
 * ```
 *
 * @param kernel The kernel.
 * @param options Size and largest page.
 * @returns What was mapped.
 * @throws {LoadError} "range-recursive", "frames-exhausted", or "address-not-canonical" if the load's memory reaches
 * past the lower half.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If an option is out of bounds.
 */
export function addIdentityMap(
  kernel: Pick<LoadedKernel, "addressSpace">,
  options: IdentityMapOptions = {},
): IdentityMap {
  checkKernel(kernel, ["addressSpace"]);
  const { addressSpace } = kernel;
  checkOptions(options);
  const { base, size: memorySize } = addressSpace.memory;
  const { size = base + memorySize, largestPage = 0x4000_0000 } = options;
  const what = "the identity map";
  findRoom(addressSpace, what, size, 0n);
  addressSpace.reserve(size, 0n); // refuses recursive entries; entry 0 is always in use
  const free = freeRanges(addressSpace.pageTable, size, largestPage);
  const ranges = free.map((range) => ({ ...range, virt: BigInt(range.phys) }));
  checkTables(addressSpace, what, ranges);
  mapRanges(addressSpace, what, ranges);
  const mapped = free.reduce((sum, range) => sum + range.size, 0);
  return Object.freeze({ size, leftOut: size - mapped });
}

/**
 * Returns the most bytes of memory that {@linkcode addIdentityMap} takes, all for page tables, for the load's
 * `reserve`.
 *
 * @param options Its options; the size is required.
 * @returns A number of bytes.
 * @throws {TypeError} Like {@linkcode addIdentityMap}.
 * @throws {RangeError} Like {@linkcode addIdentityMap}.
 */
export function identityMapBytes(options: IdentityMapOptions & { readonly size: number }): number {
  checkOptions(options);
  const { size, largestPage = 0x4000_0000 } = options;
  return tableBytes(largestPages(size, 0, largestPage));
}

/**
 * Finds the ranges that are not mapped, with the largest pages that fit. If a walk ends at level 1 or 2, a table of
 * that level already exists, and only smaller pages fit into it.
 */
function freeRanges(pageTable: Mapper, size: number, largestPage: number): readonly FrameRange[] {
  const ranges: Required<FrameRange>[] = [];
  const add = (phys: number, pages: number, pageSize: PageSize): void => {
    const last = ranges.at(-1);
    if (last?.pageSize === pageSize && last.phys + last.size === phys) {
      ranges[ranges.length - 1] = { ...last, size: last.size + pages };
    } else ranges.push({ phys, size: pages, pageSize });
  };
  for (let at = 0; at < size;) {
    const found = pageTable.translate(BigInt(at));
    if (found.mapped) {
      at += found.pageSize - at % found.pageSize;
      continue;
    }
    const span = LEVEL_SPAN[found.level as 1 | 2 | 3 | 4];
    const end = Math.min(size, at - at % span + span);
    for (const range of largestPages(end - at, 0, Math.min(largestPage, span))) {
      add(at + range.phys, range.size, range.pageSize);
    }
    at = end;
  }
  return ranges;
}

function checkOptions(options: IdentityMapOptions): void {
  checkKeys(options, ["size", "largestPage"]);
  checkMapSize(options.size);
  checkLargestPage(options.largestPage);
}
