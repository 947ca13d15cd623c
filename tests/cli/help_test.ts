import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { COMMANDS } from "../../cli/arguments/command_table.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { commandHelp, generalHelp, helpOn } from "../../cli/arguments/help.ts";
import { loadOptions } from "../../cli/arguments/load_options.ts";
import { HELLO, kload } from "./kload.ts";

for (const command of Object.values(COMMANDS)) {
  Deno.test(`the help of ${command.name} names every flag and stays within 110 columns`, () => {
    const help = commandHelp(command);
    for (const { name, text } of command.flags) {
      assertStringIncludes(help, `--${name}`);
      assertStringIncludes(help, text);
    }
    for (const line of help.split("\n")) assert(line.length <= 110, line);
  });

  Deno.test(`the examples of ${command.name} are right`, () => {
    for (const [line] of command.examples) {
      const [, after] = line.split("kload ");
      const args = after.split(" ").filter((word, at) => at > 0 || word !== command.name);
      loadOptions(parseArguments(command, args).values);
    }
  });
}

Deno.test("help with a command's name is that command's help", () => {
  assertEquals(helpOn([]), generalHelp());
  assertEquals(helpOn(["load"]), commandHelp(COMMANDS.load));
  assertEquals(helpOn(["inspect"]), commandHelp(COMMANDS.inspect));
});

Deno.test("help refuses what is no command, and two of them", () => {
  assertStringIncludes(assertThrows(() => helpOn(["laod"]), CliError, "laod").hint ?? "", "kload help load");
  assertThrows(() => helpOn(["load", "inspect"]), CliError, "inspect");
});

const RUNS: readonly (readonly [readonly string[], number, string, string])[] = [
  [[], 2, "", "Usage: kload"],
  [["--help"], 0, "Usage: kload [load]", ""],
  [["-h"], 0, "Usage: kload [load]", ""],
  [["help"], 0, "Usage: kload [load]", ""],
  [["help", "load"], 0, "Usage: kload load", ""],
  [["load", "--help"], 0, "Usage: kload load", ""],
  [["inspect", HELLO, "-h"], 0, "Usage: kload inspect", ""],
  [["help", "nothing"], 2, "", "error[usage]: Cannot help with nothing"],
];

for (const [args, status, stdout, stderr] of RUNS) {
  Deno.test(`kload ${args.map((arg) => arg === HELLO ? "FILE" : arg).join(" ")} exits with ${status}`, async () => {
    const run = await kload(args, { permissions: [] });
    assertEquals(run.status, status);
    assertEquals([run.stdout === "", run.stderr === ""], [stdout === "", stderr === ""]);
    assertStringIncludes(run.stdout, stdout);
    assertStringIncludes(run.stderr, stderr);
  });
}

Deno.test("kload --version prints the version of the package", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(await kload(["--version"], { permissions: [] }), {
    status: 0,
    stdout: `kload ${version}\n`,
    stderr: "",
  });
});
