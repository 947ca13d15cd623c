/**
 * Which frames of B a comparison reads, for memory that has to be asked for page by page.
 *
 * @module
 */

import { type Explainable, kernelOf, tablesOf } from "../explained.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { matchPages } from "./matched_ranges.ts";
import { pageCursor } from "./page_cursor.ts";

/** The most runs of pages to look at, and frames to list: tables that share tables can map any number. */
const MOST_RUNS = 2 ** 20;

/**
 * Lists the frames of B whose pages A maps, too: those of A's segments first.
 *
 * @param a Side A.
 * @param b Side B, of which only the tables need to be known.
 * @returns Physical addresses of frames, in the order in which they are compared. Some may be listed twice.
 */
export function* framesInBoth(a: Explainable, b: Explainable): Generator<number> {
  const [cursorA, cursorB] = [pageCursor(tablesOf(a)), pageCursor(tablesOf(b))];
  let runs = 0;
  for (const { a: firstA, b: firstB, pages } of matchPages(kernelOf(a), kernelOf(b), false).ranges) {
    if (firstA === undefined || firstB === undefined) continue;
    for (let at = 0; at < pages && runs < MOST_RUNS; runs++) {
      cursorA.seek(firstA + at);
      cursorB.seek(firstB + at);
      const both = cursorA.kind === "page" && cursorB.kind === "page";
      // Of a side that maps nothing, the run is skipped whole, whatever the other maps there.
      const skipped = [cursorA, cursorB].filter(({ kind }) => kind !== "page").map((cursor) => cursor.pages);
      const step = Math.min(both ? Math.min(cursorA.pages, cursorB.pages) : Math.max(...skipped), pages - at);
      for (let page = 0; both && page < step && runs < MOST_RUNS; page++, runs++) {
        yield cursorB.frame + page * PAGE_SIZE;
      }
      at += step;
    }
  }
}
