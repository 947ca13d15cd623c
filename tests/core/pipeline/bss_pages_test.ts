import { assertEquals } from "@std/assert";
import type { LoadRange } from "../../../core/elf/program_header.ts";
import { type BssPages, bssPages } from "../../../core/pipeline/bss_pages.ts";
import { RULES } from "../../../core/rules.ts";

const EXCLUSIVE = RULES.default;
const INCLUSIVE = RULES["bootloader-0.10"];

interface Case {
  readonly what: string;
  readonly range: readonly [start: number, fileSize: number, memSize: number];
  /** Under the default rules. */
  readonly pages: BssPages | undefined;
  /** Under those of v0.10 of the original, if they differ. */
  readonly original?: BssPages;
}

const CASES: readonly Case[] = [
  { what: "no bss", range: [0x1000, 0x800, 0x800], pages: undefined },
  { what: "less memory than file bytes", range: [0x1000, 0x800, 0x400], pages: undefined },
  {
    what: "a bss within the last page",
    range: [0x1000, 0x800, 0x900],
    pages: { partial: 0x1000, first: 0x2000, end: 0x2000 },
  },
  {
    what: "a bss up to the end of the last page",
    range: [0x1000, 0x800, 0x1000],
    pages: { partial: 0x1000, first: 0x2000, end: 0x2000 },
    original: { partial: 0x1000, first: 0x2000, end: 0x3000 },
  },
  {
    what: "a bss of more pages",
    range: [0x1000, 0x1800, 0x3001],
    pages: { partial: 0x2000, first: 0x3000, end: 0x5000 },
  },
  {
    what: "a bss that starts on a page boundary",
    range: [0x1000, 0x1000, 0x2800],
    pages: { partial: undefined, first: 0x2000, end: 0x4000 },
  },
  {
    what: "an empty file part inside a page",
    range: [0x1800, 0, 0x1000],
    pages: { partial: undefined, first: 0x1000, end: 0x3000 },
    original: { partial: 0x1000, first: 0x2000, end: 0x3000 },
  },
];

for (const { what, range: [start, fileSize, memSize], pages, original = pages } of CASES) {
  Deno.test(`bssPages() of ${what}`, () => {
    const load: LoadRange = { start, fileSize, memSize, fileOffset: start };
    assertEquals(bssPages(load, EXCLUSIVE), pages);
    assertEquals(bssPages(load, INCLUSIVE), original);
  });
}
