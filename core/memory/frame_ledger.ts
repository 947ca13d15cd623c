/**
 * The ledger of frames: every frame that a load takes is checked, zeroed, and recorded under its owner.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { PAGE_SIZE } from "./addresses.ts";
import type { FrameAllocator, FrameOwner, FrameRun } from "./frame_allocator.ts";
import { containsFrame, type PhysicalMemory } from "./physical_memory.ts";

/** Hands out frames to the loader: checked, zeroed, and recorded under their owner. */
export interface FrameLedger {
  /**
   * Takes consecutive zeroed frames for an owner: `count` if the allocator can provide them, otherwise one. Returns
   * `undefined` if none is left. Throws a `LoadError` "frame-unusable" if the allocator hands out a frame that is
   * misaligned, outside memory or in use.
   */
  readonly allocateRun: (count: number, owner: FrameOwner) => FrameRun | undefined;
  /**
   * Takes and zeroes the lowest frame below `end` that the allocator will never hand out, that is not in use, and for
   * which `fits` returns true. Returns `undefined` if there is none.
   */
  readonly claimBelow: (end: number, owner: FrameOwner, fits: (phys: number) => boolean) => number | undefined;
  /** Every frame taken, as runs by owner, in the order of allocation. */
  readonly runs: () => readonly FrameRun[];
  /** Physical address of the first frame that has not been handed out. */
  readonly nextFrame: number;
  /** Number of frames handed out. */
  readonly framesAllocated: number;
  /** Number of frames left, if the allocator knows. */
  readonly framesLeft?: number;
}

/** A range of physical memory that is already in use. */
export interface TakenRange {
  /** Physical address of its first byte. */
  readonly start: number;
  /** Physical address after its last byte. */
  readonly end: number;
  /** What is there, for error messages. */
  readonly what: string;
}

/**
 * Creates the ledger of an allocator.
 *
 * @param frames The allocator.
 * @param memory The memory that its frames must lie in.
 * @param taken Ranges that it must not hand out; may grow later.
 * @param zeroed Whether its frames are known to be zeroed.
 * @param reserved Physical address below which it never hands out frames; the start of memory by default.
 * @returns The ledger.
 */
export function frameLedger(
  frames: FrameAllocator,
  memory: PhysicalMemory,
  taken: readonly TakenRange[],
  zeroed: boolean,
  reserved: number = memory.base,
): FrameLedger {
  const runs: { -readonly [K in keyof FrameRun]: FrameRun[K] }[] = [];
  const isFirstUse = firstUses(runs);
  const checked = (phys: number, size: number): number => {
    if (typeof phys !== "number") {
      throw new TypeError(
        `Cannot use ${String(phys)} as a frame: the frame allocator must return a number or undefined`,
      );
    }
    const unusable = (why: string): LoadError => new LoadError("frame-unusable", { field: why, value: phys });
    if (phys % PAGE_SIZE !== 0) throw unusable("it is not a multiple of 4096");
    if (!containsFrame(memory, phys) || phys + size > memory.base + memory.size) {
      throw unusable("it lies outside this memory");
    }
    for (const { start, end, what } of taken) {
      if (phys < end && phys + size > start) throw unusable(`it overlaps ${what}`);
    }
    if (!isFirstUse(phys, size)) throw unusable("it is already in use");
    return phys;
  };
  const enter = (phys: number, size: number, owner: FrameOwner): FrameRun => {
    if (!zeroed) memory.bytes(phys, size).fill(0);
    const last = runs.at(-1);
    if (last?.owner === owner && last.phys + last.size === phys) last.size += size;
    else runs.push({ phys, size, owner });
    return { phys, size, owner };
  };
  return Object.freeze({
    allocateRun: (count: number, owner: FrameOwner) => {
      const first = count > 1 ? frames.allocateFrames?.(count, owner) : undefined;
      const size = first === undefined ? PAGE_SIZE : count * PAGE_SIZE;
      const phys = first === undefined ? frames.allocateFrame(owner) : first;
      return phys === undefined ? undefined : enter(checked(phys, size), size, owner);
    },
    claimBelow: (end: number, owner: FrameOwner, fits: (phys: number) => boolean) => {
      const inUse = (phys: number) =>
        taken.some(({ start, end }) => phys >= start && phys < end) ||
        runs.some((run) => phys >= run.phys && phys < run.phys + run.size);
      for (let phys = memory.base; phys < Math.min(end, reserved); phys += PAGE_SIZE) {
        if (!inUse(phys) && fits(phys)) return enter(phys, PAGE_SIZE, owner).phys;
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
    get framesLeft() {
      return frames.framesLeft;
    },
  });
}

/** Recognizes frames that an allocator returns again. Only one that does not ascend needs a set of its frames. */
function firstUses(runs: readonly FrameRun[]): (phys: number, size: number) => boolean {
  let top = 0;
  let used: Set<number> | undefined;
  return (phys, size) => {
    if (!used && phys >= top) {
      top = phys + size;
      return true;
    }
    used ??= new Set(runs.flatMap((run) => framesOf(run.phys, run.size)));
    const frames = framesOf(phys, size);
    if (frames.some((frame) => used?.has(frame))) return false;
    for (const frame of frames) used.add(frame);
    return true;
  };
}

function framesOf(phys: number, size: number): number[] {
  return Array.from({ length: size / PAGE_SIZE }, (_, at) => phys + at * PAGE_SIZE);
}
