/**
 * Arguments: what belongs to which flag, and what is wrong with them.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { type Command, COMMANDS, type Flag } from "./command_table.ts";
import { usageError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";

/** The arguments of a command, sorted. */
export interface Arguments {
  /** The source: a path, "-" or a URL; empty for a command that takes none. */
  readonly source: string;
  /** The values of the flags that have one, by their names. */
  readonly values: ReadonlyMap<string, string>;
  /** The values of the flags that may be given more than once, by their names. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** The names of the switches that are given. */
  readonly switches: ReadonlySet<string>;
}

/**
 * Sorts the arguments of a command.
 *
 * @param command The command, whose flags are known.
 * @param args The arguments behind its name.
 * @returns The source, the values of flags, and the switches.
 * @throws {CliError} "usage" where a flag is unknown, repeated, without its value or with one too many, and where there
 * is not exactly one source.
 */
export function parseArguments(command: Command, args: readonly string[]): Arguments {
  const { flags } = command;
  const names = (kind: (flag: Flag) => boolean) => flags.filter(kind).map(({ name }) => name);
  const withValue = names(({ value }) => value !== undefined);
  const switches = names(({ value }) => value === undefined);
  const unknown: string[] = [];
  const parsed = parseArgs(unambiguous(args, flags, withValue, switches), {
    string: [...withValue, "_"],
    boolean: switches,
    collect: [...withValue, ...switches],
    alias: Object.fromEntries(flags.flatMap(({ name, short }) => short === undefined ? [] : [[name, short]])),
    unknown: (argument, key) => {
      if (key === undefined) return true;
      unknown.push(argument);
      return false;
    },
  });
  if (unknown.length > 0) refuseUnknown(unknown[0], command);
  const values = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  const found = new Set<string>();
  for (const flag of flags) {
    const given = parsed[flag.name] as readonly unknown[];
    if (given.length > 1 && !flag.repeats) {
      throw wrong(command, `Cannot use --${flag.name}: it is given ${given.length} times`, flag);
    }
    if (given.length > 0 && flag.value === undefined) found.add(flag.name);
    if (given.length === 0 || flag.value === undefined) continue;
    if (given.includes("")) throw wrong(command, `Cannot use --${flag.name}: its value ${flag.value} is missing`, flag);
    if (flag.repeats) lists.set(flag.name, given.map(String));
    else values.set(flag.name, String(given[0]));
  }
  return { source: onlySource(parsed._.map(String), command), values, lists, switches: found };
}

/**
 * The same arguments, where parseArgs would guess: a value that starts with a dash is tied to its flag, and a file named
 * "true" or "false" is kept from being taken for the value of a switch.
 */
function unambiguous(
  args: readonly string[],
  flags: readonly Flag[],
  withValue: readonly string[],
  switches: readonly string[],
): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const clear: string[] = [];
  for (let at = 0; at < end; at++) {
    const name = args[at].slice(2);
    const next = args[at + 1];
    const isFlag = args[at].startsWith("--");
    const given = switches.find((known) => args[at].startsWith(`--${known}=`));
    if (given) {
      throw usageError(`Cannot use ${printable(args[at])}: --${given} takes no value`, undefined, { flag: given });
    }
    if (
      isFlag && withValue.includes(name) && at + 1 < end &&
      (/^-($|\d)/.test(next) || flags.find((flag) => flag.name === name)?.verbatim)
    ) {
      clear.push(`${args[at++]}=${next}`);
    } else {
      clear.push(args[at]);
      if (isFlag && switches.includes(name) && (next === "true" || next === "false")) clear.push(`./${args[++at]}`);
    }
  }
  return [...clear, ...args.slice(end)];
}

function refuseUnknown(argument: string, { name, flags }: Command): never {
  const spelled = argument.split("=")[0];
  const known = flags.map((flag) => `--${flag.name}`);
  const guess = spelled.length > 3 ? `Did you mean ${closestString(spelled, [...known, "--help"])}? ` : "";
  const hint = `${guess}kload ${name} --help lists the flags.`;
  throw usageError(`Cannot use ${printable(spelled)}: kload ${name} has no such flag`, hint, { flag: spelled });
}

function onlySource([source, extra]: readonly string[], { name, takesSource }: Command): string {
  if (takesSource === false) {
    if (source === undefined) return "";
    throw usageError(`Cannot use ${printable(source)}: kload ${name} takes no file`, `kload ${name} --help shows how.`);
  }
  if (source === undefined) {
    throw usageError(`Cannot ${name} anything: there is no FILE, - or URL`, `kload ${name} --help shows examples.`);
  }
  if (extra === undefined) return source;
  const names = Object.keys(COMMANDS);
  const hint = names.includes(source)
    ? `The command comes first: kload ${source} ${printable(extra)}`
    : names.some((known) => levenshteinDistance(known, source) <= 2)
    ? `Did you mean kload ${closestString(source, names)} ${printable(extra)}?`
    : `kload ${name} takes one FILE, - or URL. The commands are ${names.join(", ")} and help.`;
  throw usageError(`Cannot use ${printable(extra)}: ${printable(source)} is the source already`, hint, { extra });
}

function wrong({ name }: Command, message: string, flag: Flag): Error {
  return usageError(message, `kload ${name} --help lists the flags.`, { flag: flag.name });
}
