/** What meets a page, compared with looking at all ranges. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { overlapIndex } from "../../../explain/map/overlap_index.ts";

const PAGE = 16;

Deno.test("a page's ranges are those that have bytes in it, and stay the same for the length that is given", () => {
  const spans = fc.array(
    fc.record({ start: fc.nat(300), size: fc.oneof(fc.nat(10), fc.nat(200)) }).map(({ start, size }) => ({
      start,
      end: start + size,
    })),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(spans, (spans) => {
      const index = overlapIndex(spans.map((span, value) => ({ ...span, value })));
      const meeting = (page: number): readonly number[] => {
        return spans.flatMap(({ start, end }, value) =>
          start < end && start < page + PAGE && end > page ? [value] : []
        );
      };
      const order = (values: readonly number[]): readonly number[] => [...values].sort();
      for (let page = 0; page < 600; page += PAGE) {
        const { values, whole, length } = index(page, PAGE);
        assertEquals(order(values), order(meeting(page)));
        assertEquals(whole, values.every((value) => spans[value].start <= page && spans[value].end >= page + PAGE));
        assert(length >= PAGE && (length === Infinity || length % PAGE === 0));
        for (let next = page; next < Math.min(page + length, 600); next += PAGE) {
          assertEquals(order(meeting(next)), order(values));
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("of many ranges at one place, eight are told, those that start first", () => {
  const spans = Array.from({ length: 50_000 }, (_, value) => ({ start: value, end: 200_000 - value, value }));
  const index = overlapIndex(spans);
  assertEquals(index(100_000, PAGE).values, [0, 1, 2, 3, 4, 5, 6, 7]);
  assertEquals(index(199_995, 1).values, [0, 1, 2, 3, 4]);
});

Deno.test("empty ranges, and no ranges, meet nothing", () => {
  for (const spans of [[], [{ start: 5, end: 5, value: 1 }]]) {
    assertEquals(overlapIndex(spans)(0, PAGE), { values: [], whole: true, length: Infinity });
  }
});
