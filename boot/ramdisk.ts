/**
 * A ramdisk: bytes that are copied into memory, or are already there, mapped for the kernel.
 *
 * @module
 */

import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { alignUp, LOW48_HIGHER_HALF, PAGE_SIZE, pageStart } from "../core/memory/addresses.ts";
import { checkKeys, wrongKind } from "../core/pipeline/settings.ts";
import { checkFree, findRoom, mapPhysical, mapRanges, oneAfterTheOther, takeFrames } from "./pages/map_pages.ts";
import { checkAddress, checkKernel, checkPhysical, checkSize } from "./pages/options.ts";
import { tableBytes } from "./pages/table_bytes.ts";

/** Where the ramdisk is. */
export interface Ramdisk {
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Physical address of its first byte. A copy is not contiguous if the frame allocator scatters frames. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
}

/** The ramdisk's bytes, or where they are in memory, and where to map them. */
export type RamdiskOptions =
  & {
    /** Virtual address of its first page, a multiple of 4096. Default: the start of a free level-4 entry. */
    readonly address?: bigint;
  }
  & ({
    /** Physical address of its first byte. It need not lie in the load's memory. */
    readonly phys: number;
    /** Number of bytes. */
    readonly size: number;
  } | {
    /** Its bytes, which are copied into fresh frames of the load's memory. */
    readonly bytes: Uint8Array;
  });

/**
 * Maps a ramdisk: every page that it touches, writable and not executable. Copied bytes take frames, so the load must
 * keep enough memory free (`reserve`, see {@linkcode ramdiskBytes}). Bytes that are already in memory must not overlap
 * frames of the load.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addRamdisk } from "@kload/kload/boot/ramdisk";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const bytes = new TextEncoder().encode("the first file");
 * const { virt, size } = addRamdisk(kernel, { bytes });
 * assertEquals(kernel.read(virt, size), bytes);
 * ```
 *
 * @param kernel The kernel.
 * @param options The range or the bytes, and the address.
 * @returns Where it is.
 * @throws {LoadError} "range-in-use", "page-already-mapped", "range-recursive", "level4-exhausted" or
 * "frames-exhausted".
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If the range or the address is out of bounds, or the ramdisk is empty.
 */
export function addRamdisk(
  kernel: Pick<LoadedKernel, "addressSpace">,
  options: RamdiskOptions,
): Ramdisk {
  checkKernel(kernel, ["addressSpace"]);
  const { addressSpace } = kernel;
  checkOptions(options);
  if (!("bytes" in options)) {
    const { phys, size } = options;
    return Object.freeze({ virt: mapPhysical(addressSpace, "ramdisk", options), phys, size });
  }
  const { bytes, address } = options;
  const what = "the ramdisk";
  const pages = alignUp(bytes.length);
  const virt = findRoom(addressSpace, what, pages, address);
  const tables = checkFree(addressSpace, what, virt, [{ size: pages }]);
  const runs = takeFrames(addressSpace, what, "ramdisk", pages, tables);
  mapRanges(addressSpace, what, oneAfterTheOther(virt, runs));
  let copied = 0;
  for (const run of runs) {
    const piece = bytes.subarray(copied, copied + run.size);
    addressSpace.memory.bytes(run.phys, piece.length).set(piece);
    copied += run.size;
  }
  return Object.freeze({ virt, phys: runs[0].phys, size: bytes.length });
}

/**
 * Returns the most bytes of memory that {@linkcode addRamdisk} takes, including page tables, for the load's `reserve`.
 *
 * @param options Its options.
 * @returns A number of bytes.
 * @throws {TypeError} Like {@linkcode addRamdisk}.
 * @throws {RangeError} Like {@linkcode addRamdisk}.
 */
export function ramdiskBytes(options: RamdiskOptions): number {
  checkOptions(options);
  const { address } = options;
  if ("bytes" in options) {
    const pages = alignUp(options.bytes.length);
    return pages + tableBytes([{ size: pages }], address);
  }
  const { phys, size } = options;
  return tableBytes([{ size: alignUp(phys + size) - pageStart(phys) }], address);
}

function checkOptions(options: RamdiskOptions): void {
  checkKeys(options, ["bytes", "phys", "size", "address"]);
  if ("bytes" in options) {
    const { bytes, address, ...rest } = options;
    if ("phys" in rest || "size" in rest) throw wrongKind("bytes", bytes, "pass either bytes, or phys and size");
    if (!(bytes instanceof Uint8Array)) throw wrongKind("bytes", bytes, "pass a Uint8Array");
    checkSize(bytes.length, 1, LOW48_HIGHER_HALF - PAGE_SIZE);
    checkAddress(address, alignUp(bytes.length));
    return;
  }
  const { phys, size, address } = options;
  if (phys === undefined || size === undefined) {
    throw new TypeError("Cannot add a ramdisk: give its bytes, or both phys and size");
  }
  checkPhysical(phys, size);
  checkAddress(address, alignUp(phys + size) - pageStart(phys));
}
