/**
 * Mapping for a loaded kernel: everything is checked, then frames are taken, then either all pages are mapped or none.
 *
 * @module
 */

import type { AddressSpace } from "../../core/address_space/address_space.ts";
import { LoadError } from "../../core/errors.ts";
import { alignUp, low48, LOW48_HIGHER_HALF, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import type { FrameOwner, FrameRun } from "../../core/memory/frame_allocator.ts";
import { LEVEL_SPAN, NO_EXECUTE, type PageSize, PRESENT, WRITABLE } from "../../core/paging/entry.ts";
import { exhausted, usedLevel4Entries } from "../../core/paging/used_level4_entries.ts";

/** Pages of one size. */
export interface PageRange {
  /** Number of bytes, a multiple of `pageSize`. */
  readonly size: number;
  /** Size of each page in bytes. Default: 4096. */
  readonly pageSize?: PageSize;
}

/** Pages of one size, and the consecutive frames that they are mapped onto. */
export interface FrameRange extends PageRange {
  /** Physical address of the first frame. */
  readonly phys: number;
}

/** Pages of one size, their frames, and where they are mapped. */
export interface MappedRange extends FrameRange {
  /** Virtual address of the first page. */
  readonly virt: bigint;
}

/** The flags of pages that hold data: writable and not executable. */
const DATA = PRESENT | WRITABLE | NO_EXECUTE;

/**
 * Finds an address for a range.
 *
 * @param space The address space.
 * @param what What to map, such as "the kernel stack".
 * @param size Number of bytes.
 * @param address The address that the caller chose, if any.
 * @returns That address, or the start of free level-4 entries. It is not marked as used until {@linkcode mapRanges}
 * maps it.
 * @throws {LoadError} "level4-exhausted", or "address-overflow" or "address-not-canonical" if the range leaves its half
 * of the address space.
 */
export function findRoom(space: AddressSpace, what: string, size: number, address?: bigint): bigint {
  // Memory that ends above 2^47 does not fit in a half; its size is not a mistake of the caller.
  if (address === undefined && size > LOW48_HIGHER_HALF) throw exhausted(Math.ceil(size / LEVEL_SPAN[4]));
  const virt = address ?? usedLevel4Entries(space.usedLevel4Entries).getFreeAddress(BigInt(size));
  const low = low48(virt);
  if (low % LOW48_HIGHER_HALF + size > LOW48_HIGHER_HALF) {
    const code = low < LOW48_HIGHER_HALF ? "address-not-canonical" : "address-overflow";
    throw new LoadError(code, { field: `the end of ${what}`, value: virt + BigInt(size) });
  }
  return virt;
}

/**
 * Refuses addresses that are already mapped or lie in a recursive entry.
 *
 * @param space The address space.
 * @param what What to map.
 * @param virt Virtual address of the first page.
 * @param ranges The pages, one range after another.
 * @returns The most frames that their tables take; the exact number for a single range.
 * @throws {LoadError} "page-already-mapped" or "range-recursive".
 */
export function checkFree(space: AddressSpace, what: string, virt: bigint, ranges: readonly PageRange[]): number {
  let tables = 0;
  let at = virt;
  for (const range of ranges) {
    tables += missingTables(space, what, at, range);
    at += BigInt(range.size);
  }
  return tables;
}

function missingTables(space: AddressSpace, what: string, virt: bigint, { size, pageSize }: PageRange): number {
  return space.missingTables(virt, { size, pageSize, what: `${what}'s page` });
}

/**
 * Refuses ranges for whose tables there are certainly too few frames, before any is taken.
 *
 * @param space The address space.
 * @param what What to map.
 * @param ranges The pages. Each must be free.
 * @throws {LoadError} "frames-exhausted" if the allocator knows that it has too few frames for one of the ranges.
 */
export function checkTables(space: AddressSpace, what: string, ranges: readonly MappedRange[]): void {
  const left = space.frames.framesLeft ?? Infinity;
  for (const range of ranges) {
    const tables = missingTables(space, what, range.virt, range);
    if (tables <= left) continue;
    throw new LoadError("frames-exhausted", { field: `the page tables of ${what}`, value: tables * PAGE_SIZE });
  }
}

/**
 * Takes zeroed frames, consecutive if the allocator can provide that.
 *
 * @param space The address space.
 * @param what What the frames are for, in errors.
 * @param owner Their owner.
 * @param size Number of bytes, a multiple of 4096.
 * @param tables Number of frames that must be left for tables.
 * @returns The frames.
 * @throws {LoadError} "frames-exhausted"; before any frame is taken, if the allocator knows how many are left.
 */
export function takeFrames(
  { frames }: AddressSpace,
  what: string,
  owner: FrameOwner,
  size: number,
  tables: number,
): readonly FrameRun[] {
  const exhausted = (value: number) =>
    new LoadError("frames-exhausted", { field: `${what} and its page tables`, value });
  const left = frames.framesLeft ?? Infinity;
  if (left < size / PAGE_SIZE + tables) throw exhausted(size + tables * PAGE_SIZE);
  const runs: FrameRun[] = [];
  for (let taken = 0; taken < size; taken += runs[runs.length - 1].size) {
    const run = frames.allocateRun((size - taken) / PAGE_SIZE, owner);
    if (!run) throw exhausted(size - taken);
    runs.push(run);
  }
  return runs;
}

/**
 * Assigns consecutive addresses to ranges.
 *
 * @param virt Virtual address of the first page.
 * @param ranges The pages and their frames.
 * @returns The same ranges with their addresses.
 */
export function oneAfterTheOther(virt: bigint, ranges: readonly FrameRange[]): readonly MappedRange[] {
  let next = virt;
  return ranges.map(({ phys, size, pageSize }) => {
    next += BigInt(size);
    return { phys, size, pageSize, virt: next - BigInt(size) };
  });
}

/**
 * Maps ranges as data, and marks their level-4 entries as used. If one range cannot be mapped, none is.
 *
 * @param space The address space.
 * @param what What they are.
 * @param ranges The pages, their frames and their addresses.
 * @throws {LoadError} "page-already-mapped", "range-recursive" or "frames-exhausted".
 */
export function mapRanges(space: AddressSpace, what: string, ranges: readonly MappedRange[]): void {
  const mapped: MappedRange[] = [];
  try {
    for (const range of ranges) {
      const { virt, phys, size, pageSize } = range;
      space.map(virt, phys, DATA, { size, pageSize, what: `${what}'s page` });
      mapped.push(range);
    }
  } catch (error) {
    for (const { virt, size, pageSize = PAGE_SIZE } of mapped) {
      for (let done = 0; done < size; done += pageSize) space.pageTable.unmap(virt + BigInt(done));
    }
    throw error;
  }
  for (const { virt, size } of ranges) space.reserve(size, virt);
}

/**
 * Maps every page that a range of physical memory, described by the caller, touches.
 *
 * @param space The address space.
 * @param owner What it is, in one word; frames in the range may only have this owner.
 * @param range Its first byte, its number of bytes, and the virtual address of its first page.
 * @returns Virtual address of its first byte.
 * @throws {LoadError} "range-in-use", or like {@linkcode findRoom} and {@linkcode mapRanges}.
 */
export function mapPhysical(
  space: AddressSpace,
  owner: string,
  { phys, size, address }: { readonly phys: number; readonly size: number; readonly address?: bigint },
): bigint {
  const first = pageStart(phys);
  const range: FrameRange = { phys: first, size: alignUp(phys + size) - first };
  const what = `the ${owner}`;
  const inTheWay = space.frameRuns().find((run) => {
    return run.owner !== owner && run.phys < first + range.size && first < run.phys + run.size;
  });
  if (inTheWay) throw new LoadError("range-in-use", { field: what, value: phys, owner: inTheWay.owner });
  const virt = findRoom(space, what, range.size, address);
  checkTables(space, what, [{ ...range, virt }]);
  mapRanges(space, what, [{ ...range, virt }]);
  return virt + BigInt(phys - first);
}
