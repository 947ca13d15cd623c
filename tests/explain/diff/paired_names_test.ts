/** What both sides call the same bytes. */

import { assertEquals } from "@std/assert";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { diffKernels, openTableSet } from "../../../explain/mod.ts";
import { isSamePair, type NamedThing, namesOf, pairNames, placeNames } from "../../../explain/diff/paired_names.ts";
import { loadKernel, physicalMemory } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";

const PAGE = 4096;

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

Deno.test("what one side has in another segment than the other is named on both", async () => {
  const page = { offset: 0x1000, filesz: PAGE };
  const a = await loadKernel(
    buildElf({ segments: [{ ...page, p_vaddr: 0x40_0000n, p_flags: PF_R | PF_X, filesz: 2 * PAGE }] }),
  );
  const b = await loadKernel(buildElf({
    segments: [
      { ...page, p_vaddr: 0x40_0000n, p_flags: PF_R | PF_X },
      { ...page, p_vaddr: 0x40_1000n, p_flags: PF_R | PF_W },
    ],
  }));
  const { mappings, content } = diffKernels(a, b);
  assertEquals(
    mappings.items.map(({ kind, address, size, segment, segmentInB }) => [kind, address, size, segment, segmentInB]),
    [
      ["changed", 0x40_1000n, PAGE, 0, 1],
    ],
  );
  assertEquals(
    content.segments.items.map(({ name, segment, nameInB, segmentInB }) => [name, segment, nameInB, segmentInB]),
    [
      ["LOAD", 0, "LOAD", 1],
    ],
  );
  assertEquals(content.ranges.items[0].inB, { segment: 1 });
  const { memory, level4Frame: cr3 } = b;
  const plainTables = openTableSet({ memory: physicalMemory({ base: memory.base, buffer: memory.buffer }), cr3 });
  // Page tables have no names, so that nothing is said of whose they are.
  const { mappings: plain, content: bytes } = diffKernels(a, plainTables);
  assertEquals([plain.items[0].segment, plain.items[0].segmentInB, bytes.segments.items[0].nameInB], [
    0,
    undefined,
    undefined,
  ]);
  assertEquals([bytes.segments.items[0].side, bytes.ranges.items[0].inB, bytes.outside], [undefined, undefined, 0]);
});
