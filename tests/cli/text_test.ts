import { assert, assertEquals } from "@std/assert";
import { paintFor } from "../../cli/output/paint.ts";
import { table, WIDTH } from "../../cli/output/table.ts";
import { count, exactSize, hexRange, indexRanges, printable, wrap } from "../../cli/output/text.ts";

const ESCAPED: readonly (readonly [string, string])[] = [
  ["plain text, ünïcödé", "plain text, ünïcödé"],
  ["\x1b[31mred", "\\u001b[31mred"],
  ["a\r\nb\tc", "a\\u000d\\u000ab\\u0009c"],
  ["\x7f\x9b", "\\u007f\\u009b"],
  ["abc\u202edcba", "abc\\u202edcba"],
  ["lone \ud800 surrogate", "lone \ufffd surrogate"],
];

for (const [text, escaped] of ESCAPED) {
  Deno.test(`printable() writes ${JSON.stringify(text)} as ${escaped}`, () => {
    assertEquals(printable(text), escaped);
  });
}

Deno.test("sizes are exact, in the largest unit that divides them", () => {
  assertEquals([0, 1, 13, 1024, 4096, 5000, 2 ** 20, 2 ** 20 + 4096, 2 ** 30, 3 * 2 ** 31].map(exactSize), [
    "0 bytes",
    "1 byte",
    "13 bytes",
    "1 KiB",
    "4 KiB",
    "5,000 bytes",
    "1 MiB",
    "1,028 KiB",
    "1 GiB",
    "6 GiB",
  ]);
});

Deno.test("counts and ranges", () => {
  assertEquals([count(1, "page"), count(2n, "page"), count(16384, "page")], ["1 page", "2 pages", "16,384 pages"]);
  assertEquals(hexRange(0xffff_ffff_ffff_f000n, 0x1000), "0xfffffffffffff000..0x10000000000000000");
  assertEquals(indexRanges([]), "");
  assertEquals(indexRanges([0, 3, 4, 5, 255, 256, 511]), "0, 3-5, 255-256, 511");
});

Deno.test("wrap() breaks at spaces and keeps long words whole", () => {
  assertEquals(wrap("", 5), [""]);
  assertEquals(wrap("one two three", 7), ["one two", "three"]);
  assertEquals(wrap("0x0123456789abcdef is it", 5), ["0x0123456789abcdef", "is it"]);
});

const PAINT = paintFor(false);

Deno.test("a table puts remarks behind its rows where there is room, else under them", () => {
  const rows = [{ cells: ["1", "a"], remark: "first" }, { cells: ["22", "b"] }];
  assertEquals(table(["#", "name"], rows, (row) => row, PAINT), [
    "   #  name",
    "   1  a     first",
    "  22  b",
  ]);
  const long = [{ cells: ["a"], remark: "x".repeat(WIDTH - 7) }];
  const [, row, remark] = table(["name"], long, (item) => item, PAINT);
  assertEquals([row, remark], ["  a", " ".repeat(7) + "x".repeat(WIDTH - 7)]);
});

Deno.test("a table that is too wide goes on in second lines", () => {
  const cells = Array.from({ length: 6 }, (_, at) => `${at}`.repeat(30));
  const lines = table(["a", "b", "c", "d", "e", "f"], [cells], () => ({ cells }), PAINT);
  assertEquals(lines.length, 4);
  assertEquals(lines[2].trim().split(/ +/).concat(lines[3].trim().split(/ +/)), cells);
});

Deno.test("a table shows no more rows than a person reads", () => {
  const lines = table(["#"], Array.from({ length: 1040 }), () => ({ cells: ["1"] }), PAINT);
  assertEquals(lines.length, 42);
  assert(lines[41].includes("1,000 more"));
});

Deno.test("colours are there only where they are asked for", () => {
  const { error, warning, title, label, faint } = paintFor(false);
  for (const paint of [error, warning, title, label, faint]) assertEquals(paint("text"), "text");
  if (Deno.noColor) return;
  assert(paintFor(true).error("text").includes("\x1b["));
});
