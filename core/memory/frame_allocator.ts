/**
 * Frame allocators, and the owners of frames.
 *
 * @module
 */

import { PAGE_SIZE, physicalPages } from "./addresses.ts";

/**
 * What a frame is for: a page table, bytes of the file, a copy of such bytes, zeroed memory, or a purpose named by a
 * plugin or stage.
 */
export type FrameOwner = "table" | "file" | "copy" | "bss" | (string & Record<never, never>);

/** Hands out frames of 4096 bytes. */
export interface FrameAllocator {
  /** Hands out one frame and returns its physical address, or `undefined` if none is left. */
  readonly allocateFrame: (owner: FrameOwner) => number | undefined;
  /**
   * Hands out `count` consecutive frames and returns the address of the first. If it returns `undefined`, frames are
   * requested one by one. Optional, but makes large loads faster.
   */
  readonly allocateFrames?: (count: number, owner: FrameOwner) => number | undefined;
  /** Physical address of the first frame that has not been handed out. */
  readonly nextFrame: number;
  /** Number of frames handed out. */
  readonly framesAllocated: number;
  /** Number of frames left. Optional: with it, a request that does not fit is refused before any frame is taken. */
  readonly framesLeft?: number;
}

/** Consecutive frames of one owner. */
export interface FrameRun {
  /** Physical address of the first frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** What the frames are for. */
  readonly owner: FrameOwner;
}

/**
 * Creates an allocator that hands out frames in ascending order, each once.
 *
 * @example
 * ```ts
 * import { ascendingFrames } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const frames = ascendingFrames({ start: 0x1000, end: 0x4000, skip: 0x2000 });
 * assertEquals([frames.allocateFrame("bss"), frames.allocateFrame("bss")], [0x1000, 0x3000]);
 * assertEquals(frames.allocateFrame("bss"), undefined);
 * ```
 *
 * @param range `start` and `end`: physical addresses, multiples of 4096; `skip`: a frame not to hand out.
 * @returns The allocator.
 * @throws {RangeError} If an address is not a multiple of 4096 up to 2^52.
 */
export function ascendingFrames(
  { start, end, skip }: { readonly start: number; readonly end: number; readonly skip?: number },
): FrameAllocator {
  physicalPages(end, "the end of the frames");
  if (skip !== undefined) physicalPages(skip, "the frame to skip");
  let next = physicalPages(start, "the start of the frames");
  let allocated = 0;
  const take = (count: number): number | undefined => {
    const size = count * PAGE_SIZE;
    const splits = skip !== undefined && skip >= next && skip < next + size;
    if (splits || next + size > end) return undefined;
    const first = next;
    next += size;
    allocated += count;
    return first;
  };
  const leap = (): void => {
    if (next === skip) next += PAGE_SIZE;
  };
  leap();
  return Object.freeze({
    allocateFrame: () => {
      const frame = take(1);
      leap();
      return frame;
    },
    allocateFrames: (count: number) => {
      const first = take(count);
      leap();
      return first;
    },
    get nextFrame() {
      return next;
    },
    get framesAllocated() {
      return allocated;
    },
    get framesLeft() {
      const isAhead = skip !== undefined && skip >= next && skip < end;
      return Math.max(0, (end - next) / PAGE_SIZE - Number(isAhead));
    },
  });
}
