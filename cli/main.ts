/**
 * The command line from arguments to exit status: finds the command, runs it, and reports what went wrong.
 *
 * A command's modules are imported only when it runs, so that help and usage errors are fast.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
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
  plugins: async () => (await import("./commands/plugins.ts")).plugins,
  image: async () => (await import("./commands/image.ts")).image,
  run: async () => (await import("./commands/run.ts")).run,
  dump: async () => (await import("./commands/dump.ts")).dumpCore,
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
    return await untilInterrupted((signal) => dispatch(args, output, signal));
  } catch (error) {
    const { printError } = await import("./report/print_error.ts");
    const { problemOf } = await import("./report/problem.ts");
    return await printError(problemOf(error), output);
  }
}

async function dispatch(args: readonly string[], output: Output, signal: AbortSignal): Promise<number> {
  const [first, ...rest] = args;
  const print = async (text: string): Promise<number> => {
    await output.print(text);
    return 0;
  };
  switch (first) {
    case undefined:
      await output.printError(generalHelp(output.paintError.width));
      return WRONG_USAGE;
    case "--help":
    case "-h":
      return print(generalHelp(output.paint.width));
    case "help":
      return print(helpOn(rest, output.paint.width));
    case "--version":
    case "-V":
      return print(`kload ${config.version}\n`);
  }
  const { name, own } = chooseCommand(args);
  if (asksForHelp(own)) return print(commandHelp(COMMANDS[name], output.paint.width));
  const parsed = parseArguments(COMMANDS[name], own);
  const work = await WORK[name]();
  return await work(parsed, output, signal);
}

function asksForHelp(args: readonly string[]): boolean {
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  return flags.includes("--help") || flags.includes("-h");
}
