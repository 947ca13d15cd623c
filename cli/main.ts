/**
 * From the arguments to the exit status: finds the command, runs it, and tells of what went wrong.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { parseArguments } from "./arguments.ts";
import { type Command, type CommandName, COMMANDS, INSPECT, LOAD, PLUGINS } from "./commands.ts";
import { problemOf } from "./failure.ts";
import { tell } from "./tell.ts";
import { commandHelp, generalHelp, helpOn } from "./help.ts";
import { inspect } from "./inspect.ts";
import { untilInterrupted } from "./interrupt.ts";
import { load } from "./load.ts";
import { plugins } from "./plugins.ts";
import { openOutput, type Output } from "./output.ts";

const WRONG_USAGE = 2;

/**
 * Runs the command line once.
 *
 * @param args The arguments, without the program's name.
 * @returns The exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
 */
export async function main(args: readonly string[]): Promise<number> {
  const output = openOutput(args);
  try {
    return await untilInterrupted((signal) => dispatch(args, output, signal));
  } catch (error) {
    return await tell(problemOf(error), output);
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
  const command: Command = named ? COMMANDS[first as CommandName] : LOAD;
  const own = named ? rest : args;
  if (asksForHelp(own)) return print(commandHelp(command));
  const parsed = parseArguments(command, own);
  if (command === PLUGINS) return await plugins(parsed, output);
  return await (command === INSPECT ? inspect : load)(parsed, output, signal);
}

function asksForHelp(args: readonly string[]): boolean {
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  return flags.includes("--help") || flags.includes("-h");
}
