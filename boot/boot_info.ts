/**
 * The boot information: what a kernel needs to know about the machine and how it was loaded, in the layout of
 * bootloader_api 0.11, in its own pages. docs/boot_info.md describes each field.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { alignUp, PHYSICAL_END } from "../core/memory/addresses.ts";
import type { FrameRun } from "../core/memory/frame_allocator.ts";
import { checkKeys, outOfBounds, wrongKind } from "../core/pipeline/settings.ts";
import { BOOT_INFO_SIZE, encodeBootInfo, encodeRegions, MEMORY_REGION_SIZE } from "./boot_info/layout.ts";
import {
  checkMachineRegions,
  defaultRegions,
  type MachineRegion,
  type OwnedRegion,
  ownedRegions,
  type RegionKind,
  type UsedRange,
  withoutOwners,
} from "./boot_info/memory_map.ts";
import type { DirectMap } from "./direct_map.ts";
import type { Framebuffer } from "./framebuffer.ts";
import type { KernelStack } from "./kernel_stack.ts";
import { checkFree, findRoom, mapRanges, oneAfterTheOther, takeFrames } from "./pages/map_pages.ts";
import { checkAddress, checkKernel, checkResult } from "./pages/options.ts";
import { tableBytes } from "./pages/table_bytes.ts";
import type { Ramdisk } from "./ramdisk.ts";
import type { RecursiveEntry } from "./recursive_entry.ts";

export type { MachineRegion, OwnedRegion, RegionKind };

/** Where the boot information is, and its memory map. */
export interface BootInfo {
  /** Virtual address of its first byte: the value that the kernel gets in RDI. */
  readonly address: bigint;
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes mapped for it, a multiple of 4096. */
  readonly size: number;
  /** The current memory map, ascending, with the owner of each region. */
  readonly regions: readonly OwnedRegion[];
  /**
   * Writes the boot information again, to include frames taken since. Throws a `LoadError` "memory-too-small" if the
   * memory map outgrows its pages.
   */
  readonly update: () => void;
}

/** What to put into the boot information besides what the load knows, and where to map it. */
export interface BootInfoOptions {
  /** The stack, as `addKernelStack` returned it. */
  readonly stack?: KernelStack;
  /** The direct map, as `addDirectMap` returned it. */
  readonly directMap?: DirectMap;
  /** The recursive entry, as `addRecursiveEntry` returned it. */
  readonly recursive?: RecursiveEntry;
  /** The framebuffer, as `addFramebuffer` returned it; without `info` it only appears in the memory map. */
  readonly framebuffer?: Framebuffer;
  /** The ramdisk, as `addRamdisk` returned it. */
  readonly ramdisk?: Ramdisk;
  /** Physical address of the ACPI RSDP, if any. */
  readonly rsdp?: number;
  /**
   * The machine's memory, ascending. Default: the load's memory, except 0xa0000 to 0x100000, where a PC has video
   * memory and ROM.
   */
  readonly memoryMap?: readonly MachineRegion[];
  /** Major, minor and patch version of bootloader_api to report. Default: 0.11.16. */
  readonly apiVersion?: readonly [major: number, minor: number, patch: number];
  /** Virtual address, a multiple of 4096. Default: the start of a free level-4 entry. */
  readonly address?: bigint;
}

const NEWEST_VERSION = [0, 11, 16] as const;
const WHAT = "the boot information";

/** How many regions can be added to the memory map before it outgrows its pages, at least. */
const SPARE_REGIONS = 16;

/**
 * Regions that memory in use adds to those of the machine: the file and its frames, a level-4 table and a page
 * elsewhere, a framebuffer, a ramdisk. Each can split a region in two, or lie between two.
 */
const USED_REGIONS = 5 * 3;

/**
 * Writes the boot information, in fresh frames owned by "boot-info", mapped writable and not executable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { writeBootInfo } from "@kload/kload/boot/boot-info";
 * import { addKernelStack } from "@kload/kload/boot/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const stack = addKernelStack(kernel);
 * const { address, regions } = writeBootInfo(kernel, { stack });
 * const version = new Uint16Array(kernel.read(address, 6).buffer);
 * assertEquals([...version], [0, 11, 16]);
 * const own = regions.find(({ owner }) => owner === "boot-info");
 * assertEquals(own?.kind, "bootloader");
 * ```
 *
 * @param kernel The kernel.
 * @param options What to add, and where to map it.
 * @returns Where it is.
 * @throws {LoadError} "page-already-mapped", "range-recursive", "level4-exhausted" or "frames-exhausted", and
 * "address-overflow" or "address-not-canonical" if it does not fit above the address.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If an address or the version is out of bounds, or the memory map is not ascending.
 */
