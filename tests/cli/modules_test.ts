/**
 * What a command line imports, as V8 logs it: each module costs start-up time, and an import in the wrong place brings in
 * dozens. A module that is new on a path is added to its list here, for a reason.
 */

import { assert, assertEquals } from "@std/assert";
import { HELLO, pathOf, withFolder } from "./kload.ts";

/** The modules that a command line imports: paths in the project, and the names of Deno's own and of packages. */
async function modulesOf(args: readonly string[], program = pathOf("cli.ts")): Promise<readonly string[]> {
  const modules: string[] = [];
  await withFolder(async (folder) => {
    const log = `${folder}/v8.log`;
    const flags = `--v8-flags=--log-function-events,--no-logfile-per-isolate,--logfile=${log}`;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", "-A", "--config", pathOf("deno.json"), flags, program, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    assert(success);
    const root = new URL("../../", import.meta.url).href;
    for (const [, logged] of (await Deno.readTextFile(log)).matchAll(/^script-details,\d+,([^,]+),/gm)) {
      const url = logged.replaceAll("\\x2C", ",");
      modules.push(url.startsWith(root) ? url.slice(root.length) : url);
    }
  });
  return [...new Set(modules)].sort();
}

/** What a program imports that sets a timer. */
async function modulesOfTimers(): Promise<readonly string[]> {
  let modules: readonly string[] = [];
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/timer.js`, "setTimeout(() => {});");
    modules = (await modulesOf([], `${folder}/timer.js`)).filter((module) => /^node:|^ext:deno_node\//.test(module));
  });
  return modules;
}

/** What every command line needs: help is data, and needs nothing else. */
const ALWAYS = [
  "cli.ts",
  "cli/arguments/check_commands.ts",
  "cli/arguments/choice.ts",
  "cli/arguments/closest.ts",
  "cli/arguments/command_table.ts",
  "cli/arguments/diff_command.ts",
  "cli/arguments/foreign_tables.ts",
  "cli/arguments/help.ts",
  "cli/arguments/map_command.ts",
  "cli/arguments/numbers.ts",
  "cli/arguments/output_flags.ts",
  "cli/arguments/parse_arguments.ts",
  "cli/arguments/shared_flags.ts",
  "cli/arguments/tokens.ts",
  "cli/arguments/walk_command.ts",
  "cli/main.ts",
  "cli/output/cli_error.ts",
  "cli/output/color.ts",
  "cli/output/interrupt.ts",
  "cli/output/output.ts",
  "cli/output/page.ts",
  "cli/output/paint.ts",
  "cli/output/text.ts",
];

/** What reading a file by the default rules needs, besides the loader in core/. */
const READING = [
  "cli/arguments/built_in_plugins.ts",
  "cli/arguments/plugin_choice.ts",
  "cli/commands/program_of.ts",
  "cli/commands/load_by_preset.ts",
  "cli/input/content.ts",
  "cli/input/peek_types.ts",
  "cli/input/random_file.ts",
  "cli/input/rewindable_reader.ts",
  "cli/input/source.ts",
  "cli/output/permission_flag.ts",
  "cli/output/same_file.ts",
  "cli/output/shell_quote.ts",
  "cli/output/table.ts",
  "cli/report/diagnostics.ts",
  "cli/report/file_facts.ts",
  "cli/report/headers_table.ts",
  "cli/report/report_parts.ts",
  "formats/bzimage/setup_header.ts",
  "formats/head.ts",
  "formats/input/chunk_reader.ts",
  "formats/input/peek.ts",
  "formats/rows/containers.ts",
  "plugins/stack.ts",
  "plugins/stack/diagnostics.ts",
];

const INSPECT = [
  "cli/commands/examine_file.ts",
  "cli/commands/inspect.ts",
  "cli/commands/inspect_file.ts",
  "cli/output/format_advice.ts",
  "cli/report/inspect_report.ts",
  "cli/report/refusal_of.ts",
  "loaders/load/refusal_text.ts",
];

const LOAD = [
  "cli/arguments/load_options.ts",
  "cli/arguments/read_value.ts",
  "cli/commands/load.ts",
  "cli/commands/recognize_loaded.ts",
  "cli/report/built_in_results.ts",
  "cli/report/describe_results.ts",
  "cli/report/load_report.ts",
  "cli/report/owner_text.ts",
  "cli/report/readable.ts",
  "cli/report/segment_outcomes.ts",
];

const RELOCATING = [
  "plugins/relocate.ts",
  "plugins/relocate/apply_rela.ts",
  "plugins/relocate/apply_relative.ts",
  "plugins/relocate/apply_relr.ts",
  "plugins/relocate/choose_base.ts",
  "plugins/relocate/diagnostics.ts",
  "plugins/relocate/dynamic_headers.ts",
  "plugins/relocate/find_symbol.ts",
  "plugins/relocate/relocation_tables.ts",
  "plugins/relocate/relocation_target.ts",
  "plugins/relocate/relocation_types.ts",
  "plugins/relocate/repeated_tables.ts",
  "plugins/relro.ts",
  "plugins/relro/diagnostics.ts",
  "plugins/relro/page_ranges.ts",
  "plugins/relro/seal_pages.ts",
];

/** The loader's own modules, and the package that core/ may import, are for core/ to choose. */
const isLoader = (module: string): boolean => /^core\/|^(links\/std|npm:|file:.*)\/.*\bbytes\//.test(module);

/** The most modules of the loader that a load may import. */
const MOST_OF_LOADER = 94;

/** The recognizers of boot protocols come together, in 1 to 3 ms. */
const isProtocol = (module: string): boolean => /^protocols\//.test(module);
const MOST_OF_PROTOCOLS = 26;

const PATHS: readonly (readonly [args: readonly string[], modules: readonly string[]])[] = [
  [["--help"], ALWAYS],
  [["help", "load"], ALWAYS],
  [["run", "--help"], ALWAYS],
  [["--version"], ALWAYS],
  [["inspect", HELLO], [...ALWAYS, ...READING, ...INSPECT]],
  [["load", HELLO], [...ALWAYS, ...READING, ...LOAD]],
  [["load", pathOf("examples/hello/hello-pie.elf")], [...ALWAYS, ...READING, ...LOAD, ...RELOCATING]],
];

for (const [args, allowed] of PATHS) {
  const line = args.map((arg) => arg.replace(/^.*\//, "")).join(" ");
  Deno.test(`kload ${line} imports these modules, and nothing of Node`, async () => {
    const modules = await modulesOf(args);
    const own = modules.filter((module) => !module.startsWith("ext:") && module !== "node:timers");
    assertEquals(own.filter((module) => !isLoader(module) && !isProtocol(module)), [...allowed].sort());
    const [most, mostOfProtocols] = allowed.includes("cli/input/source.ts")
      ? [MOST_OF_LOADER, MOST_OF_PROTOCOLS]
      : [0, 0];
    const [loader, protocols] = [own.filter(isLoader), own.filter(isProtocol)];
    assert(loader.length <= most, `${loader.length} modules of the loader`);
    assert(protocols.length <= mostOfProtocols, `${protocols.length} modules of boot protocols`);
    // Deno's own layer for Node, which costs 5 to 13 ms; this one module of it is in every program.
    const node = modules.filter((module) => /^node:|^ext:deno_node\//.test(module));
    // On a busy machine, a load takes long enough to pause, and Deno loads its timers.
    if (node.includes("node:timers")) return assertEquals(node, await modulesOfTimers());
    assertEquals(node, ["ext:deno_node/02_register_cloneable.js"]);
  });
}

Deno.test("kload walk imports the disassembler for code alone, and nothing of Node for it", async () => {
  const disassembler = ["cli/input/disassembler.ts", "cli/input/iced_wasm.js", "explain/instructions/iced.ts"];
  const used = (modules: readonly string[]) => modules.filter((module) => disassembler.includes(module));
  assertEquals(used(await modulesOf(["walk", HELLO, "constants"])), []);
  const modules = await modulesOf(["walk", HELLO, "kernel_main"]);
  assertEquals(used(modules), disassembler);
  const node = modules.filter((module) => /^node:|^ext:deno_node\//.test(module));
  const timers = node.includes("node:timers"); // a busy machine has Deno load them
  assertEquals(node, timers ? await modulesOfTimers() : ["ext:deno_node/02_register_cloneable.js"]);
});
