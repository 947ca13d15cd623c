/**
 * An index over ranges of addresses, which may overlap: finds by binary search whether one of them contains or overlaps
 * another range.
 *
 * Addresses are 64-bit numbers, given as two halves so that inner loops need no `bigint`.
 *
 * @module
 */

/** A range of addresses. */
export interface AddressRange {
  /** Its first address. */
  readonly start: bigint;
  /** The address after its last. */
  readonly end: bigint;
}

/** An index over ranges. */
export interface RangeIndex<R extends AddressRange = AddressRange> {
  /**
   * Of the ranges that start at or before an address, the one that ends last; `undefined` if none does.
   *
   * It contains `[start, end)`, if any range does, for the address `start`. It overlaps `[start, end)`, if any range
   * does, for the address `end - 1`.
   */
  readonly reaching: (high: number, low: number) => R | undefined;
}

const HALF = 32n;
const LOW_HALF = (1n << HALF) - 1n;

/**
 * Creates an index.
 *
 * @param ranges The ranges, in any order. Of those that end at the same address, the one that starts first is found; of
 * equal ranges, the first in this order.
 * @returns The index.
 */
export function rangeIndex<R extends AddressRange>(ranges: readonly R[]): RangeIndex<R> {
  const ascending = ranges.toSorted((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  const highs = Float64Array.from(ascending, ({ start }) => upperHalf(start));
  const lows = Float64Array.from(ascending, ({ start }) => lowerHalf(start));
  const farthest: R[] = [];
  for (const range of ascending) {
    const last = farthest.at(-1);
    farthest.push(last && last.end >= range.end ? last : range);
  }
  return {
    reaching: (high, low) => {
      let [below, above] = [-1, farthest.length];
      while (above - below > 1) {
        const middle = (below + above) >> 1;
        if (highs[middle] < high || (highs[middle] === high && lows[middle] <= low)) below = middle;
        else above = middle;
      }
      return below < 0 ? undefined : farthest[below];
    },
  };
}

/**
 * Returns the upper half of an address.
 *
 * @param address The address; it may be above 2^64.
 * @returns Its bits from 32 on.
 */
export function upperHalf(address: bigint): number {
  return Number(address >> HALF);
}

/**
 * Returns the lower half of an address.
 *
 * @param address The address.
 * @returns Its bits 0 to 31.
 */
export function lowerHalf(address: bigint): number {
  return Number(address & LOW_HALF);
}
