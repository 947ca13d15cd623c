/**
 * GRUB's relocator: where it keeps what it loads until it moves all of it to its place, and when it finds no memory.
 *
 * @module
 */

import { alignDown, alignUp, type FreeRange, grubHeap } from "./heap.ts";

/** A range of physical memory that GRUB fills. */
export interface Chunk {
  /** Where it is to lie when the kernel is entered. */
  readonly target: number;
  /** Where it is kept until then. */
  readonly source: number;
  /** Its size in bytes. */
  readonly size: number;
}

/** The outcome of a request for memory. */
export type Allocation =
  | { readonly kind: "placed"; readonly chunk: Chunk }
  /** The range that was asked for, and one reserved before, share an address. */
  | { readonly kind: "overlap"; readonly other: Chunk }
  /** The range that was asked for ends at 4 GiB or above. */
  | { readonly kind: "out-of-range" }
  /** GRUB's heap has no room for it. */
  | { readonly kind: "no-memory" }
  /** The heap seems to have room, because the sum of address and size is more than 32 bits. */
  | { readonly kind: "wraps" }
  /** The machine has no memory in the range of addresses that was asked for. */
  | { readonly kind: "no-target" };

/** What to place where GRUB likes. */
export interface Placement {
  /** The lowest address. */
  readonly min: number;
  /** The highest one. */
  readonly max: number;
  /** The number of bytes. */
  readonly size: number;
  /** What the address has to be a multiple of. */
  readonly align: number;
  /** Which end to prefer. Default: the first range of memory. */
  readonly preference?: "low" | "high";
}

/** Reserves memory as GRUB does, one range after the other. */
export interface Relocator {
  /** Reserves a range at a physical address. */
  readonly reserve: (target: number, size: number) => Allocation;
  /** Reserves a range between two addresses. */
  readonly place: (placement: Placement) => Allocation;
  /** Whether the heap has room for the code that moves all chunks to their places. */
  readonly canMove: () => boolean;
  /** Whether bytes written into a range destroy what the heap keeps there. */
  readonly isHarmful: (start: number, end: number) => boolean;
}

/** The last address of 32 bits, and the end of every search without a limit. */
const TOP = 2 ** 32 - 1;

/** GRUB keeps what goes below 1 MiB above everything else. */
const LOW_MEMORY_END = 0x10_0000;

/** The relocator never places anything in the first page. */
const LOWEST = 0x1000;

/** The code that starts the moves, and that which moves one chunk up or down, in bytes. */
const MOVER = { start: 7, up: 32, down: 22 };

/**
 * Starts with nothing reserved.
 *
 * @param ranges The free ranges of GRUB's heap.
 * @param memory The ranges of the machine's memory that are available.
 * @returns The relocator.
 */
export function grubRelocator(ranges: readonly FreeRange[], memory: readonly FreeRange[]): Relocator {
  const heap = grubHeap(ranges);
  const chunks: Chunk[] = [];
  /** Those of them that are kept elsewhere than at their place, which has to stay free. */
  const moved: Chunk[] = [];
  const empty = new Set<number>();
  /** What is kept from here on was kept there for want of room in its order. */
  let after = TOP;
  /** The highest address of all that is kept in order, there or at its place. */
  let highest = 0;

  const add = (chunk: Chunk): Allocation => {
    // An empty range at the same place changes nothing: without it, 65,535 of them cost no more than one.
    if (chunk.size > 0 || !empty.has(chunk.target)) chunks.push(chunk);
    if (chunk.size === 0) empty.add(chunk.target);
    if (chunk.size > 0 && chunk.source !== chunk.target) moved.push(chunk);
    return { kind: "placed", chunk };
  };

  /** The range in which something may be kept so that all chunks stay in the order of their targets. */
  const limits = (min: number, max: number): FreeRange => {
    let [start, end] = [0, after];
    for (const { target, source, size } of chunks) {
      if (source >= after) continue;
      if (target > max) end = Math.min(end, source);
      if (target + size <= min) start = Math.max(start, source + size);
    }
    return { start, end };
  };

  const keepAfter = (size: number): number | undefined => {
    const source = heap.highest({ start: highest, end: TOP }, size, 1, moved);
    if (source !== undefined) after = Math.min(after, source);
    return source;
  };

  const reserve = (target: number, size: number): Allocation => {
    if (target + size > TOP) return { kind: "out-of-range" };
    const other = chunks.findLast((chunk) => sharesAddress(chunk, target, size));
    if (other) return { kind: "overlap", other };
    const { start, end } = limits(target, target);
    const source = (target < LOW_MEMORY_END ? keepAfter(size) : undefined) ??
      heap.lowest({ start: target, end }, size, 1) ??
      heap.highest({ start, end: target }, size, 1) ?? keepAfter(size);
    if (source === undefined) return { kind: "no-memory" };
    if (source + size > TOP) return { kind: "wraps" };
    heap.take(source, size);
    if (source < after) highest = Math.max(highest, target + size, source + size);
    return add({ target, source, size });
  };

  const place = (placement: Placement): Allocation => {
    const { min, max, size, align, preference } = placement;
    const range = { start: Math.max(min, LOWEST), end: Math.min(max, 2 ** 32 - size) };
    const at = preference === "high" ? heap.highest(range, size, align, moved) : heap.lowest(range, size, align, moved);
    if (at !== undefined) {
      if (at + size > TOP) return { kind: "wraps" };
      heap.take(at, size);
      return add({ target: at, source: at, size });
    }
    const source = heap.lowest(limits(range.start, range.end), size, align, moved) ?? keepAfter(size);
    if (source === undefined) return { kind: "no-memory" };
    if (source + size > TOP) return { kind: "wraps" };
    heap.take(source, size);
    const first = targetIn(memory, placement);
    if (first === undefined) return { kind: "no-target" };
    let target = first;
    for (let moves = 0; moves <= chunks.length; moves++) { // each moves it past a chunk
      const other = chunks.findLast((chunk) => sharesAddress(chunk, target, size));
      if (!other) break;
      target = preference === "high" ? alignDown(other.target, align) : alignUp(other.target + other.size, align);
    }
    return add({ target, source, size });
  };

  const canMove = (): boolean => {
    const size = chunks.reduce((sum, { source, target }) => {
      return sum + (source < target ? MOVER.up : source > target ? MOVER.down : 0);
    }, MOVER.start);
    return heap.lowest({ start: 0, end: 2 ** 32 - size }, size, 1, moved) !== undefined;
  };

  return { reserve, place, canMove, isHarmful: heap.isHarmful };
}

/** Whether one of two ranges starts in the other; an empty range holds no address, but can start in one. */
function sharesAddress(chunk: Chunk, target: number, size: number): boolean {
  return (chunk.target <= target && target < chunk.target + chunk.size) ||
    (target <= chunk.target && chunk.target < target + size);
}

/** The address in the machine's memory that GRUB tries first. */
function targetIn(memory: readonly FreeRange[], placement: Placement): number | undefined {
  const { min, max, size, align, preference } = placement;
  let found: number | undefined;
  for (const { start, end } of memory) {
    let candidate = alignUp(Math.max(start, min), align);
    if (candidate + size > end || candidate > alignDown(max, align)) continue;
    if (preference === "high") candidate = alignDown(Math.min(end - size, max), align);
    const isBetter = found === undefined || (preference === "high" ? candidate > found : candidate < found);
    if (found === undefined || (preference !== undefined && isBetter)) found = candidate;
  }
  return found;
}
