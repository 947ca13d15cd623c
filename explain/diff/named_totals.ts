/**
 * Totals of differing bytes by what they are in: segment, section or symbol.
 *
 * @module
 */

import type { Limited, MatchedAddress, NamedDifference } from "./kernel_difference.ts";
import { limitedList } from "./limited_list.ts";
import { isSamePair, namesOf, type PairedNames } from "./paired_names.ts";

/** Adds up bytes; those of one thing come one after another. */
export interface NamedTotals {
  /** Adds bytes to what contains the first of them on both sides. */
  readonly add: (pair: PairedNames, first: MatchedAddress, differing: number) => void;
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
  let last: { readonly pair: PairedNames; readonly address: bigint; item?: { differing: number } } | undefined;
  return {
    add: (pair, first, differing) => {
      if (last && isSamePair(last.pair, pair, first.address - last.address)) {
        if (last.item) last.item.differing += differing;
        return;
      }
      const added: typeof last = { pair, address: first.address };
      last = added;
      const names = namesOf(pair);
      if (names) list.add(() => added.item = { ...first, ...names, differing });
    },
    result: list.result,
  };
}
