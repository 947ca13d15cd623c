/**
 * Mapping as the stages do it: by the low 48 bits of addresses, onto given frames or fresh ones.
 *
 * @module
 */

import { PF_W, PF_X } from "../elf/constants.ts";
import { LoadError } from "../errors.ts";
import { canonical, LOW48_HIGHER_HALF, PAGE_SIZE } from "../memory/addresses.ts";
import type { FrameOwner } from "../memory/frame_allocator.ts";
import { LEVEL_SPAN, NO_EXECUTE, PRESENT, WRITABLE } from "../paging/entry.ts";
import type { Loading } from "./stage.ts";

/**
 * The flags of a segment's leaves: present; writable with `PF_W`; executable only with `PF_X`. `PF_R` changes nothing.
 *
 * @param p_flags The program header's flags.
 * @returns Flags in the entry's own bits.
 */
export function leafFlags(p_flags: number): bigint {
  return PRESENT | (p_flags & PF_W ? WRITABLE : 0n) | (p_flags & PF_X ? 0n : NO_EXECUTE);
}

/**
 * Maps pages onto frames that lie one behind the other; the range may cross the non-canonical hole.
 *
 * @param loading Where to.
 * @param low Low 48 bits of the first page's address.
 * @param phys Physical address of the first frame.
 * @param size Number of bytes, a multiple of 4096.
 * @param flags Flags of the leaves.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export function mapPages(
  { pageTable }: Pick<Loading, "pageTable">,
  low: number,
  phys: number,
  size: number,
  flags: bigint,
): void {
  const lower = low < LOW48_HIGHER_HALF ? Math.min(size, LOW48_HIGHER_HALF - low) : size;
  if (lower > 0) pageTable.mapTo(canonical(low), phys, flags, { size: lower });
  if (lower < size) pageTable.mapTo(canonical(low + lower), phys + lower, flags, { size: size - lower });
}

/** A run of fresh pages: neighbours in both address spaces. */
export interface FreshRun {
  /** Low 48 bits of the first page's address. */
  readonly low: number;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
}

/**
 * Maps pages onto fresh zeroed frames. Every frame is taken before the tables that its page needs, as the original
 * does it, so the frames come in its order: within the reach of one level-1 table only the first page can need tables.
 *
 * @param loading Where to.
 * @param low Low 48 bits of the first page's address.
 * @param size Number of bytes, a multiple of 4096.
 * @param flags Flags of the leaves.
 * @param owner What the frames are for.
 * @returns The runs that were mapped.
 * @throws {LoadError} "page-already-mapped" or "frames-exhausted".
 */
export function mapFresh(
  loading: Pick<Loading, "pageTable" | "frames">,
  low: number,
  size: number,
  flags: bigint,
  owner: FrameOwner,
): readonly FreshRun[] {
  const runs: FreshRun[] = [];
  const map = (at: number, bytes: number): number => {
    const run = loading.frames.allocateRun(bytes / PAGE_SIZE, owner);
    if (!run) throw new LoadError("frames-exhausted", { field: `bytes of ${owner} mapped so far`, value: at - low });
    mapPages(loading, at, run.phys, run.size, flags);
    runs.push({ low: at, phys: run.phys, size: run.size });
    return run.size;
  };
  for (let at = low, end = low + size; at < end;) {
    const spanEnd = Math.min(end, at - at % LEVEL_SPAN[2] + LEVEL_SPAN[2]);
    at += map(at, PAGE_SIZE);
    while (at < spanEnd) at += map(at, spanEnd - at);
  }
  return runs;
}

/**
 * The frame of a page that several segments share: made on first use, and given the union of their permissions.
 *
 * @param loading Where to.
 * @param low Low 48 bits of the page's address.
 * @param flags Flags of the segment that asks.
 * @returns Physical address of the frame.
 * @throws {LoadError} "frames-exhausted".
 */
export function sharedFrame(loading: Pick<Loading, "pageTable" | "frames">, low: number, flags: bigint): number {
  const virt = canonical(low);
  const found = loading.pageTable.translate(virt);
  if (!found.mapped) return mapFresh(loading, low, PAGE_SIZE, flags, "copy")[0].phys;
  const union = ((found.flags | flags) & ~NO_EXECUTE) | (found.flags & flags & NO_EXECUTE);
  loading.pageTable.updateFlags(virt, union);
  return found.phys;
}
