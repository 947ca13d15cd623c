/** Runs of pages from two passes, merged into one list. */

import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { type MatchedRun, mergedRuns } from "../../../explain/diff/merged_runs.ts";

interface Run extends MatchedRun {
  readonly kind: number;
}

/** Pages of kinds; 0 is not listed. `edges` cut them into ranges, of which every second one is of the first pass. */
const pages = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 60 });
const edges = fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { maxLength: 8 });

/** What is listed of pages in order. */
function model(kinds: readonly number[]): readonly Run[] {
  const found: Run[] = [];
  kinds.forEach((kind, page) => {
    const last = found.at(-1);
    if (kind === 0) return;
    if (last?.kind === kind && last.pageA + last.pages === page) last.pages++;
    else found.push({ kind, pageA: page, pageB: page + 7, pages: 1 });
  });
  return found;
}

Deno.test("runs of two passes are listed as if there had been one, and the limit cuts only the list", () => {
  fc.assert(
    fc.property(pages, edges, fc.integer({ min: 0, max: 12 }), (kinds, cuts, limit) => {
      const bounds = [0, ...cuts.filter((cut) => cut < kinds.length).sort((one, other) => one - other), kinds.length];
      const ranges = bounds.slice(0, -1).map((start, at) => ({ start, end: bounds[at + 1], isFirst: at % 2 === 1 }));
      const runs = mergedRuns<Run>(limit, (run, next) => run.kind === next.kind, ({ pageA }) => pageA);
      for (const pass of [true, false]) {
        for (const { start, end } of ranges.filter(({ isFirst }) => isFirst === pass)) {
          for (let page = start; page < end; page++) {
            if (kinds[page] > 0) runs.add({ kind: kinds[page], pageA: page, pageB: page + 7, pages: 1 });
          }
          runs.nextRange();
        }
      }
      const expected = model(kinds);
      const more = Math.max(0, expected.length - limit);
      assertEquals(runs.result(), { items: expected.slice(0, limit), more });
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a run goes on only where it does on both sides", () => {
  const runs = mergedRuns<Run>(9, () => true, ({ pageA }) => pageA);
  runs.add({ kind: 1, pageA: 4, pageB: 4, pages: 2 });
  runs.nextRange();
  runs.add({ kind: 1, pageA: 6, pageB: 8, pages: 1 });
  runs.add({ kind: 1, pageA: 2, pageB: 2, pages: 2 });
  assertEquals(runs.result().items.map(({ pageA, pages }) => [pageA, pages]), [[2, 4], [6, 1]]);
});
