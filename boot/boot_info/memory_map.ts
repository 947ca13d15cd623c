/**
 * The memory map of the boot information: what each region of physical memory is, and who owns it.
 *
 * @module
 */

import { PHYSICAL_END } from "../../core/memory/addresses.ts";
import type { PhysicalMemory } from "../../core/memory/physical_memory.ts";
import { outOfBounds, wrongKind } from "../../core/pipeline/settings.ts";
import { checkNumber } from "../pages/options.ts";

/** What a region is: free, in use since the load, or something else, as named by the firmware. */
export type RegionKind = "usable" | "bootloader" | "unknown-uefi" | "unknown-bios";

/** A region of the machine's memory, as described by its firmware or emulator. */
export interface MachineRegion {
  /** Physical address of its first byte. */
  readonly start: number;
  /** Physical address after its last byte. */
  readonly end: number;
  /** What it is. */
  readonly kind: RegionKind;
  /** The UEFI memory type or E820 type of a region of an unknown kind. Default: 2, which is reserved in E820. */
  readonly tag?: number;
}

/** A region of the memory map. */
export interface OwnedRegion extends MachineRegion {
  /** The owner of the load's frames, such as "table" or "kernel-stack"; otherwise "free" or "firmware". */
  readonly owner: string;
}

/** A range that is in use. */
export interface UsedRange {
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** What it is for. */
  readonly owner: string;
  /** Whether it may belong to a device: then only the part that the machine describes as memory is listed. */
  readonly device?: boolean;
}

// Video memory and ROM of a PC, between 640 KiB and 1 MiB.
const HOLE_START = 0xa_0000;
const HOLE_END = 0x10_0000;
/** The E820 type of reserved memory (ACPI Specification, "Address Range Types"). */
export const E820_RESERVED = 2;

/** The kinds, in the order of `MemoryRegionKind`. */
export const REGION_KINDS: readonly RegionKind[] = ["usable", "bootloader", "unknown-uefi", "unknown-bios"];

/**
 * Checks the caller's description of a machine's memory.
 *
 * @param regions The option's value.
 * @throws {TypeError} If it is not an array, or a kind does not exist.
 * @throws {RangeError} If a region is empty, starts before the end of the one before, ends above 2^52, or has an
 * invalid tag.
 */
export function checkMachineRegions(regions: readonly MachineRegion[]): void {
  if (!Array.isArray(regions)) throw wrongKind("memoryMap", regions, "pass an array of regions");
  let last = 0;
  for (const [index, region] of regions.entries()) {
    const option = `memoryMap[${index}]`;
    if (typeof region !== "object" || region === null) throw wrongKind(option, region, "it must be a region");
    const { start, end, kind, tag = 0 } = region;
    if (!REGION_KINDS.includes(kind)) {
      throw wrongKind(`${option}.kind`, kind, `it must be one of ${REGION_KINDS.join(", ")}`);
    }
    for (const [name, value] of Object.entries({ start, end, tag })) checkNumber(`${option}.${name}`, value);
    if (!Number.isSafeInteger(start) || start < last) {
      throw outOfBounds(`${option}.start`, start, "regions must be ascending, without overlaps");
    }
    if (!Number.isSafeInteger(end) || end <= start || end > PHYSICAL_END) {
      throw outOfBounds(`${option}.end`, end, "it must be above the start and at most 2^52");
    }
    if (!Number.isInteger(tag) || tag < 0 || tag >= 2 ** 32) {
      throw outOfBounds(`${option}.tag`, tag, "it must be a 32-bit number");
    }
    last = end;
  }
}

/**
 * Returns the regions of a machine that the caller did not describe: the load's memory, except for the hole of a PC
 * below 1 MiB.
 *
 * @param memory The memory.
 * @returns The regions, ascending.
 */
export function defaultRegions({ base, size }: Pick<PhysicalMemory, "base" | "size">): readonly MachineRegion[] {
  const end = base + size;
  const cut = (from: number, to: number) => ({ start: Math.max(base, from), end: Math.min(end, to) });
  const regions: readonly MachineRegion[] = [
    { ...cut(0, HOLE_START), kind: "usable" },
    { ...cut(HOLE_START, HOLE_END), kind: "unknown-bios", tag: E820_RESERVED },
    { ...cut(HOLE_END, end), kind: "usable" },
  ];
  return regions.filter((region) => region.start < region.end);
}

/**
 * Overlays the machine's regions with what is in use.
 *
 * @param machine The machine's regions, ascending, none of which overlap.
 * @param used What is in use. Frames of the load are listed even if the machine describes no memory there.
 * @returns The regions, ascending; adjacent ones of the same kind and owner are merged.
 */
export function ownedRegions(machine: readonly MachineRegion[], used: readonly UsedRange[]): readonly OwnedRegion[] {
  const ascending = used.toSorted((one, other) => one.phys - other.phys);
  const regions: OwnedRegion[] = [];
  const add = (region: OwnedRegion): void => {
    if (region.start >= region.end) return;
    const last = regions.at(-1);
    const joins = last && last.end === region.start && isSame(last, region) && last.owner === region.owner;
    if (joins) regions[regions.length - 1] = { ...last, end: region.end };
    else regions.push(region);
  };
  let next = 0;
  let at = 0;
  /**
   * Adds the regions between `at` and `end`: what is in use, and the rest of the machine's region around it, if any.
   */
  const fill = (end: number, around?: MachineRegion): void => {
    const rest = (to: number) => around && add({ ...around, start: at, end: to, owner: ownerOf(around) });
    while (next < ascending.length && ascending[next].phys < end) {
      const { phys, size, owner, device } = ascending[next];
      const from = Math.max(at, phys);
      const to = Math.min(end, phys + size);
      if (to > from) {
        rest(from);
        if (around || !device) add({ start: from, end: to, kind: "bootloader", owner });
        at = to;
      }
      if (phys + size > end) break;
      next++;
    }
    rest(end);
    at = end;
  };
  for (const region of machine) {
    fill(region.start);
    fill(region.end, region);
  }
  fill(Infinity);
  return regions;
}

/**
 * Removes the owners from regions, and merges adjacent ones of the same kind.
 *
 * @param regions Regions, ascending.
 * @returns Regions, ascending.
 */
export function withoutOwners(regions: readonly OwnedRegion[]): readonly MachineRegion[] {
  const joined: MachineRegion[] = [];
  for (const { owner: _, ...region } of regions) {
    const last = joined.at(-1);
    if (last && last.end === region.start && isSame(last, region)) {
      joined[joined.length - 1] = { ...last, end: region.end };
    } else {
      joined.push(region);
    }
  }
  return joined;
}

function isSame(one: MachineRegion, other: MachineRegion): boolean {
  return one.kind === other.kind && one.tag === other.tag;
}

function ownerOf({ kind }: MachineRegion): string {
  return kind === "usable" ? "free" : "firmware";
}
