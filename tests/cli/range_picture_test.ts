/** Pictures of two ranges, drawn by hand. */

import { assert, assertEquals } from "@std/assert";
import { terminalPage, UNBOUNDED } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { rangePicture } from "../../cli/report/range_picture.ts";
import type { NamedRange } from "../../loaders/mod.ts";

const range = (name: string, start: bigint, end: bigint): NamedRange => ({ name, start, end });

/** The picture on a page without colors, as one text: on lines with room for bars of so many columns. */
function picture(ranges: readonly [NamedRange, NamedRange], columns: number, addresses: number): string {
  const names = Math.max(...ranges.map(({ name }) => name.length));
  return pictureOn(names + 2 + columns + 2 + addresses, ranges, 0);
}

function pictureOn(width: number, ranges: readonly [NamedRange, NamedRange], indent: number): string {
  return "\n" + rangePicture(ranges, indent, { ...paintFor(false, UNBOUNDED), width }).join("\n") + "\n";
}

Deno.test("two ranges that overlap by half: bars of 48 columns at most, to one scale", () => {
  assertEquals(
    pictureOn(100, [range("program header 0", 0x1000n, 0x3000n), range("program header 1", 0x2000n, 0x4000n)], 4),
    `
    program header 0  ================################................  0x1000..0x3000
    program header 1  ................################================  0x2000..0x4000
`,
  );
});

Deno.test("neighbours share no column, whatever rounding does", () => {
  assertEquals(
    picture([range("a", 0x1000n, 0x2234n), range("b", 0x2234n, 0x2300n)], 16, 14),
    `
a  ===============.  0x1000..0x2234
b  ...............=  0x2234..0x2300
`,
  );
});

Deno.test("an overlap of one byte is seen", () => {
  assertEquals(
    picture([range("a", 0n, 0x1001n), range("b", 0x1000n, 0x2000n)], 16, 14),
    `
a  ========#.......  0x0..0x1001
b  ........#=======  0x1000..0x2000
`,
  );
});

Deno.test("a range inside another is shared whole", () => {
  assertEquals(
    picture([range("file", 0n, 0x100n), range("header", 0x40n, 0x80n)], 16, 10),
    `
file    ====####========  0x0..0x100
header  ....####........  0x40..0x80
`,
  );
});

Deno.test("an empty range has a place, at the end of the scale too", () => {
  assertEquals(
    picture([range("full", 0x1000n, 0x2000n), range("empty", 0x1800n, 0x1800n)], 16, 14),
    `
full   ================  0x1000..0x2000
empty  ........|.......  0x1800..0x1800
`,
  );
  assertEquals(
    picture([range("full", 0x1000n, 0x2000n), range("empty", 0x2000n, 0x2000n)], 16, 14),
    `
full   ================  0x1000..0x2000
empty  ...............|  0x2000..0x2000
`,
  );
  assertEquals(
    picture([range("one", 8n, 8n), range("two", 8n, 8n)], 16, 8),
    `
one  |...............  0x8..0x8
two  |...............  0x8..0x8
`,
  );
});

Deno.test("a byte far away from another is still drawn, and 64-bit addresses keep their scale", () => {
  assertEquals(
    picture([range("low", 0n, 1n), range("high", 0xffff_ffff_8000_0000n, 1n << 64n)], 16, 39),
    `
low   =...............  0x0..0x1
high  ...............=  0xffffffff80000000..0x10000000000000000
`,
  );
});

Deno.test("where there is too little room, a bar goes under its name and addresses", () => {
  const ranges = [
    range("program header 10", 0xffff_ffff_8000_0000n, 0xffff_ffff_8000_2000n),
    range("program header 11", 0xffff_ffff_8000_1000n, 0xffff_ffff_8000_3000n),
  ] as const;
  assertEquals(
    pictureOn(40, ranges, 4),
    `
    program header 10  0xffffffff80000000..0xffffffff80002000
    ============############............
    program header 11  0xffffffff80001000..0xffffffff80003000
    ............############============
`,
  );
});

Deno.test("a range that ends before it starts is drawn as an empty one", () => {
  assertEquals(
    picture([range("odd", 0x2000n, 0x1000n), range("even", 0x1000n, 0x3000n)], 16, 14),
    `
odd   ........|.......  0x2000..0x1000
even  ================  0x1000..0x3000
`,
  );
});

Deno.test("colors mark what is shared, and only on a page that has them", () => {
  const ranges = [range("a", 0n, 2n), range("b", 1n, 3n)] as const;
  const colored = rangePicture(ranges, 0, paintFor(true, terminalPage(80)));
  assert(colored[0].includes("\x1b[1;31m################\x1b[0m"), colored[0]);
  assertEquals(
    // deno-lint-ignore no-control-regex
    colored.map((line) => line.replaceAll(/\x1b\[[\d;]*m/g, "")),
    rangePicture(ranges, 0, paintFor(false, terminalPage(80))),
  );
});
