/** Pairs of frames are handed out once each: held against a set of single pairs. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { comparedFrames } from "../../../explain/diff/compared_frames.ts";

const PAGE = 4096;

Deno.test("take() returns each pair of frames the first time only, whatever was asked for before", () => {
  const asked = fc.tuple(fc.nat(40), fc.integer({ min: 40, max: 42 }), fc.integer({ min: 1, max: 12 }));
  fc.assert(fc.property(fc.array(asked, { maxLength: 40 }), (ranges) => {
    const frames = comparedFrames();
    const seen = new Set<string>();
    for (const [first, distance, count] of ranges) {
      const fresh = frames.take(first * PAGE, (first + distance) * PAGE, count);
      const expected = Array.from({ length: count }, (_, at) => at).filter((at) =>
        !seen.has(`${first + at} ${distance}`)
      );
      assertEquals(fresh.flatMap(({ at, count }) => Array.from({ length: count }, (_, more) => at + more)), expected);
      for (const at of expected) seen.add(`${first + at} ${distance}`);
    }
  }));
});
