/**
 * A growing set of addresses, kept as ranges: returns what a range adds to it, so that no address is handled twice.
 *
 * @module
 */

import type { AddressRange } from "./range_index.ts";

/** A set of addresses. */
export interface Coverage {
  /** Adds a range and returns the parts of it that were not in the set, ascending. */
  readonly add: (start: bigint, end: bigint) => readonly AddressRange[];
  /** The set as ranges, ascending; no two of them touch. */
  readonly ranges: () => readonly AddressRange[];
}

/**
 * Creates an empty set.
 *
 * @returns The set.
 */
export function coverage(): Coverage {
  const covered: AddressRange[] = [];
  /** Index of the first range that ends at or after an address. */
  const firstEndingAt = (address: bigint): number => {
    let [below, above] = [-1, covered.length];
    while (above - below > 1) {
      const middle = (below + above) >> 1;
      if (covered[middle].end < address) below = middle;
      else above = middle;
    }
    return above;
  };
  return {
    add: (start, end) => {
      if (end <= start) return [];
      const first = firstEndingAt(start);
      const added: AddressRange[] = [];
      let [from, next] = [start, first];
      let merged = { start, end };
      for (; next < covered.length && covered[next].start <= end; next++) {
        const range = covered[next];
        if (from < range.start) added.push({ start: from, end: range.start });
        if (from < range.end) from = range.end;
        merged = {
          start: range.start < merged.start ? range.start : merged.start,
          end: range.end > merged.end ? range.end : merged.end,
        };
      }
      if (from < end) added.push({ start: from, end });
      covered.splice(first, next - first, merged);
      return added;
    },
    ranges: () => [...covered],
  };
}
