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
  return Object.freeze(new AscendingFrames(physicalPages(start, "the start of the frames"), end, skip));
}

/** A class, because an object literal with getters takes a microsecond to create, a large part of a small load. */
class AscendingFrames implements FrameAllocator {
  readonly #end: number;
  readonly #skip: number | undefined;
  #next: number;
  #allocated = 0;

  constructor(start: number, end: number, skip: number | undefined) {
    this.#end = end;
    this.#skip = skip;
    this.#next = start;
    this.#leap();
  }

  readonly allocateFrame = (): number | undefined => this.#take(1);
  readonly allocateFrames = (count: number): number | undefined => this.#take(count);

  get nextFrame(): number {
    return this.#next;
  }

  get framesAllocated(): number {
    return this.#allocated;
  }

  get framesLeft(): number {
    const isAhead = this.#skip !== undefined && this.#skip >= this.#next && this.#skip < this.#end;
    return Math.max(0, (this.#end - this.#next) / PAGE_SIZE - Number(isAhead));
  }

  #take(count: number): number | undefined {
    const first = this.#next;
    const next = first + count * PAGE_SIZE;
    const splits = this.#skip !== undefined && this.#skip >= first && this.#skip < next;
    if (splits || next > this.#end) return undefined;
    this.#next = next;
    this.#allocated += count;
    this.#leap();
    return first;
  }

  #leap(): void {
    if (this.#next === this.#skip) this.#next += PAGE_SIZE;
  }
}
