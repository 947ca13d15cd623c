/**
 * Totals of differing bytes by what they are in: segment, section or symbol.
 *
 * @module
 */

import type { Limited, NamedDifference } from "./kernel_difference.ts";
import { limitedList } from "./limited_list.ts";

/** Adds up bytes; those of one thing come one after another. */
export interface NamedTotals {
  /** Adds bytes to a thing, which is told from others by its key. */
  readonly add: (key: string, differing: number, first: () => Omit<NamedDifference, "differing">) => void;
  /** What was added up. */
  readonly result: () => Limited<NamedDifference>;
}

/**
 * Creates totals.
 *
 * @param limit The most things to keep.
 * @returns The totals, empty.
 */
export function namedTotals(limit: number): NamedTotals {
  const list = limitedList<{ -readonly [K in keyof NamedDifference]: NamedDifference[K] }>(limit);
  let last: { readonly key: string; item?: { differing: number } } | undefined;
  return {
    add: (key, differing, first) => {
      if (last?.key === key) {
        if (last.item) last.item.differing += differing;
        return;
      }
      const added: { key: string; item?: { differing: number } } = { key };
      list.add(() => added.item = { ...first(), differing });
      last = added;
    },
    result: list.result,
  };
}
