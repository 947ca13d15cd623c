/**
 * Mapping for the stages: by the low 48 bits of addresses, so that a range may cross the non-canonical hole.
 *
 * @module
 */

import { PF_W, PF_X } from "../elf/constants.ts";
import { canonical, PAGE_SIZE } from "../memory/addresses.ts";
import type { FrameOwner } from "../memory/frame_allocator.ts";
import { amended, LoadError } from "../errors.ts";
import { type FlagHalves, flagHalves, LEVEL_SPAN, NO_EXECUTE, PRESENT, WRITABLE } from "../paging/entry.ts";
import { type AddressSpace, loaderTables } from "./address_space.ts";

/**
 * Converts `p_flags` to the flags of leaf entries: present; writable with `PF_W`; executable only with `PF_X`. `PF_R`
 * has no effect.
 *
 * @param p_flags The program header's flags.
 * @returns Flags, as bits of the entry.
 */
export function flagsOf(p_flags: number): bigint {
  return PRESENT | (p_flags & PF_W ? WRITABLE : 0n) | (p_flags & PF_X ? 0n : NO_EXECUTE);
}

/** The flags of segments as the halves that page tables are written in. */
const LEAVES: ReadonlyMap<bigint, FlagHalves> = new Map(
  [0, PF_W, PF_X, PF_W | PF_X].map((p_flags) => [flagsOf(p_flags), flagHalves(flagsOf(p_flags), PAGE_SIZE)]),
);

function leafOf(flags: bigint): FlagHalves {
  return LEAVES.get(flags) ?? flagHalves(flags, PAGE_SIZE);
}

/**
 * Maps pages onto consecutive frames; the range may cross the non-canonical hole.
 *
 * @param space The address space.
 * @param low Low 48 bits of the first page's address.
 * @param phys Physical address of the first frame.
 * @param size Number of bytes, a multiple of 4096.
 * @param flags Flags of the leaves.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export function mapLow48(space: AddressSpace, low: number, phys: number, size: number, flags: bigint): void {
  loaderTables(space).mapLow(low, phys, size, leafOf(flags));
}

/** A run of fresh pages that are contiguous in both address spaces. */
export interface LowRun {
  /** Low 48 bits of the first page's address. */
  readonly low: number;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
}

/**
 * Maps pages onto fresh zeroed frames; the range may cross the non-canonical hole.
 *
 * @param space The address space.
 * @param low Low 48 bits of the first page's address.
 * @param size Number of bytes, a multiple of 4096.
 * @param flags Flags of the leaves.
 * @param owner What the frames are for.
 * @returns The runs that were mapped.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export function mapFreshLow48(
  space: AddressSpace,
  low: number,
  size: number,
  flags: bigint,
  owner: FrameOwner,
): readonly LowRun[] {
  const runs = loaderTables(space).mapFreshLow(low, size, leafOf(flags), owner);
  return runs.map((run) => ({ low: low + run.offset, phys: run.phys, size: run.size }));
}

/**
 * How many bytes to map onto fresh frames between pauses: zeroing the frames is what takes time. A multiple of what one
 * level-1 table covers, so that frames are taken in the same order as without steps.
 */
export const FRESH_STEP: number = 8 * LEVEL_SPAN[2];

/** What {@linkcode mapFreshInSteps} maps. */
export interface FreshPages {
  /** Low 48 bits of the first page's address. */
  readonly low: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** Flags of the leaves. */
  readonly flags: bigint;
  /** What the frames are for. */
  readonly owner: FrameOwner;
}

/**
 * Maps pages onto fresh zeroed frames like {@linkcode mapFreshLow48}, with pauses.
 *
 * @param pages The pages.
 * @param context The address space, and the pause of the load.
 * @returns The runs that were mapped.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export async function mapFreshInSteps(
  { low, size, flags, owner }: FreshPages,
  { addressSpace, pause }: { readonly addressSpace: AddressSpace; readonly pause: () => Promise<void> | undefined },
): Promise<readonly LowRun[]> {
  const runs: LowRun[] = [];
  const end = low + size;
  for (let at = low; at < end;) {
    const to = Math.min(end, at - at % FRESH_STEP + FRESH_STEP);
    try {
      for (const run of mapFreshLow48(addressSpace, at, to - at, flags, owner)) runs.push(run);
    } catch (error) {
      const isShort = error instanceof LoadError && error.code === "frames-exhausted" && error.detail.field === owner;
      throw isShort ? amended(error, { detail: { value: error.detail.value as number + (end - to) } }) : error;
    }
    at = to;
    const pausing = pause();
    if (pausing) await pausing;
  }
  return runs;
}

/**
 * Finds the frame of a page that several segments share. It is allocated on first use, and the page gets the union of
 * the segments' permissions.
 *
 * @param space The address space.
 * @param low Low 48 bits of the page's address.
 * @param flags Flags of the current segment.
 * @returns Physical address of the frame.
 * @throws {LoadError} "frames-exhausted".
 */
export function sharedFrame(space: AddressSpace, low: number, flags: bigint): number {
  const virt = canonical(low);
  const found = space.pageTable.translate(virt);
  if (!found.mapped) return mapFreshLow48(space, low, PAGE_SIZE, flags, "copy")[0].phys;
  const union = ((found.flags | flags) & ~NO_EXECUTE) | (found.flags & flags & NO_EXECUTE);
  space.pageTable.updateFlags(virt, union);
  return found.phys;
}
