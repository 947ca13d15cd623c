import { assert, assertEquals } from "@std/assert";
import { commandLines } from "../../cli/output/command_lines.ts";
import { pageOf, terminalPage, UNBOUNDED } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { quoted, quotedPath } from "../../cli/output/shell_quote.ts";
import { table } from "../../cli/output/table.ts";
import {
  count,
  exactSize,
  grouped,
  hexRange,
  indexRanges,
  listed,
  printable,
  wrap,
  wrapsAround,
} from "../../cli/output/text.ts";
import { runTool, testWithTools } from "../tools.ts";

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

Deno.test("counts, lists and indices", () => {
  assertEquals([0, 999, 1000, 12_328, 2 ** 53 - 1, 2n ** 64n].map(grouped), [
    "0",
    "999",
    "1,000",
    "12,328",
    "9,007,199,254,740,991",
    "18,446,744,073,709,551,616",
  ]);
  assertEquals([count(1, "page"), count(2n, "page"), count(16384, "page")], ["1 page", "2 pages", "16,384 pages"]);
  assertEquals(indexRanges([]), []);
  assertEquals(indexRanges([0, 3, 4, 5, 255, 256, 511]), ["0", "3-5", "255-256", "511"]);
  assertEquals([listed([]), listed(["3"]), listed(["3", "5"]), listed(["3", "5", "7"])], [
    "",
    "3",
    "3 and 5",
    "3, 5 and 7",
  ]);
});

const RANGES: readonly (readonly [bigint, bigint, string, boolean])[] = [
  [0x1000n, 0x234n, "0x1000..0x1234", false],
  [0xffff_ffff_ffff_e000n, 0x1000n, "0xffffffffffffe000..0xfffffffffffff000", false],
  [0xffff_ffff_ffff_f000n, 0x1000n, "0xfffffffffffff000..=0xffffffffffffffff", false],
  [0xffff_ffff_ffff_f000n, 0x1234n, "0xfffffffffffff000..0x234", true],
  [0x1_0000_0000_1000n << 16n, 0x10n, "0x10000000..0x10000010", false],
  [-0x1000n, 0x800n, "0xfffffffffffff000..0xfffffffffffff800", false],
];

for (const [start, size, text, wraps] of RANGES) {
  Deno.test(`a range of ${size} bytes from ${start} is ${text}: addresses have 64 bits`, () => {
    assertEquals([hexRange(start, size), wrapsAround(start, size)], [text, wraps]);
  });
}

Deno.test("wrap() breaks at spaces and keeps words, sizes and given parts whole", () => {
  assertEquals(wrap("", 5), [""]);
  assertEquals(wrap("one two three", 7), ["one two", "three"]);
  assertEquals(wrap("0x0123456789abcdef is it", 5), ["0x0123456789abcdef", "is it"]);
  assertEquals(wrap("it takes 4,180 KiB of it", 11), ["it takes", "4,180 KiB", "of it"]);
  assertEquals(wrap("all 12 bytes of it", 8), ["all", "12 bytes", "of it"]);
  assertEquals(wrap("Cannot read a b.elf: gone", 12, ["a b.elf"]), ["Cannot read", "a b.elf:", "gone"]);
});

const PAINT = paintFor(false);

Deno.test("a table puts remarks next to its rows if there is room, else under them", () => {
  const rows = [{ cells: ["1", "a"], remark: "first" }, { cells: ["22", "b"] }];
  assertEquals(table(["#", "name"], rows, (row) => row, PAINT), [
    "   #  name",
    "   1  a     first",
    "  22  b",
  ]);
  const long = [{ cells: ["a"], remark: "x".repeat(PAINT.width - 7) }];
  const [, row, remark] = table(["name"], long, (item) => item, PAINT);
  assertEquals([row, remark], ["  a", " ".repeat(7) + "x".repeat(PAINT.width - 7)]);
});

Deno.test("a table that is too wide for a terminal names the cells that do not fit under their row", () => {
  const cells = Array.from({ length: 6 }, (_, at) => `${at}`.repeat(30));
  const titles = ["a", "b", "c", "d", "e", "f"];
  cells[4] = "-";
  const lines = table(titles, [cells], () => ({ cells, remark: "end" }), paintFor(false, terminalPage(80)));
  assertEquals(lines, [
    `  a${" ".repeat(31)}b`,
    `  ${cells[0]}  ${cells[1]}`,
    `       c ${cells[2]}; d ${cells[3]};`,
    `       f ${cells[5]}; end`,
  ]);
});

Deno.test("the last column of a table folds in its place if it is text", () => {
  const rows = [["one", "some words that go on"], ["two", "-"]];
  assertEquals(
    table(["name", "text"], rows, (cells) => ({ cells, remark: "end" }), { ...PAINT, width: 20, folds: true }),
    [
      "  name  text",
      "  one   some words",
      "        that go on",
      "       end",
      "  two   -",
      "       end",
    ],
  );
  const [, one, two] = table(["list"], ["x"], () => ({ cells: ["0x1000..0x2000, 0x5000..0x6000"] }), {
    ...paintFor(false),
    ...terminalPage(20),
    width: 20,
  });
  assertEquals([one, two], ["  0x1000..0x2000,", "  0x5000..0x6000"]);
});

Deno.test("a table that is not for a terminal has one line a row, however wide", () => {
  const cells = Array.from({ length: 6 }, (_, at) => `${at}`.repeat(30));
  const lines = table(["a", "b", "c", "d", "e", "f"], [cells], () => ({ cells }), PAINT);
  assertEquals(lines.slice(1), [`  ${cells.join("  ")}`]);
});

Deno.test("a page is as wide as the terminal, and 100 columns of prose elsewhere", () => {
  assertEquals(pageOf({ isTerminal: () => false }), { width: 100, folds: false });
  assertEquals(UNBOUNDED, { width: 100, folds: false });
  assertEquals(terminalPage(200), { width: 200, folds: true });
});

Deno.test("a command stands on a line of its own, whole", () => {
  const command = `qemu-system-x86_64 ${"-device x ".repeat(30)}-kernel 'a b.elf'`;
  assertEquals(commandLines("boot it with", command, paintFor(false, terminalPage(60))), [
    "  boot it with",
    `    ${command}`,
  ]);
});

const WORDS = ["plain/path-1.elf", "a b", "it's", "", "$HOME", "new\nline", "\x1b[31m'\\", "ünï"];

testWithTools(["bash"], "quoted() writes words that a shell reads back", async () => {
  const text = await runTool("bash", ["-c", `printf '%s\\0' ${WORDS.map(quoted).join(" ")}`]);
  assertEquals(text.split("\0").slice(0, -1), WORDS);
});

Deno.test("quotedPath() keeps a leading dash from being read as an option", () => {
  const paths = ["-k.elf", "-a b", "k-1.elf", "/-k", "./-k"];
  assertEquals(paths.map(quotedPath), ["./-k.elf", "'./-a b'", "k-1.elf", "/-k", "./-k"]);
});

Deno.test("a table shows no more rows than a person reads", () => {
  const lines = table(["#"], Array.from({ length: 1040 }), () => ({ cells: ["1"] }), PAINT);
  assertEquals(lines.length, 42);
  assert(lines[41].includes("1,000 more"));
});

Deno.test("colors are there only where they are asked for", () => {
  const { error, warning, title, label, faint } = paintFor(false);
  for (const paint of [error, warning, title, label, faint]) assertEquals(paint("text"), "text");
  if (Deno.noColor) return;
  assert(paintFor(true).error("text").includes("\x1b["));
});
