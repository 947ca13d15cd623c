/** The flags that name foreign page tables. */

import { assertEquals, assertThrows } from "@std/assert";
import { FOREIGN_FLAGS, type ForeignSource, foreignSources } from "../../../cli/arguments/foreign_tables.ts";
import type { Flag } from "../../../cli/arguments/flag.ts";
import { parseArguments } from "../../../cli/arguments/parse_arguments.ts";
import { CliError } from "../../../cli/output/cli_error.ts";

/** Parses a line for a command that takes each flag once, or several times. */
function parse(line: string, repeats = false): readonly ForeignSource[] {
  const flags: readonly Flag[] = repeats ? FOREIGN_FLAGS.map((flag) => ({ ...flag, repeats: true })) : FOREIGN_FLAGS;
  const command = { name: "map", summary: "", about: "", flags, takesSource: false as const, examples: [] };
  return foreignSources(parseArguments(command, line.split(" ").filter(Boolean)));
}

const LOCAL = { transport: "tcp", hostname: "localhost", port: 1234 } as const;

const LINES: readonly (readonly [line: string, sources: readonly ForeignSource[]])[] = [
  ["", []],
  ["--memory a.bin", [{ memory: "a.bin", base: undefined, cr3: undefined, levels: undefined }]],
  [
    "--memory a.bin --base 1M --cr3 0x1ff000 --levels 5",
    [{ memory: "a.bin", base: 0x10_0000, cr3: 0x1f_f000, levels: 5 }],
  ],
  // A PCID, PWT and PCD are no part of the address, nor are the flags of LAM and of the PCID.
  [
    "--memory a --cr3 0xe00000000010001f",
    [{ memory: "a", base: undefined, cr3: 0x10_0000, cr3Value: 0xe000_0000_0010_001fn, levels: undefined }],
  ],
  ["--gdb localhost:1234 --levels 4", [{ gdb: LOCAL, cr3: undefined, levels: 4 }]],
  ...["--gdb :1234", "--gdb 1234", "--gdb tcp::1234", "--gdb tcp:localhost:1234,server=on"].map((line) => {
    return [line, [{ gdb: LOCAL, cr3: undefined, levels: undefined }]] as const;
  }),
  ["--gdb [::1]:99", [{ gdb: { transport: "tcp", hostname: "::1", port: 99 }, cr3: undefined, levels: undefined }]],
  ...["--gdb unix:./gdb,server=on,wait=off", "--gdb ./gdb"].map((line) => {
    return [line, [{ gdb: { transport: "unix", path: "./gdb" }, cr3: undefined, levels: undefined }]] as const;
  }),
];

Deno.test("the flags of foreign page tables are read", () => {
  for (const [line, sources] of LINES) assertEquals(parse(line), sources, line);
});

Deno.test("a command with two sides takes each flag once for both, or once for each", () => {
  const [first, second] = parse("--memory a --memory b --cr3 0x1000 --base 4K --base 8K", true);
  assertEquals([first, second], [
    { memory: "a", base: 0x1000, cr3: 0x1000, levels: undefined },
    { memory: "b", base: 0x2000, cr3: 0x1000, levels: undefined },
  ]);
  assertEquals(parse("--memory a --gdb :1234 --levels 5", true).map(({ memory, levels }) => [memory, levels]), [[
    "a",
    5,
  ], [
    undefined,
    5,
  ]]);
});

const REFUSED: readonly (readonly [line: string, message: string])[] = [
  ["--cr3 0x1000", "Cannot use --cr3: it is for page tables in a dump or a running QEMU, and none are given"],
  ["--base 0", "Cannot use --base: it is for page tables in a dump or a running QEMU, and none are given"],
  [
    "--memory a --cr3 0xffff888000100000",
    "Cannot use --cr3 0xffff888000100000: it must be a physical address, below 2^52",
  ],
  ["--memory a --cr3 x", "Cannot use --cr3 x: it must be a decimal or hex number"],
  ["--memory a --base 5", "Cannot use --base 5: it must be a multiple of 4096"],
  ["--memory a --levels 3", "Cannot use --levels 3: it must be one of 4, 5"],
  ["--gdb localhost", "Cannot use --gdb localhost: it must be HOST:PORT"],
  ["--gdb localhost:0", "Cannot use --gdb localhost:0: it must be HOST:PORT"],
  ["--gdb localhost:65536", "Cannot use --gdb localhost:65536: it must be HOST:PORT"],
  ["--gdb a:b:1", "Cannot use --gdb a:b:1: it must be HOST:PORT"],
];

Deno.test("flags of foreign page tables that are malformed, or about nothing, are refused", () => {
  for (const [line, message] of REFUSED) assertThrows(() => parse(line), CliError, message);
  assertThrows(
    () => parse("--memory a --cr3 1 --cr3 2", true),
    CliError,
    "Cannot use --cr3 2 times: there is 1 dump or QEMU",
  );
  assertThrows(() => parse("--memory a --memory b --memory c --cr3 1 --cr3 2", true), CliError, "there are 3");
});
