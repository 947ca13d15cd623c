/** Binary search finds what a search from the start finds. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { firstWhere } from "../../explain/binary_search.ts";

Deno.test("firstWhere() finds the first place, or the end if there is none", () => {
  fc.assert(fc.property(fc.array(fc.nat(20), { maxLength: 40 }), fc.nat(21), (values, wanted) => {
    const ascending = values.toSorted((one, other) => one - other);
    const place = ascending.findIndex((value) => value >= wanted);
    assertEquals(firstWhere(ascending.length, (at) => ascending[at] >= wanted), place < 0 ? ascending.length : place);
  }));
});

Deno.test("firstWhere() looks at few places", () => {
  let looks = 0;
  assertEquals(firstWhere(1_000_000, (at) => ++looks > 0 && at >= 123_456), 123_456);
  assert(looks <= 20, `${looks} places`);
});
