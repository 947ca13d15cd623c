/**
 * From the arguments to the exit status: finds the command, runs it, and tells of what went wrong.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { type Arguments, parseArguments } from "./arguments/parse_arguments.ts";
import { type Command, type CommandName, COMMANDS } from "./arguments/command_table.ts";
import { dumpCore } from "./commands/dump.ts";
import { printError } from "./report/print_error.ts";
import { problemOf } from "./report/problem.ts";
import { commandHelp, generalHelp, helpOn } from "./arguments/help.ts";
import { image } from "./commands/image.ts";
import { inspect } from "./commands/inspect.ts";
import { untilInterrupted } from "./output/interrupt.ts";
import { load } from "./commands/load.ts";
import { plugins } from "./commands/plugins.ts";
import { openOutput, type Output } from "./output/output.ts";
import { run } from "./commands/run.ts";

const WRONG_USAGE = 2;

type Work = (args: Arguments, output: Output, signal: AbortSignal) => Promise<number>;

/** What each command does. */
const WORK: Readonly<Record<CommandName, Work>> = { load, inspect, plugins, image, run, dump: dumpCore };

/**
 * Runs the command line once.
 *
 * @param args The arguments, without the program's name.
 * @returns The exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted; those of `kload run` beside.
 */
export async function main(args: readonly string[]): Promise<number> {
  const output = openOutput(args);
  try {
    return await untilInterrupted((signal) => dispatch(args, output, signal));
  } catch (error) {
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
      await output.printError(generalHelp());
      return WRONG_USAGE;
    case "--help":
    case "-h":
      return print(generalHelp());
    case "help":
      return print(helpOn(rest));
    case "--version":
    case "-V":
      return print(`kload ${config.version}\n`);
  }
  const named = Object.hasOwn(COMMANDS, first);
  const name = named ? first as CommandName : "load";
  const command: Command = COMMANDS[name];
  const own = named ? rest : args;
  if (asksForHelp(own)) return print(commandHelp(command));
  const parsed = parseArguments(command, own);
  return await WORK[name](parsed, output, signal);
}

function asksForHelp(args: readonly string[]): boolean {
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  return flags.includes("--help") || flags.includes("-h");
}
