/**
 * Collects ranges that could not be compared.
 *
 * @module
 */

import type { Limited, UnknownRange } from "./kernel_difference.ts";
import { type MatchedRun, mergedRuns } from "./merged_runs.ts";
import { matchedPage } from "./matched_ranges.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";

/** Pages that could not be compared for the same reason, one after another. */
interface UnknownRun extends MatchedRun, Pick<UnknownRange, "side" | "what"> {}

/** Collects ranges. */
export interface UnknownRanges {
  /** Adds pages. */
  readonly add: (
    side: UnknownRange["side"],
    what: UnknownRange["what"],
    pageA: number,
    pageB: number,
    pages: number,
  ) => void;
  /** Says that the next pages are of another range. */
  readonly nextRange: () => void;
  /** Number of pages added. */
  readonly count: () => number;
  /** What was collected; those that touch are joined. */
  readonly result: () => Limited<UnknownRange>;
}

/**
 * Creates the collection.
 *
 * @param limit The most ranges to keep.
 * @returns The collection, empty.
 */
export function unknownRanges(limit: number): UnknownRanges {
  const runs = mergedRuns<UnknownRun>(limit, (run, next) => {
    return run.side === next.side && run.what === next.what;
  }, ({ pageA }) => pageA);
  let count = 0;
  return {
    add: (side, what, pageA, pageB, pages) => {
      count += pages;
      runs.add({ side, what, pageA, pageB, pages });
    },
    nextRange: runs.nextRange,
    count: () => count,
    result: () => {
      const { items, more } = runs.result();
      return {
        items: items.map(({ side, what, pageA, pageB, pages }) => {
          return { side, what, ...matchedPage(pageA, pageB), size: pages * PAGE_SIZE };
        }),
        more,
      };
    },
  };
}
