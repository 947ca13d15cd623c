/** What both sides call the same bytes. */

import { assertEquals } from "@std/assert";
import { isSamePair, type NamedThing, namesOf, pairNames, placeNames } from "../../../explain/diff/paired_names.ts";

const print = (offset: bigint): NamedThing => ({ name: "print", offset });
const work: NamedThing = { name: "work", offset: 2n };
const first: NamedThing = { name: "LOAD", segment: 0, offset: 0n };

const LINES: readonly (readonly [
  what: string,
  a: NamedThing | null | undefined,
  b: NamedThing | null | undefined,
  expected: ReturnType<typeof namesOf>,
])[] = [
  ["nothing", undefined, undefined, undefined],
  ["no names at all", null, null, undefined],
  ["the same place", print(4n), print(4n), { name: "print" }],
  ["another place of the same", print(4n), print(0n), { name: "print", moved: true }],
  ["something else", print(4n), work, { name: "print", nameInB: "work" }],
  ["a name in A alone", print(4n), undefined, { name: "print", side: "a" }],
  ["a name in B alone", undefined, work, { name: "work", side: "b" }],
  ["a side without names", print(4n), null, { name: "print" }],
  ["the other side without names", null, work, { name: "work" }],
  ["another segment of the same type", first, { ...first, segment: 2 }, {
    name: "LOAD",
    segment: 0,
    nameInB: "LOAD",
    segmentInB: 2,
  }],
];

for (const [what, a, b, expected] of LINES) {
  Deno.test(`names of both sides: ${what}`, () => assertEquals(namesOf(pairNames(a, b)), expected));
}

Deno.test("bytes are of the same things wherever in them they are", () => {
  const pair = pairNames(print(4n), work);
  const later = pairNames(print(8n), { ...work, offset: 6n });
  assertEquals(isSamePair(pair, later, 4n), true);
  assertEquals(isSamePair(pair, later, 5n), false); // another function of that name
  assertEquals(isSamePair(pair, pairNames(print(8n), undefined), 4n), false);
  assertEquals(isSamePair(pair, pairNames(print(8n), { name: "other", offset: 6n }), 4n), false);
});

Deno.test("the names in B are given only if they are others", () => {
  const segment = pairNames(first, first);
  const levels = { segment, section: {}, symbol: pairNames(print(4n), print(4n)) };
  assertEquals(placeNames(levels, 3), { segment: 0, symbol: { name: "print", offset: 7 } });
  assertEquals(placeNames({ ...levels, symbol: pairNames(print(4n), undefined) }, 1), {
    segment: 0,
    symbol: { name: "print", offset: 5 },
    inB: { segment: 0 },
  });
});
