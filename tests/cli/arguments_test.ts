import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { INSPECT, LOAD } from "../../cli/arguments/command_table.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { loadOptions } from "../../cli/arguments/load_options.ts";

const SORTED: readonly (readonly [string, string, Record<string, string>])[] = [
  ["a.elf", "a.elf", {}],
  ["-", "-", {}],
  ["--json a.elf", "a.elf", {}],
  ["a.elf --json --quiet --no-color", "a.elf", {}],
  ["--rules default a.elf", "a.elf", { rules: "default" }],
  ["--rules=default a.elf", "a.elf", { rules: "default" }],
  ["a.elf --dump=x=y", "a.elf", { dump: "x=y" }],
  ["a.elf --dump -", "a.elf", { dump: "-" }],
  ["--dump - a.elf", "a.elf", { dump: "-" }],
  ["--dump=- -", "-", { dump: "-" }],
  ["a.elf --kernel-offset -5", "a.elf", { "kernel-offset": "-5" }],
  ["--json 12", "12", {}],
  ["-- --json", "--json", {}],
  ["--quiet -- -", "-", {}],
  ["--json true", "./true", {}],
  ["true --json", "true", {}],
  ["--dump true a.elf", "a.elf", { dump: "true" }],
];

for (const [line, source, values] of SORTED) {
  Deno.test(`load ${line}: the source is ${source}`, () => {
    const parsed = parseArguments(LOAD, line.split(" "));
    assertEquals(parsed.source, source);
    assertEquals(Object.fromEntries(parsed.values), values);
  });
}

const REFUSED: readonly (readonly [string, string])[] = [
  ["", "there is no FILE"],
  ["--json", "there is no FILE"],
  ["a b", "Cannot use b: a is the source already"],
  ["a --jsno", "Cannot use --jsno: kload load has no such flag"],
  ["a --jsno=1", "Cannot use --jsno: kload load has no such flag"],
  ["a -j", "Cannot use -j"],
  ["a -jq", "Cannot use -jq"],
  ["a --no-json", "Cannot use --no-json"],
  ["a --__proto__=1", "Cannot use --__proto__"],
  ["a --kernel.offset 1", "Cannot use --kernel.offset"],
  ["a --dump", "--dump: its value FILE is missing"],
  ["a --dump=", "--dump: its value FILE is missing"],
  ["a --dump --json", "--dump: its value FILE is missing"],
  ["--dump -- a", "--dump: its value FILE is missing"],
  ["a --json --json", "--json: it is given 2 times"],
  ["a --dump x --dump=y", "--dump: it is given 2 times"],
  ["a --json=true", "--json takes no value"],
  ["a --no-color=1", "--no-color takes no value"],
];

for (const [line, message] of REFUSED) {
  Deno.test(`load ${line || "without arguments"}: ${message}`, () => {
    const error = assertThrows(() => parseArguments(LOAD, line === "" ? [] : line.split(" ")), CliError);
    assertEquals(error.code, "usage");
    assertStringIncludes(error.message, message);
  });
}

const GUESSES: readonly (readonly [string, string])[] = [
  ["a --jsno", "--json"],
  ["a --kernel-ofset 1", "--kernel-offset"],
  ["a --memory-sise 1M", "--memory-size"],
  ["inspect a", "The command comes first: kload inspect a"],
];

for (const [line, guess] of GUESSES) {
  Deno.test(`load ${line}: the hint is ${guess}`, () => {
    assertStringIncludes(assertThrows(() => parseArguments(LOAD, line.split(" ")), CliError).hint ?? "", guess);
  });
}

Deno.test("inspect refuses the flags of load", () => {
  assertThrows(() => parseArguments(INSPECT, ["a", "--rules", "default"]), CliError, "kload inspect has no such flag");
});

Deno.test("the flags of load are the options of the loader", () => {
  const values = new Map([
    ["rules", "bootloader-0.10"],
    ["memory-base", "0x10000000"],
    ["memory-size", "1G"],
    ["kernel-offset", "0x10001000"],
    ["level4-frame", "0x10000000"],
    ["kernel-base", "0xffffffff80000000"],
    ["max-memory", "8G"],
  ]);
  assertEquals(loadOptions(values), {
    rules: "bootloader-0.10",
    memory: { base: 0x1000_0000, size: 2 ** 30 },
    kernelOffset: 0x1000_1000,
    level4Frame: 0x1000_0000,
    kernelBase: 0xffff_ffff_8000_0000n,
    maxMemory: 2 ** 33,
  });
});

Deno.test("an unknown rule set is refused with a guess", () => {
  const error = assertThrows(() => loadOptions(new Map([["rules", "bootlaoder-0.10"]])), CliError);
  assertStringIncludes(error.hint ?? "", "bootloader-0.10");
});

Deno.test("a kernel base has no more than 64 bits", () => {
  assertThrows(() => loadOptions(new Map([["kernel-base", "0x10000000000000000"]])), CliError, "more than 64 bits");
});
