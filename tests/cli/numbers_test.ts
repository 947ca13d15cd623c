import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CliError } from "../../cli/output/cli_error.ts";
import { parseBytes, parseInteger, parsePages } from "../../cli/arguments/numbers.ts";

const NUMBERS: readonly (readonly [string, bigint])[] = [
  ["0", 0n],
  ["4096", 0x1000n],
  ["010", 10n],
  ["0x200000", 0x20_0000n],
  ["0XFFFF", 0xffffn],
  ["0xffffffff80000000", 0xffff_ffff_8000_0000n],
  ["1K", 1024n],
  ["2m", 2n * 1024n * 1024n],
  ["3G", 3n * 1024n ** 3n],
  ["0x10k", 16n * 1024n],
  ["18446744073709551615", 2n ** 64n - 1n],
];

for (const [text, value] of NUMBERS) {
  Deno.test(`"${text}" is the number ${value}`, () => {
    assertEquals(parseInteger("kernel-base", text), value);
  });
}

const GARBAGE = ["", "-1", "-0x10", "0x", "0x12zz", "12zz", "1.5M", "1e6", "1KB", "1T", " 1", "1 ", "0b11", "K", "١"];

for (const text of GARBAGE) {
  Deno.test(`"${text}" is refused as a number, by the flag's name`, () => {
    const error = assertThrows(() => parseInteger("kernel-base", text), CliError);
    assertEquals(error.code, "usage");
    assertStringIncludes(error.message, `--kernel-base ${text}`);
  });
}

Deno.test("a number of bytes ends where physical memory does", () => {
  assertEquals(parseBytes("max-memory", "0x10000000000000"), 2 ** 52);
  assertThrows(() => parseBytes("max-memory", "0x10000000000001"), CliError, "--max-memory 0x10000000000001");
});

Deno.test("a physical address is a whole number of pages", () => {
  assertEquals(parsePages("memory-base", "1M"), 0x10_0000);
  assertThrows(() => parsePages("memory-base", "0x1001"), CliError, "no multiple of 4096");
});
