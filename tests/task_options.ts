/**
 * The options of the tasks that are run by hand.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** What a task was asked for. */
export type TaskOptions<Name extends string> =
  /** The values as typed, or the defaults. */
  | { readonly values: Readonly<Record<Name, string>> }
  /** A text to print instead of running, and the exit status. */
  | { readonly text: string; readonly status: 0 | 2 };

/**
 * Reads the options of a task. All have a value, and some of them a number.
 *
 * @param args The arguments.
 * @param usage What `--help` prints.
 * @param defaults The options, by name, with their values if they are not given.
 * @param numbers The names of those that must be whole numbers, not negative.
 * @returns The values, or what to print instead of running.
 */
export function taskOptions<Name extends string>(
  args: readonly string[],
  usage: string,
  defaults: Readonly<Record<Name, string>>,
  numbers: readonly NoInfer<Name>[],
): TaskOptions<Name> {
  if (args.includes("--help") || args.includes("-h")) return { text: usage, status: 0 };
  const wrong = (why: string): TaskOptions<Name> => ({ text: `${why}\n\n${usage}`, status: 2 });
  const options = Object.fromEntries(
    Object.keys(defaults).map((name) => [name, { type: "string" } as const]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options });
    const all = { ...defaults, ...values } as Record<Name, string>;
    const bad = numbers.find((name) => all[name].trim() === "" || !isCount(Number(all[name])));
    if (bad === undefined) return { values: all };
    return wrong(`Cannot use --${bad} ${all[bad]}: it must be a whole number, not negative`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return wrong(error.message);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
