/**
 * Collects ranges that could not be compared.
 *
 * @module
 */

import type { Limited, UnknownRange } from "./kernel_difference.ts";
import { limitedList } from "./limited_list.ts";
import { matchedPage } from "./matched_ranges.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";

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
  const list = limitedList<UnknownRange>(limit);
  let open: {
    readonly side: UnknownRange["side"];
    readonly what: UnknownRange["what"];
    a: number;
    b: number;
    pages: number;
  } | undefined;
  let count = 0;
  const close = (): void => {
    if (!open) return;
    const { side, what, a, b, pages } = open;
    open = undefined;
    list.add(() => ({ side, what, ...matchedPage(a, b), size: pages * PAGE_SIZE }));
  };
  return {
    add: (side, what, pageA, pageB, pages) => {
      count += pages;
      if (
        open && open.side === side && open.what === what && open.a + open.pages === pageA &&
        open.b + open.pages === pageB
      ) {
        open.pages += pages;
        return;
      }
      close();
      open = { side, what, a: pageA, b: pageB, pages };
    },
    count: () => count,
    result: () => {
      close();
      return list.result();
    },
  };
}
