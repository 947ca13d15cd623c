/**
 * The command line from arguments to exit status: finds the command, runs it, and reports what went wrong.
 *
 * What every command needs is imported at the start. The rest is imported when it is needed, each command by one
 * import, because an import at run time costs as much as ten more modules at the start.
 *
 * @module
 */

import { chooseCommand, type CommandName, COMMANDS } from "./arguments/command_table.ts";
import { commandHelp, generalHelp, helpOn } from "./arguments/help.ts";
import { outputFlags } from "./arguments/output_flags.ts";
import { type Arguments, parseArguments } from "./arguments/parse_arguments.ts";
import { untilInterrupted } from "./output/interrupt.ts";
import { openOutput, type Output } from "./output/output.ts";

const WRONG_USAGE = 2;

type Work = (args: Arguments, output: Output, signal: AbortSignal) => Promise<number>;

/** Imports each command. */
const WORK: Readonly<Record<CommandName, () => Promise<Work>>> = {
  load: async () => (await import("./commands/load.ts")).load,
  inspect: async () => (await import("./commands/inspect.ts")).inspect,
  check: async () => (await import("./commands/check.ts")).check,
  map: async () => (await import("./commands/map.ts")).map,
  walk: async () => (await import("./commands/walk.ts")).walk,
  diff: async () => (await import("./commands/diff.ts")).diff,
  plugins: async () => (await import("./commands/plugins.ts")).plugins,
  image: async () => (await import("./commands/image.ts")).image,
  run: async () => (await import("./commands/run.ts")).run,
  dump: async () => (await import("./commands/dump.ts")).dumpCore,
  explain: async () => (await import("./commands/explain.ts")).explain,
};

/**
 * Runs the command line once.
 *
 * @param args The arguments, without the program's name.
 * @returns The exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted; `kload run` has more.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { name, own } = chooseCommand(args);
  const output = openOutput(outputFlags(COMMANDS[name], own));
  try {
    const text = await textAskedFor(args, output);
    if (text !== undefined) {
      await output.print(text);
      return 0;
    }
    if (args.length === 0) {
      await output.printError(generalHelp(output.paintError.width));
      return WRONG_USAGE;
    }
    const parsed = parseArguments(COMMANDS[name], own);
    return await untilInterrupted(async (signal) => await (await WORK[name]())(parsed, output, signal));
  } catch (error) {
    const { printError } = await import("./report/print_error.ts");
    const { problemOf } = await import("./report/problem.ts");
    return await printError(problemOf(error), output);
  }
}

/** Help or the version, if the arguments ask for that. */
async function textAskedFor(args: readonly string[], { paint: { width } }: Output): Promise<string | undefined> {
  const [first, ...rest] = args;
  switch (first) {
    case "--help":
    case "-h":
      return generalHelp(width);
    case "help":
      return helpOn(rest, width);
    case "--version":
    case "-V": {
      const { default: config } = await import("../deno.json", { with: { type: "json" } });
      return `kload ${config.version}\n`;
    }
  }
  const { name, own } = chooseCommand(args);
  return asksForHelp(own) ? commandHelp(COMMANDS[name], width) : undefined;
}

function asksForHelp(args: readonly string[]): boolean {
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  return flags.includes("--help") || flags.includes("-h");
}
