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
  return Object.freeze(new Ledger(frames, memory, taken, zeroed, reserved));
}

type OpenRun = { -readonly [K in keyof FrameRun]: FrameRun[K] };

/** A class for the same reason as the ascending allocator: its getters. */
class Ledger implements FrameLedger {
  readonly #frames: FrameAllocator;
  readonly #memory: PhysicalMemory;
  readonly #taken: readonly TakenRange[];
  readonly #bytes: Uint8Array;
  readonly #zeroed: boolean;
  readonly #reserved: number;
  readonly #runs: OpenRun[] = [];
  readonly #isFirstUse = firstUses(this.#runs);

  constructor(
    frames: FrameAllocator,
    memory: PhysicalMemory,
    taken: readonly TakenRange[],
    zeroed: boolean,
    reserved: number,
  ) {
    this.#frames = frames;
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#taken = taken;
    this.#zeroed = zeroed;
    this.#reserved = reserved;
  }

  readonly allocateRun = (count: number, owner: FrameOwner): FrameRun | undefined => {
    const first = count > 1 ? this.#frames.allocateFrames?.(count, owner) : undefined;
    const size = first === undefined ? PAGE_SIZE : count * PAGE_SIZE;
    const phys = first === undefined ? this.#frames.allocateFrame(owner) : first;
    if (phys === undefined) return undefined;
    this.#check(phys, size);
    return this.#enter(phys, size, owner);
  };

  readonly claimBelow = (end: number, owner: FrameOwner, fits: (phys: number) => boolean): number | undefined => {
    const inUse = (phys: number) =>
      this.#taken.some(({ start, end }) => phys >= start && phys < end) ||
      this.#runs.some((run) => phys >= run.phys && phys < run.phys + run.size);
    for (let phys = this.#memory.base; phys < Math.min(end, this.#reserved); phys += PAGE_SIZE) {
      if (!inUse(phys) && fits(phys)) return this.#enter(phys, PAGE_SIZE, owner).phys;
    }
    return undefined;
  };

  readonly runs = (): readonly FrameRun[] => this.#runs.map((run) => ({ ...run }));

  get nextFrame(): number {
    return this.#frames.nextFrame;
  }

  get framesAllocated(): number {
    return this.#frames.framesAllocated;
  }

  get framesLeft(): number | undefined {
    return this.#frames.framesLeft;
  }

  #check(phys: number, size: number): void {
    if (typeof phys !== "number") {
      throw new TypeError(
        `Cannot use ${String(phys)} as a frame: the frame allocator must return a number or undefined`,
      );
    }
    if (phys % PAGE_SIZE !== 0) throw unusable(phys, "it is not a multiple of 4096");
    if (!containsFrame(this.#memory, phys) || phys + size > this.#memory.base + this.#memory.size) {
      throw unusable(phys, "it lies outside this memory");
    }
    for (const { start, end, what } of this.#taken) {
      if (phys < end && phys + size > start) throw unusable(phys, `it overlaps ${what}`);
    }
    if (!this.#isFirstUse(phys, size)) throw unusable(phys, "it is already in use");
  }

  #enter(phys: number, size: number, owner: FrameOwner): FrameRun {
    if (!this.#zeroed) this.#bytes.fill(0, phys - this.#memory.base, phys - this.#memory.base + size);
    const last = this.#runs.at(-1);
    if (last?.owner === owner && last.phys + last.size === phys) last.size += size;
    else this.#runs.push({ phys, size, owner });
    return { phys, size, owner };
  }
}

function unusable(phys: number, why: string): LoadError {
  return new LoadError("frame-unusable", { field: why, value: phys });
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
