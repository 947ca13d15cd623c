import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { closest } from "../../cli/arguments/closest.ts";
import { parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { bootFlags } from "../../cli/arguments/boot_options.ts";
import { chooseCommand, DUMP, IMAGE, INSPECT, LOAD, PLUGINS, RUN } from "../../cli/arguments/command_table.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { loadOptions } from "../../cli/arguments/load_options.ts";
import { outputFlags } from "../../cli/arguments/output_flags.ts";

const SORTED: readonly (readonly [string, string, Record<string, string>])[] = [
  ["a.elf", "a.elf", {}],
  ["-", "-", {}],
  ["--json a.elf", "a.elf", {}],
  ["a.elf --json --quiet --no-color", "a.elf", { color: "never" }],
  ["a.elf --color always", "a.elf", { color: "always" }],
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
  ["--json true", "true", {}],
  ["-qj a.elf", "a.elf", {}],
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
  ["", "no FILE, - or URL given"],
  ["--json", "no FILE, - or URL given"],
  ["deno.json b", "Cannot use b: the source is already deno.json"],
  ["- b", "Cannot use b: the source is already -"],
  ["bogus b", "Cannot use bogus: there is no such command or file"],
  ["a --jsno", "Cannot use --jsno: kload load has no such flag"],
  ["a --jsno=1", "Cannot use --jsno: kload load has no such flag"],
  ["a -x", "Cannot use -x: kload load has no such flag"],
  ["a -jx", "Cannot use -jx: kload load has no such flag"],
  ["a -q=1", "Cannot use -q=1: -q takes no value"],
  ["a -qj=1", "Cannot use -j=1: -j takes no value"],
  ["a -q --quiet", "Cannot use --quiet: -q was already given"],
  ["a -qq", "Cannot use -q: it was given 2 times"],
  ["a --color never --no-color", "Cannot use --no-color: --color was already given"],
  ["a --color", "--color: its value (WHEN) is missing"],
  ["a --color sometimes", "Cannot use --color sometimes: it must be one of auto, always, never"],
  ["a --rules defualt", "Cannot use --rules defualt: it must be one of default, bootloader-0.10, bootloader-0.11"],
  ["a --no-json", "Cannot use --no-json"],
  ["a --__proto__=1", "Cannot use --__proto__"],
  ["a --kernel.offset 1", "Cannot use --kernel.offset"],
  ["a --dump", "--dump: its value (FILE) is missing"],
  ["a --dump=", "--dump: its value (FILE) is missing"],
  ["a --dump --json", "--dump: its value (FILE) is missing"],
  ["--dump -- a", "--dump: its value (FILE) is missing"],
  ["a --json --json", "--json: it was given 2 times"],
  ["a --dump x --dump=y", "--dump: it was given 2 times"],
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
  ["a --color alwys", "--color always"],
  ["a --rules defualt", "--rules default"],
  ["a --rules bootlaoder-0.10", "--rules bootloader-0.10"],
  ["inspect a", "The command comes first: kload inspect a"],
  ["inspct a", "Did you mean kload inspect a?"],
  ["--memory-size 4 KiB a", "as one argument: --memory-size 4KiB"],
];

for (const [line, guess] of GUESSES) {
  Deno.test(`load ${line}: the hint is ${guess}`, () => {
    assertStringIncludes(assertThrows(() => parseArguments(LOAD, line.split(" ")), CliError).hint ?? "", guess);
  });
}

const NO_GUESSES: readonly (readonly [string, string])[] = [
  ["a --foo", "kload load --help lists the flags."],
  ["a --gdb", "kload load --help lists the flags."],
  ["a -x", "kload load --help lists the flags."],
  ["bogus b", "kload help lists the commands."],
];

for (const [line, hint] of NO_GUESSES) {
  Deno.test(`load ${line}: nothing is guessed`, () => {
    assertEquals(assertThrows(() => parseArguments(LOAD, line.split(" ")), CliError).hint, hint);
  });
}

Deno.test("a guess differs in a third of its letters at most, or in their order", () => {
  const words = ["load", "inspect", "run"];
  const typed = ["laod", "lod", "inspcet", "inspects", "x", "rum", "rnu", "help", ""];
  assertEquals(typed.map((word) => closest(word, words)), [
    "load",
    "load",
    "inspect",
    "inspect",
    undefined,
    "run",
    "run",
    undefined,
    undefined,
  ]);
});

Deno.test("an empty argument is named as one", () => {
  const message = (args: readonly string[], command = LOAD) => {
    return assertThrows(() => parseArguments(command, args), CliError).message;
  };
  assertEquals(message([""]), "Cannot load anything: the source is empty");
  assertEquals(message(["deno.json", ""]), 'Cannot use "": the source is already deno.json');
  assertEquals(message([""], PLUGINS), 'Cannot use "": kload plugins takes no file');
});

Deno.test("switches are known by their short names, joined or not", () => {
  const { source, switches } = parseArguments(LOAD, ["-q", "a.elf", "-jv", "--strict"]);
  assertEquals([source, [...switches].toSorted()], ["a.elf", ["json", "quiet", "strict", "verbose"]]);
});

for (const args of [["-o", "b"], ["-ob"], ["-o=b"], ["--output", "b"], ["-qo", "b"], ["-qob"]]) {
  Deno.test(`image ${args.join(" ")}: the output is b`, () => {
    assertEquals(parseArguments(IMAGE, ["a.elf", ...args]).values.get("output"), "b");
  });
}

Deno.test("the flags of run, image and dump say what a kernel gets besides its segments", () => {
  const line = "a.elf --stack-size 64K --physical-memory --identity --framebuffer 1024x768 --ramdisk initrd.img";
  for (const command of [RUN, IMAGE, DUMP]) {
    assertEquals(bootFlags(parseArguments(command, line.split(" "))), {
      stackSize: 0x1_0000,
      physicalMemory: { address: undefined },
      identity: true,
      framebuffer: { width: 1024, height: 768 },
      ramdisk: "initrd.img",
    });
    assertEquals(bootFlags(parseArguments(command, ["a.elf"])), {
      stackSize: undefined,
      physicalMemory: undefined,
      identity: false,
      framebuffer: undefined,
      ramdisk: undefined,
    });
  }
  const placed = parseArguments(RUN, ["--physical-memory=0xffff_8000_0000_0000", "a.elf"]);
  assertEquals(bootFlags(placed).physicalMemory, { address: 0xffff_8000_0000_0000n });
});

const UNFIT: readonly (readonly [string, string])[] = [
  ["--stack-size 0", "must be at least 4096"],
  ["--stack-size 5000", "must be a multiple of 4096 (0x1000), such as 0x1000 or 0x2000"],
  ["--physical-memory=0x1001", "must be a multiple of 4096 (0x1000), such as 0x1000 or 0x2000"],
  ["--physical-memory=0x800000000000", "must be canonical"],
  ["--physical-memory=here", "must be a decimal or hex number"],
  ["--physical-memory=", "its value (ADDRESS) is missing"],
  ["--framebuffer 1024", "must be WIDTHxHEIGHT in pixels, such as 1024x768"],
  ["--framebuffer 15x768", "from 16x16 to 16000x12000"],
  ["--framebuffer 1024x99999", "from 16x16 to 16000x12000"],
  ["--framebuffer -1x5", "must be WIDTHxHEIGHT"],
];

for (const [line, message] of UNFIT) {
  Deno.test(`run ${line}: the error names the flag, the value and what fits`, () => {
    const error = assertThrows(() => bootFlags(parseArguments(RUN, ["a.elf", ...line.split(" ")])), CliError);
    assertStringIncludes(error.message, message);
    const [flag, value] = line.split(/[ =]/);
    assertStringIncludes(error.message, `Cannot use ${flag}${value === "" ? ":" : ` ${value}: `}`);
  });
}

Deno.test("what follows --physical-memory is its value only if it is a number", () => {
  const address = "0xffff_8000_0000_0000";
  const given = parseArguments(RUN, ["--physical-memory", address, "a.elf"]);
  assertEquals([given.source, given.values.get("physical-memory")], ["a.elf", address]);
  const left = parseArguments(RUN, ["--physical-memory", "a.elf"]);
  assertEquals([left.source, left.values.get("physical-memory"), [...left.switches]], ["a.elf", undefined, [
    "physical-memory",
  ]]);
  const { hint } = assertThrows(() => parseArguments(RUN, ["--physical-memory", "here", "a.elf"]), CliError);
  assertStringIncludes(hint ?? "", "--physical-memory=here");
});

Deno.test("the first argument is a command, or what load is to load", () => {
  assertEquals(chooseCommand(["inspect", "a"]), { name: "inspect", own: ["a"] });
  assertEquals(chooseCommand(["a", "inspect"]), { name: "load", own: ["a", "inspect"] });
  assertEquals(chooseCommand(["constructor"]), { name: "load", own: ["constructor"] });
  assertEquals(chooseCommand([]), { name: "load", own: [] });
});

const OUTPUT_FLAGS: readonly (readonly [string, string])[] = [
  ["a.elf", "auto"],
  ["a.elf --jsno -qj", "json quiet auto"],
  ["a.elf -v --color always", "verbose always"],
  ["a.elf --no-color", "never"],
  ["a.elf --color sometimes", "auto"],
  ["a.elf --dump -j", "json auto"],
  ["-- --json --quiet", "auto"],
  ["--plugin=--json", "auto"],
];

for (const [line, expected] of OUTPUT_FLAGS) {
  Deno.test(`load ${line}: output is ${expected}, whatever else is wrong`, () => {
    const { json, quiet, verbose, color } = outputFlags(LOAD, line.split(" "));
    const words = [json ? "json" : "", quiet ? "quiet" : "", verbose ? "verbose" : "", color];
    assertEquals(words.filter(Boolean).join(" "), expected);
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

for (const [flag, least] of [["memory-size", 4096], ["max-memory", 1]] as const) {
  Deno.test(`--${flag} 0 is refused with the least that fits`, () => {
    const message = `Cannot use --${flag} 0: it must be at least ${least}`;
    assertThrows(() => loadOptions(new Map([[flag, "0"]])), CliError, message);
  });
}

Deno.test("a kernel base has no more than 64 bits", () => {
  assertThrows(() => loadOptions(new Map([["kernel-base", "0x10000000000000000"]])), CliError, "must fit in 64 bits");
});