export function writeBootInfo(
  kernel: Pick<LoadedKernel, "addressSpace" | "tlsTemplate" | "virtualAddressOffset">,
  options: BootInfoOptions = {},
): BootInfo {
  checkKernel(kernel, ["addressSpace", "virtualAddressOffset"]);
  checkOptions(options);
  const { addressSpace } = kernel;
  const { memory } = addressSpace;
  const machine = options.memoryMap ?? defaultRegions(memory);
  const regions = () => ownedRegions(machine, usedRanges(addressSpace.frameRuns(), options));
  const size = sizeFor(withoutOwners(regions()).length);
  const address = findRoom(addressSpace, WHAT, size, options.address);
  const tables = checkFree(addressSpace, WHAT, address, [{ size }]);
  const runs = takeFrames(addressSpace, WHAT, "boot-info", size, tables);
  mapRanges(addressSpace, WHAT, oneAfterTheOther(address, runs));

  const update = (): void => {
    const bytes = encode(kernel, options, address, withoutOwners(regions()), size);
    let written = 0;
    for (const run of runs) {
      memory.bytes(run.phys, run.size).set(bytes.subarray(written, written + run.size));
      written += run.size;
    }
  };
  update();
  return Object.freeze({
    address,
    phys: runs[0].phys,
    size,
    get regions() {
      return regions();
    },
    update,
  });
}

/**
 * Returns the most bytes of memory that {@linkcode writeBootInfo} takes, including page tables, for the load's
 * `reserve`. It assumes that the load's frames are consecutive, as they are in memory that the load allocates.
 *
 * @param options Its options; only `memoryMap` and `address` matter.
 * @returns A number of bytes.
 * @throws {TypeError} Like {@linkcode writeBootInfo}.
 * @throws {RangeError} Like {@linkcode writeBootInfo}.
 */
export function bootInfoBytes(options: BootInfoOptions = {}): number {
  checkOptions(options);
  const { memoryMap, address } = options;
  const machine = memoryMap?.length ?? defaultRegions({ base: 0, size: PHYSICAL_END }).length;
  const size = sizeFor(machine + USED_REGIONS);
  return size + tableBytes([{ size }], address);
}

function sizeFor(regions: number): number {
  return alignUp(BOOT_INFO_SIZE + (regions + SPARE_REGIONS) * MEMORY_REGION_SIZE);
}

/** Encodes the boot information, with the memory map right after it. */
function encode(
  kernel: Pick<LoadedKernel, "addressSpace" | "tlsTemplate" | "virtualAddressOffset">,
  options: BootInfoOptions,
  address: bigint,
  regions: readonly MachineRegion[],
  size: number,
): Uint8Array {
  const room = Math.floor((size - BOOT_INFO_SIZE) / MEMORY_REGION_SIZE);
  if (regions.length > room) {
    const place = { field: "the number of regions of the memory map", value: regions.length, limit: room };
    throw new LoadError("memory-too-small", place);
  }
  const { file } = kernel.addressSpace;
  const { framebuffer, directMap, recursive, rsdp, ramdisk, stack, apiVersion = NEWEST_VERSION } = options;
  const info = framebuffer?.info;
  const fields = encodeBootInfo({
    apiVersion,
    memoryRegions: { address: address + BigInt(BOOT_INFO_SIZE), count: regions.length },
    ...(framebuffer && info ? { framebuffer: { ...framebuffer, info } } : {}),
    physicalMemoryOffset: directMap?.offset,
    recursiveIndex: recursive?.index,
    rsdp,
    tlsTemplate: kernel.tlsTemplate,
    ramdisk,
    kernel: { address: file.phys, size: file.size },
    imageOffset: kernel.virtualAddressOffset,
    kernelStack: stack,
  });
  const bytes = new Uint8Array(size);
  bytes.set(fields);
  bytes.set(encodeRegions(regions), BOOT_INFO_SIZE);
  return bytes;
}

function usedRanges(runs: readonly FrameRun[], { framebuffer, ramdisk }: BootInfoOptions): readonly UsedRange[] {
  const isOwn = (at: number) => runs.some(({ phys, size }) => phys <= at && at < phys + size);
  const given = Object.entries({ framebuffer, ramdisk }).flatMap(([owner, range]): UsedRange[] => {
    return range && !isOwn(range.phys) ? [{ phys: range.phys, size: range.size, owner, device: true }] : [];
  });
  return [...runs, ...given];
}

const OPTIONS: readonly (keyof BootInfoOptions)[] = [
  ...["stack", "directMap", "recursive", "framebuffer", "ramdisk"] as const,
  ...["rsdp", "memoryMap", "apiVersion", "address"] as const,
];

function checkOptions(options: BootInfoOptions): void {
  checkKeys(options, OPTIONS);
  const { rsdp, apiVersion = NEWEST_VERSION, memoryMap = [], address } = options;
  checkResult("stack", options.stack, "addKernelStack()");
  checkResult("directMap", options.directMap, "addDirectMap()");
  checkResult("recursive", options.recursive, "addRecursiveEntry()");
  checkResult("framebuffer", options.framebuffer, "addFramebuffer()");
  checkResult("ramdisk", options.ramdisk, "addRamdisk()");
  checkAddress(address);
  if (rsdp !== undefined && typeof rsdp !== "number") throw wrongKind("rsdp", rsdp, "it must be a number");
  if (rsdp !== undefined && (!Number.isSafeInteger(rsdp) || rsdp < 0 || rsdp >= PHYSICAL_END)) {
    throw outOfBounds("rsdp", rsdp, "it must be a physical address, below 2^52");
  }
  if (!Array.isArray(apiVersion)) throw wrongKind("apiVersion", apiVersion, "pass an array of three numbers");
  if (apiVersion.length !== 3 || !apiVersion.every((part) => Number.isInteger(part) && part >= 0 && part < 2 ** 16)) {
    throw outOfBounds("apiVersion", apiVersion.join("."), "it must be three 16-bit numbers");
  }
  checkMachineRegions(memoryMap);
}
