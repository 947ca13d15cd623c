/**
 * Frame allocators: who hands out frames, and to which owner.
 *
 * @module
 */

import { hexAddr, PAGE_SIZE, physicalPages } from "./addresses.ts";
import { containsFrame, type PhysicalMemory } from "./physical_memory.ts";

/**
 * What a frame is for: a page table, bytes of the file, a copy of such bytes, zeroed memory, or what a plugin or a
 * stage names.
 */
export type FrameOwner = "table" | "file" | "copy" | "bss" | (string & Record<never, never>);

/** Hands out frames of 4096 bytes. */
export interface FrameAllocator {
  /** Hands out one frame: its physical address, or `undefined` where there is none left. */
  readonly allocateFrame: (owner: FrameOwner) => number | undefined;
  /**
   * Hands out `count` frames that lie one behind the other: the address of the first, or `undefined` where it cannot;
   * then frames are asked for one by one. An allocator need not have it; large loads are faster where it does.
   */
  readonly allocateFrames?: (count: number, owner: FrameOwner) => number | undefined;
  /** Physical address of the first frame that was never handed out. */
  readonly nextFrame: number;
  /** Number of frames handed out. */
  readonly framesAllocated: number;
}

/** Frames that lie one behind the other and have one owner. */
export interface FrameRun {
  /** Physical address of the first frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** What they are for. */
  readonly owner: FrameOwner;
}

/**
 * Makes an allocator that hands out frames in ascending order and never twice.
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
 * @param range `start` and `end`: physical addresses, multiples of 4096; `skip`: a frame that is left out.
 * @returns The allocator.
 * @throws {RangeError} Where an address is no multiple of 4096 up to 2^52.
 */
export function ascendingFrames(
  { start, end, skip }: { readonly start: number; readonly end: number; readonly skip?: number },
): FrameAllocator {
  physicalPages(end, "the end of the frames");
  if (skip !== undefined) physicalPages(skip, "the frame that is left out");
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
  });
}

/** Frames as the loader takes them: checked, zeroed, and entered under their owner. */
export interface FrameLedger {
  /**
   * Takes up to `count` zeroed frames that lie one behind the other: all of them where the allocator can, else one.
   * The run is entered under its owner. `undefined`: there is none left.
   */
  readonly allocateRun: (count: number, owner: FrameOwner) => FrameRun | undefined;
  /**
   * Takes one zeroed frame for an owner out of those below `end` that the allocator never hands out and nobody has
   * taken, and that is fit: the lowest such, or `undefined` where there is none.
   */
  readonly claimBelow: (end: number, owner: FrameOwner, fits: (phys: number) => boolean) => number | undefined;
  /** Every frame that was taken, as runs by owner, in the order of taking. */
  readonly runs: () => readonly FrameRun[];
  /** Physical address of the first frame that was never handed out. */
  readonly nextFrame: number;
  /** Number of frames handed out. */
  readonly framesAllocated: number;
}

/** A range of physical memory that is in use already. */
export interface TakenRange {
  /** Physical address of its first byte. */
  readonly start: number;
  /** Physical address behind its last byte. */
  readonly end: number;
  /** What is there, for error messages. */
  readonly what: string;
}

/**
 * Keeps the books of an allocator.
 *
 * @param frames The allocator.
 * @param memory The memory that its frames lie in.
 * @param taken Ranges of physical memory that it must not hand out.
 * @param zeroed Whether its frames are known to be zero.
 * @param reserved Physical address below which it hands out none; the start of memory, where that is not known.
 * @returns A ledger whose `allocateRun` throws `RangeError` where the allocator hands out a frame that is misaligned,
 * outside memory, or in a range that is taken.
 */
export function frameLedger(
  frames: FrameAllocator,
  memory: PhysicalMemory,
  taken: readonly TakenRange[],
  zeroed: boolean,
  reserved: number = memory.base,
): FrameLedger {
  const runs: { -readonly [K in keyof FrameRun]: FrameRun[K] }[] = [];
  const enter = (phys: number, count: number, owner: FrameOwner): FrameRun => {
    const size = count * PAGE_SIZE;
    if (!containsFrame(memory, phys) || phys + size > memory.base + memory.size) {
      throw new RangeError(`Cannot use frame ${hexAddr(phys)} of the frame allocator: it is no frame of this memory`);
    }
    for (const { start, end, what } of taken) {
      if (phys >= end || phys + size <= start) continue;
      throw new RangeError(`Cannot use frame ${hexAddr(phys)} of the frame allocator: ${what} is there`);
    }
    if (!zeroed) memory.bytes(phys, size).fill(0);
    const last = runs.at(-1);
    if (last?.owner === owner && last.phys + last.size === phys) last.size += size;
    else runs.push({ phys, size, owner });
    return { phys, size, owner };
  };
  return Object.freeze({
    allocateRun: (count: number, owner: FrameOwner) => {
      const first = count > 1 ? frames.allocateFrames?.(count, owner) : undefined;
      if (first !== undefined) return enter(first, count, owner);
      const frame = frames.allocateFrame(owner);
      return frame === undefined ? undefined : enter(frame, 1, owner);
    },
    claimBelow: (end: number, owner: FrameOwner, fits: (phys: number) => boolean) => {
      const inUse = (phys: number) =>
        taken.some(({ start, end }) => phys >= start && phys < end) ||
        runs.some((run) => phys >= run.phys && phys < run.phys + run.size);
      for (let phys = memory.base; phys < Math.min(end, reserved); phys += PAGE_SIZE) {
        if (!inUse(phys) && fits(phys)) return enter(phys, 1, owner).phys;
      }
      return undefined;
    },
    runs: () => runs.map((run) => ({ ...run })),
    get nextFrame() {
      return frames.nextFrame;
    },
    get framesAllocated() {
      return frames.framesAllocated;
    },
  });
}
