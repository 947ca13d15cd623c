import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CliError } from "../../cli/output/cli_error.ts";
import { exactSize, hex, printable } from "../../cli/output/text.ts";
import { parseAddress, parseBytes, parseInteger, parsePageAddress, parsePages } from "../../cli/arguments/numbers.ts";

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
  // As reports print them: README.md, "What it shows"
  ["12,328 bytes", 12328n],
  ["1 byte", 1n],
  ["4 KiB", 4096n],
  ["4KiB", 4096n],
  ["4,180 KiB", 4180n * 1024n],
  ["1,184,308 KiB", 1184308n * 1024n],
  ["2 MiB", 2n ** 21n],
  ["2mib", 2n ** 21n],
  ["1 GiB", 2n ** 30n],
  ["2 M", 2n ** 21n],
  ["0xffff_ffff", 0xffff_ffffn],
  ["0xffff_ffff_8000_0000", 0xffff_ffff_8000_0000n],
  ["1_000", 1000n],
];

for (const [text, value] of NUMBERS) {
  Deno.test(`"${text}" is the number ${value}`, () => {
    assertEquals(parseInteger("kernel-base", text), value);
  });
}

const GARBAGE = ["", "-1", "-0x10", "0x", "0x12zz", "12zz", "1.5M", "1e6", "1KB", "1T", " 1", "1 ", "0b11", "K", "١"]
  .concat(["1,00", "1,0000", ",100", "1,000,00", "0x1,000", "1_", "_1", "1__0", "0x_1", "0x1_", "1  K", "4 KB", "KiB"])
  .concat(["1,000_000", "4 KiB KiB", "1\n", "4\u00a0KiB"]);

for (const text of GARBAGE) {
  Deno.test(`"${text}" is refused as a number, by the flag's name`, () => {
    const error = assertThrows(() => parseInteger("kernel-base", text), CliError);
    assertEquals(error.code, "usage");
    assertStringIncludes(error.message, `--kernel-base ${printable(text)}`);
    assertStringIncludes(
      error.message,
      "must be a decimal or hex number (0x200000), optionally with a unit (2M, 2 MiB)",
    );
  });
}

// QEMU's "info registers" and readelf print hex to a fixed width, without 0x.
const BARE: readonly (readonly [string, string])[] = [
  ["0000000000313000", "0x313000"],
  ["00000000001ff000", "0x1ff000"],
  ["00001000", "0x1000"],
  ["0000000000000000", "0x0"],
  ["ffffffff80000000", "0xffffffff80000000"],
  ["FFFF800000000000", "0xffff800000000000"],
  ["1ff000", "0x1ff000"],
];

for (const [text, hex] of BARE) {
  Deno.test(`"${text}" is refused, because it may be hex, and the hint says how to write that`, () => {
    const error = assertThrows(() => parseAddress("cr3", text), CliError);
    assertStringIncludes(error.message, `--cr3 ${text}: it must be a hex number with 0x`);
    assertStringIncludes(error.hint ?? "", `--cr3 ${hex} `);
  });
}

Deno.test("a number of bytes ends where physical memory does", () => {
  assertEquals(parseBytes("max-memory", "0x10000000000000"), 2 ** 52);
  assertThrows(() => parseBytes("max-memory", "0x10000000000001"), CliError, "--max-memory 0x10000000000001");
});

Deno.test("a physical address is a whole number of pages", () => {
  assertEquals(parsePages("memory-base", "1M"), 0x10_0000);
  assertThrows(
    () => parsePages("memory-base", "0x1001"),
    CliError,
    "must be a multiple of 4096 (0x1000), such as 0x1000 or 0x2000",
  );
});

Deno.test("what a report prints as a size or an address is read back", () => {
  for (const size of [0, 1, 1023, 1024, 12328, 3 * 2 ** 20, 2 ** 40, 2 ** 52]) {
    assertEquals(parseBytes("max-memory", exactSize(size)), size);
  }
  for (const address of [0n, 0xffff_ffff_8000_0000n]) assertEquals(parseAddress("kernel-base", hex(address)), address);
});

Deno.test("a page's virtual address is canonical (Intel SDM vol. 1, 3.3.7.1)", () => {
  const pages = [0n, 0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_f000n];
  for (const page of pages) assertEquals(parsePageAddress("physical-memory", `${page}`), page);
  for (const hole of [0x8000_0000_0000n, 0xffff_7fff_ffff_f000n]) {
    assertThrows(() => parsePageAddress("physical-memory", `${hole}`), CliError, "must be canonical");
  }
  assertThrows(() => parsePageAddress("physical-memory", `${2n ** 64n}`), CliError, "must fit in 64 bits");
});
