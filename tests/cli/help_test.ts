import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { COMMANDS } from "../../cli/arguments/command_table.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { commandHelp, generalHelp, helpOn } from "../../cli/arguments/help.ts";
import { bootFlags } from "../../cli/arguments/boot_options.ts";
import { loadOptions } from "../../cli/arguments/load_options.ts";
import { gzip, HELLO, kload, pathOf, withFolder } from "./kload.ts";

for (const command of Object.values(COMMANDS)) {
  Deno.test(`the help of ${command.name} has every flag with its default, and folds to the terminal's width`, () => {
    const text = commandHelp(command).replaceAll(/\s+/g, " ");
    for (const { name, short, value, optional, text: what, fallback, replacedBy } of command.flags) {
      if (replacedBy !== undefined) assertEquals(text.includes(`--${name}`), false);
      if (replacedBy !== undefined) continue;
      const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
      const spelled = value === undefined ? names : optional ? `${names}[=${value}]` : `${names} ${value}`;
      assertStringIncludes(text, ` ${spelled} ${what}${fallback === undefined ? "" : ` (default: ${fallback})`}`);
    }
    const whole = command.examples.map(([line]) => `  ${line}`);
    for (const width of [200, 100, 80, 60, 40]) {
      const lines = commandHelp(command, width).split("\n");
      for (const line of lines) assert(line.length <= Math.min(width, 100) || whole.includes(line), line);
      for (const line of whole) assert(lines.some((shown) => shown === line || shown.startsWith(`${line}  `)), line);
    }
  });

  Deno.test(`no two flags of ${command.name} share a name`, () => {
    const names = command.flags.flatMap(({ name, short }) => short === undefined ? [name] : [name, short]);
    assertEquals(names.filter((name, at) => names.indexOf(name) < at), []);
  });

  Deno.test(`the examples of ${command.name} are right`, () => {
    for (const [line] of command.examples) {
      const [, after] = line.split("kload ");
      const args = after.split(" ").filter((word, at) => at > 0 || word !== command.name);
      const parsed = parseArguments(command, args);
      loadOptions(parsed.values);
      bootFlags(parsed);
    }
  });
}

Deno.test("the general help folds to the terminal's width", () => {
  for (const width of [100, 60, 40]) {
    for (const line of generalHelp(width).split("\n")) assert(line.length <= width, line);
  }
});

Deno.test("the help of run names its own exit statuses in its last line too", () => {
  const last = commandHelp(COMMANDS.run).replaceAll("\n", " ").split("Exit status: ").at(-1) ?? "";
  for (
    const status of ["0 success", "1 refused", "2 wrong usage", "3 triple fault", "124 timeout", "130 interrupted"]
  ) assertStringIncludes(last, status);
});

Deno.test("the help of --kernel-base says that it is added", () => {
  assertStringIncludes(commandHelp(COMMANDS.load), "Added to every p_vaddr");
});

Deno.test("the examples of load, inspect, walk, plugins and dump work", async () => {
  await withFolder(async (folder) => {
    const hello = await Deno.readFile(HELLO);
    await Deno.writeFile(`${folder}/kernel.elf`, hello);
    await Deno.writeFile(`${folder}/vmlinux.gz`, await gzip(hello));
    await Deno.copyFile(pathOf("examples/hello/hello-pie.elf"), `${folder}/pie.elf`);
    await Deno.copyFile(pathOf("examples/custom_handler.ts"), `${folder}/mine.ts`);
    await kload([HELLO, "--level4-frame", "0x1000", "--dump", `${folder}/memory.bin`]);
    const { load, inspect, walk, plugins, dump } = COMMANDS;
    for (const { name, examples } of [load, inspect, walk, plugins, dump]) {
      for (const [line] of examples.filter(([line]) => !/https?:|\||--gdb/.test(line))) {
        const { status, stderr } = await kload(line.split(" ").slice(1), { cwd: folder });
        assertEquals([status, stderr], [0, ""], `${name}: ${line}`);
      }
    }
  });
});

interface Graph {
  readonly roots: readonly string[];
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly { readonly isDynamic?: true; readonly code?: { readonly specifier: string } }[];
  }[];
}

Deno.test("help loads neither a command nor the loader", async () => {
  const args = ["info", "--json", "--config", pathOf("deno.json"), pathOf("cli.ts")];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "null" }).output();
  const { roots, modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const loaded = new Set(roots);
  for (const specifier of loaded) { // a set that grows while it is gone through
    const { dependencies = [] } = modules.find((module) => module.specifier === specifier) ?? {};
    for (const { isDynamic, code } of dependencies) if (!isDynamic && code) loaded.add(code.specifier);
  }
  const root = new URL("../../", import.meta.url).href; // whose own name may be one of these
  const own = [...loaded].filter((specifier) => !specifier.includes("/std/"))
    .map((specifier) => specifier.replace(root, "/")).join("\n");
  assertStringIncludes(own, "cli/arguments/help.ts");
  for (const absent of ["/mod.ts", "core/load_kernel.ts", "plugins/", "boot/", "cli/commands/", "cli/report/"]) {
    assertEquals(own.includes(absent), false, absent);
  }
});

Deno.test("help with a command's name is that command's help", () => {
  assertEquals(helpOn([]), generalHelp());
  assertEquals(helpOn(["help"]), generalHelp());
  assertEquals(helpOn(["load"]), commandHelp(COMMANDS.load));
  assertEquals(helpOn(["inspect"]), commandHelp(COMMANDS.inspect));
});

Deno.test("help refuses what is no command, and two of them", () => {
  assertStringIncludes(assertThrows(() => helpOn(["laod"]), CliError, "laod").hint ?? "", "kload help load");
  const { hint } = assertThrows(() => helpOn(["x"]), CliError);
  assertEquals(hint, "The commands are load, inspect, check, map, walk, diff, plugins, image, run, dump and explain.");
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
  [["plugins", "--help"], 0, "Usage: kload plugins [FLAGS]", ""],
  [["run", "--help"], 0, "--physical-memory[=ADDRESS]", ""],
  [["check", "--help"], 0, "Usage: kload check FILE|-|URL [FLAGS]", ""],
  [["explain", "--help"], 0, "Usage: kload explain [CODE] [FLAGS]", ""],
  [["walk", "--help"], 0, "Usage: kload walk FILE ADDRESS [FLAGS]", ""],
  [["diff", "--help"], 0, "Usage: kload diff [A] [B] [FLAGS]", ""],
  [["help", "nothing"], 2, "", "error[usage]: Cannot show help for nothing"],
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
  for (const flag of ["--version", "-V"]) {
    const expected = { status: 0, stdout: `kload ${version}\n`, stderr: "" };
    assertEquals(await kload([flag], { permissions: [] }), expected);
  }
});
