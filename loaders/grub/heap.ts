/**
 * GRUB's heap: all memory above 1 MiB that is free, of which the relocator takes what it needs.
 *
 * @module
 */

/** A range of free memory. */
export interface FreeRange {
  /** Its first address. */
  readonly start: number;
  /** The address after its last byte. */
  readonly end: number;
}

/** A range that is to stay free, because something will be moved there. */
interface Blocked {
  readonly target: number;
  readonly size: number;
}

/** Finds room in the heap, and takes it. Sums are those of 32 bits, as in GRUB: a huge size may seem to fit anywhere. */
export interface Heap {
  /** The lowest address in a range at which `size` bytes are free, and lie outside the blocked ranges. */
  readonly lowest: (within: FreeRange, size: number, align: number, blocked?: readonly Blocked[]) => number | undefined;
  /** The highest such address. */
  readonly highest: (within: FreeRange, size: number, align: number, blocked?: readonly Blocked[]) =>
    | number
    | undefined;
  /** Takes bytes out of a free range. */
  readonly take: (start: number, size: number) => void;
  /** Whether bytes written into a range destroy the header of a free range, or lie above all free ones. */
  readonly isHarmful: (start: number, end: number) => boolean;
}

/** The size of blocks of the heap, and of their headers, is a multiple of this; that of the relocator's parts is not. */
const BLOCK = 16;

/**
 * Creates a heap.
 *
 * @param ranges Its free ranges, in ascending order.
 * @returns The heap.
 */
export function grubHeap(ranges: readonly FreeRange[]): Heap {
  let free: readonly FreeRange[] = ranges;

  const lowest: Heap["lowest"] = ({ start, end }, size, align, blocked = []) => {
    const [first, last] = [alignUp(start, align), (alignDown(end - size, align) + size) % 2 ** 32];
    if (last < (first + size) % 2 ** 32) return undefined;
    for (const range of withoutBlocked(free, blocked)) {
      const at = Math.max(alignUp(range.start, align), first);
      if ((at + size) % 2 ** 32 <= Math.min(last, range.end)) return at;
    }
    return undefined;
  };

  const highest: Heap["highest"] = ({ start, end }, size, align, blocked = []) => {
    const [first, last] = [alignUp(start, align), (alignDown(end - size, align) + size) % 2 ** 32];
    if (last < first + size) return undefined;
    for (const range of withoutBlocked(free, blocked).toReversed()) {
      if (Math.min(range.end, last) < size) continue;
      const at = alignDown(Math.min(range.end, last) - size, align);
      if (at >= Math.max(first, range.start)) return at;
    }
    return undefined;
  };

  const take = (start: number, size: number): void => {
    if (size === 0) return;
    free = free.flatMap((range) => {
      if (range.end <= start || start + size <= range.start) return [range];
      return [{ start: range.start, end: start }, { start: start + size, end: range.end }].filter((rest) =>
        rest.end > rest.start
      );
    });
  };

  const isHarmful = (start: number, end: number): boolean => {
    if (end <= start) return false;
    const top = free.at(-1)?.end ?? 0;
    return end > top || free.some((range) => {
      const header = alignUp(range.start, BLOCK);
      return header < range.end && header < end && start < header + BLOCK;
    });
  };
  return { lowest, highest, take, isHarmful };
}

/** The free ranges without what lies in blocked ones, in ascending order. */
function withoutBlocked(free: readonly FreeRange[], blocked: readonly Blocked[]): readonly FreeRange[] {
  let rest = free;
  for (const { target, size } of blocked) {
    if (size === 0 || !rest.some((range) => range.start < target + size && target < range.end)) continue;
    rest = rest.flatMap((range) => {
      if (range.end <= target || target + size <= range.start) return [range];
      return [{ start: range.start, end: target }, { start: target + size, end: range.end }]
        .filter((part) => part.end > part.start);
    });
  }
  return rest;
}

/**
 * Rounds an address up as GRUB does, which takes every alignment for a power of two.
 *
 * @param address The address, below 2^32.
 * @param align The alignment; 0 makes every address 0.
 * @returns The address, modulo 2^32.
 */
export function alignUp(address: number, align: number): number {
  return alignDown((address + align - 1) % 2 ** 32, align);
}

/**
 * Rounds an address down as GRUB does.
 *
 * @param address The address.
 * @param align The alignment.
 * @returns The address without the bits of `align` − 1.
 */
export function alignDown(address: number, align: number): number {
  return (address & ~(align - 1)) >>> 0;
}
