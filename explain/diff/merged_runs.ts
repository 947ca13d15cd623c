/**
 * Merges runs of pages that are found in two passes, each of them ascending, into one ascending list.
 *
 * @module
 */

import type { Limited } from "./kernel_difference.ts";

/** Pages that go on in the same way. */
export interface MatchedRun {
  /** Number of the first page in A. */
  readonly pageA: number;
  /** Number of the first page in B. */
  readonly pageB: number;
  /** Number of pages. */
  pages: number;
}

/** Collects runs. */
export interface MergedRuns<T extends MatchedRun> {
  /** Adds pages; those that go on with the run before them, in the same pass, are joined with it. */
  readonly add: (run: T) => void;
  /** Says that the next pages are of another range, before or after those that were added. */
  readonly nextRange: () => void;
  /** The first runs, and the number of others. */
  readonly result: () => Limited<T>;
}

/**
 * Creates the collection. It keeps the first runs of each pass, and those that touch the end of a range, as others may
 * go on with them.
 *
 * @param limit The most runs to return.
 * @param goesOn Whether a run goes on with another one, after which it starts on both sides.
 * @param startOf The number of the page that a run is listed by.
 * @returns The collection, empty.
 */
export function mergedRuns<T extends MatchedRun>(
  limit: number,
  goesOn: (run: T, next: T) => boolean,
  startOf: (run: T) => number,
): MergedRuns<T> {
  const kept: T[] = [];
  let open: T | undefined;
  let isFirst = true; // in its range
  let inside = 0;
  let left = 0;
  let lastStart = -1;
  const touches = (run: T, next: T): boolean => {
    return run.pageA + run.pages === next.pageA && run.pageB + run.pages === next.pageB && goesOn(run, next);
  };
  const close = (isLast: boolean): void => {
    if (!open) return;
    const run = open;
    open = undefined;
    const isEdge = isFirst || isLast;
    if (isFirst && startOf(run) < lastStart) inside = 0; // the second pass starts
    isFirst = false;
    lastStart = startOf(run);
    if (isEdge) kept.push(run);
    else if (inside < limit) {
      inside++;
      kept.push(run);
    } else left++;
  };
  return {
    add: (run) => {
      if (open && touches(open, run)) {
        open.pages += run.pages;
        return;
      }
      close(false);
      open = { ...run };
    },
    nextRange: () => {
      close(true);
      isFirst = true;
    },
    result: () => {
      close(true);
      isFirst = true;
      const merged: T[] = [];
      for (const run of [...kept].sort((one, other) => startOf(one) - startOf(other))) {
        const last = merged.at(-1);
        if (last && touches(last, run)) last.pages += run.pages;
        else merged.push({ ...run });
      }
      return { items: merged.slice(0, limit), more: left + Math.max(0, merged.length - limit) };
    },
  };
}
