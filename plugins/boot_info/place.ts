/**
 * Places the boot information: takes pages for it, and writes it as often as it changes.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import { alignUp, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { FrameLedger, FrameRun } from "../../core/memory/frame_allocator.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/entry.ts";
import { mapBeside, reserveAddress } from "../../core/address_space/map_beside.ts";
import type { Base, Checked, Level4Used, Loading, TlsExtracted } from "../../core/pipeline/stage.ts";
import { BOOT_INFO_SIZE, encodeBootInfo, encodeRegions, MEMORY_REGION_SIZE, type PixelLayout } from "./layout.ts";
import { defaultRegions, type MachineRegion, type OwnedRegion, ownedRegions } from "./memory_map.ts";
import { type UsedRange, withoutOwners } from "./memory_map.ts";

/** Where the boot information is, and what its memory map says. */
export interface BootInfo {
  /** Virtual address of its first byte: what the kernel gets in RDI. */
  readonly address: bigint;
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes that are mapped for it, a multiple of 4096. */
  readonly size: number;
  /** The memory map with the owner of each region, ascending, as it is by now. */
  readonly regions: readonly OwnedRegion[];
  /**
   * Writes the boot information once more: for whoever takes more frames than there were when it was written. Throws a
   * `LoadError` "memory-too-small" where the memory map outgrows its pages.
   */
  readonly update: () => void;
}

/** What the boot information says that the load does not know, and where it is. */
export interface BootInfoOptions {
  /** Virtual address, a multiple of 4096; the start of a free level-4 entry. */
  readonly address?: bigint;
  /**
   * The machine's memory, ascending. Where it is left out, the load's memory is what the machine has, but for 0xa0000 to
   * 0x100000, which a PC has its video memory and ROM in.
   */
  readonly memoryMap?: readonly MachineRegion[];
  /** Physical address of the ACPI table RSDP, where there is one. */
  readonly rsdp?: number;
  /** Major, minor and patch version of bootloader_api that is claimed; 0.11.16. */
  readonly apiVersion?: readonly [major: number, minor: number, patch: number];
}

/** What the stage of the plugin boot-info needs, and what it tells of where other plugins have added it. */
export type BootInfoNeeds = Base & Checked & Loading & Level4Used & Partial<TlsExtracted> & {
  /** The stack. */
  readonly kernelStack?: { readonly bottom: bigint; readonly top: bigint };
  /** Virtual address of physical address 0. */
  readonly physicalMemoryOffset?: bigint;
  /** Index of the level-4 entry that points to its own table. */
  readonly recursiveIndex?: number;
  /** The framebuffer; it is left out of the boot information where nothing is known of its pixels. */
  readonly framebuffer?: Range & { readonly info?: PixelLayout };
  /** The ramdisk. */
  readonly ramdisk?: Range;
};

/** A range that is mapped. */
export interface Range {
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
}

/** The version of bootloader_api that is claimed where none is given. */
export const NEWEST_VERSION: readonly [major: number, minor: number, patch: number] = [0, 11, 16];

const FLAGS = PRESENT | WRITABLE | NO_EXECUTE;
const SPARE_REGIONS = 16;

/**
 * Takes pages for the boot information, maps them, and writes it.
 *
 * @param context The load.
 * @param options What to say beside what the load knows, and where.
 * @returns Where it is.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 * @throws {RangeError} Where it crosses the end of its half of the address space.
 */
export function placeBootInfo(context: BootInfoNeeds, options: BootInfoOptions): BootInfo {
  const { memory, frames, pageTable, usedLevel4Entries, segments } = context;
  const machine = options.memoryMap ?? defaultRegions(memory);
  const regions = () => ownedRegions(machine, usedRanges(context));
  const most = withoutOwners(regions()).length + SPARE_REGIONS;
  const size = alignUp(BOOT_INFO_SIZE + most * MEMORY_REGION_SIZE);
  const address = reserveAddress(size, options.address, usedLevel4Entries);
  const runs = takeFrames(frames, size);
  mapBeside("the boot information's page", segments, () => {
    runs.forEach(({ at, phys, size }) => pageTable.mapTo(address + BigInt(at), phys, FLAGS, { size }));
  });

  const update = (): void => {
    const bytes = encode(context, options, address, withoutOwners(regions()), size);
    for (const run of runs) {
      memory.bytes(run.phys, run.size).set(bytes.subarray(run.at, run.at + run.size));
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

/** Frames for the boot information, each run with its distance from the start. */
function takeFrames(frames: FrameLedger, size: number): readonly (FrameRun & { readonly at: number })[] {
  const runs: (FrameRun & { readonly at: number })[] = [];
  for (let at = 0; at < size; at += runs[runs.length - 1].size) {
    const run = frames.allocateRun((size - at) / PAGE_SIZE, "boot-info");
    if (!run) throw new LoadError("frames-exhausted", { field: "bytes of the boot information so far", value: at });
    runs.push({ ...run, at });
  }
  return runs;
}

/** The boot information, and the memory map right behind it. */
function encode(
  context: BootInfoNeeds,
  { rsdp, apiVersion = NEWEST_VERSION }: BootInfoOptions,
  address: bigint,
  regions: readonly MachineRegion[],
  size: number,
): Uint8Array {
  const room = Math.floor((size - BOOT_INFO_SIZE) / MEMORY_REGION_SIZE);
  if (regions.length > room) {
    const place = { field: "the number of regions of the memory map", value: regions.length, limit: room };
    throw new LoadError("memory-too-small", place);
  }
  const { settings, keptBytes, framebuffer, virtualAddressOffset } = context;
  const info = framebuffer?.info;
  const fields = encodeBootInfo({
    apiVersion,
    memoryRegions: { address: address + BigInt(BOOT_INFO_SIZE), count: regions.length },
    ...(framebuffer && info ? { framebuffer: { ...framebuffer, info } } : {}),
    physicalMemoryOffset: context.physicalMemoryOffset,
    recursiveIndex: context.recursiveIndex,
    rsdp,
    tlsTemplate: context.tlsTemplate,
    ramdisk: context.ramdisk,
    kernel: { address: settings.kernelOffset, size: keptBytes },
    imageOffset: virtualAddressOffset,
    kernelStack: context.kernelStack,
  });
  const bytes = new Uint8Array(size);
  bytes.set(fields);
  bytes.set(encodeRegions(regions), BOOT_INFO_SIZE);
  return bytes;
}

function usedRanges({ settings, keptBytes, frames, framebuffer, ramdisk }: BootInfoNeeds): readonly UsedRange[] {
  const used: UsedRange[] = [{ phys: settings.kernelOffset, size: alignUp(keptBytes), owner: "file" }];
  if (settings.level4Frame !== undefined) used.push({ phys: settings.level4Frame, size: PAGE_SIZE, owner: "table" });
  used.push(...frames.runs());
  const isOwn = (phys: number) => frames.runs().some((run) => run.phys <= phys && phys < run.phys + run.size);
  for (const [owner, range] of [["framebuffer", framebuffer], ["ramdisk", ramdisk]] as const) {
    if (range && !isOwn(range.phys)) used.push({ phys: range.phys, size: range.size, owner, device: true });
  }
  return used;
}
