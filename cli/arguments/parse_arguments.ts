/**
 * Parses arguments: which value belongs to which flag, and what is wrong with them.
 *
 * @module
 */

import { parseChoice } from "./choice.ts";
import { closest } from "./closest.ts";
import { COMMANDS } from "./command_table.ts";
import type { Command, Flag } from "./flag.ts";
import { type Token, tokens } from "./tokens.ts";
import { usageError } from "../output/cli_error.ts";
import { argumentText, listed, printable } from "../output/text.ts";

/** The parsed arguments of a command. */
export interface Arguments {
  /** The source: a path, "-" or a URL, or what the command takes in its place; empty for a command without one. */
  readonly source: string;
  /** What follows the source, for a command that takes more than that. */
  readonly operands?: readonly string[];
  /** What follows "--", for a command that passes that on. */
  readonly passed?: readonly string[];
  /** The values of flags that take one, by flag name. */
  readonly values: ReadonlyMap<string, string>;
  /** The values of flags that can be repeated, by flag name. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** The names of the switches given, and of given flags whose value is optional. */
  readonly switches: ReadonlySet<string>;
}

/**
 * Parses the arguments of a command.
 *
 * @param command The command.
 * @param args The arguments after its name.
 * @returns The source, the values of flags, and the switches.
 * @throws {CliError} "usage" if a flag is unknown, repeated, lacks its value or takes none, or if the number of sources
 * is wrong.
 */
export function parseArguments(command: Command, args: readonly string[]): Arguments {
  const found = tokens(args, command.flags, command.passesTo !== undefined);
  for (const token of found) {
    if (token.kind === "unknown") refuseUnknown(token.spelled, command);
    if (token.kind === "flag") checkValue(token, command);
  }
  const values = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  const switches = new Set<string>();
  for (const flag of command.flags) {
    const given = found.filter((token) => token.kind === "flag").filter((token) => token.flag === flag);
    if (given.length === 0) continue;
    if (given.length > 1 && !flag.repeats) {
      const [{ spelled }, again] = given;
      const why = spelled === again.spelled ? `it was given ${given.length} times` : `${spelled} was already given`;
      throw wrong(command, `Cannot use ${again.spelled}: ${why}`, flag);
    }
    const texts = given.map(({ value }) => value).filter((value) => value !== undefined);
    if (flag.value === undefined || flag.optional) switches.add(flag.name);
    if (flag.repeats) lists.set(flag.name, texts);
    else if (texts.length > 0) values.set(flag.name, texts[0]);
  }
  if (command.operands) {
    const [source = "", ...operands] = someOperands(found, command, command.operands);
    return { source, operands, values, lists, switches };
  }
  const source = command.argument === undefined ? onlySource(found, command) : onlyArgument(found, command.argument);
  const passed = found.filter((token) => token.kind === "passed").map(({ text }) => text);
  return { source, ...(command.passesTo === undefined ? {} : { passed }), values, lists, switches };
}

/** Several sources, or a source and what to look for in it. */
function someOperands(
  found: readonly Token[],
  { name }: Command,
  { names, fewest }: NonNullable<Command["operands"]>,
): readonly string[] {
  const given = found.filter((token) => token.kind === "source").map(({ text }) => text);
  const hint = `kload ${name} --help shows examples.`;
  const empty = given.indexOf("");
  if (empty >= 0 && empty < names.length) throw usageError(`Cannot run kload ${name}: ${names[empty]} is empty`, hint);
  if (given.length < fewest) {
    throw usageError(`Cannot run kload ${name}: ${listed(names.slice(given.length, fewest))} is missing`, hint);
  }
  if (given.length <= names.length) return given;
  const extra = given[names.length];
  const takes = names.length === 1
    ? `the source is already ${argumentText(given[0])}`
    : `kload ${name} takes ${listed(names)}`;
  throw usageError(`Cannot use ${argumentText(extra)}: ${takes}`, valueHint(found) ?? hint, { extra });
}

function checkValue({ flag, spelled, value }: Token & { readonly kind: "flag" }, command: Command): void {
  if (flag.value === undefined) {
    if (value === undefined) return;
    const message = `Cannot use ${spelled}=${printable(value)}: ${spelled} takes no value`;
    throw usageError(message, undefined, { flag: flag.name, value });
  }
  if (value === "" || (value === undefined && !flag.optional)) {
    throw wrong(command, `Cannot use ${spelled}: its value (${flag.value}) is missing`, flag);
  }
  if (flag.choices && value !== undefined) parseChoice(flag.name, value, flag.choices);
}

function refuseUnknown(spelled: string, { name, flags }: Command): never {
  const known = flags.map((flag) => `--${flag.name}`);
  const guess = closest(spelled, [...known, "--help"]);
  const hint = `${guess === undefined ? "" : `Did you mean ${guess}? `}kload ${name} --help lists the flags.`;
  throw usageError(`Cannot use ${printable(spelled)}: kload ${name} has no such flag`, hint, {
    flag: spelled.replace(/^-+/, ""),
  });
}

function onlySource(found: readonly Token[], { name, takesSource, passesTo }: Command): string {
  const [source, extra] = found.filter((token) => token.kind === "source").map(({ text }) => text);
  if (takesSource === false) {
    if (source === undefined) return "";
    throw usageError(
      `Cannot use ${argumentText(source)}: kload ${name} takes no file`,
      `kload ${name} --help shows examples.`,
    );
  }
  if (source === undefined) {
    const taken = found.find((token) => token.kind === "passed");
    const hint = taken ? `What follows -- is for ${passesTo}: write the file before it.` : undefined;
    throw usageError(
      `Cannot run kload ${name}: no FILE, - or URL given`,
      hint ?? `kload ${name} --help shows examples.`,
    );
  }
  if (source === "") {
    throw usageError(`Cannot ${name} anything: the source is empty`, `kload ${name} --help shows examples.`, {
      source,
    });
  }
  if (extra === undefined) return source;
  const value = valueHint(found);
  if (value === undefined && name === "load" && !Object.hasOwn(COMMANDS, source) && isMissing(source)) {
    const guess = closest(source, Object.keys(COMMANDS));
    const hint = guess === undefined
      ? "kload help lists the commands."
      : `Did you mean kload ${guess} ${printable(extra)}?`;
    throw usageError(`Cannot use ${printable(source)}: there is no such command or file`, hint, { source });
  }
  const hint = value ?? commandHint(source, extra, name);
  throw usageError(`Cannot use ${argumentText(extra)}: the source is already ${printable(source)}`, hint, { extra });
}

function onlyArgument(found: readonly Token[], placeholder: string): string {
  const [text = "", extra] = found.filter((token) => token.kind === "source").map(({ text }) => text);
  if (extra === undefined) return text;
  const message = `Cannot use ${argumentText(extra)}: the ${placeholder.toLowerCase()} is already ${
    argumentText(text)
  }`;
  throw usageError(message, undefined, { extra });
}

/** The hint for two sources of which one was meant as a value, or as the rest of one. */
function valueHint(found: readonly Token[]): string | undefined {
  for (const [at, token] of found.entries()) {
    const before = found[at - 1];
    if (token.kind !== "source" || before?.kind !== "flag") continue;
    if (before.flag.optional && before.value === undefined) {
      return `Attach the value of ${before.spelled} with an equals sign: ${before.spelled}=${printable(token.text)}`;
    }
    if (before.value !== undefined && /^([kmg]ib|bytes?)$/i.test(token.text)) {
      return `Write the number and its unit as one argument: ${before.spelled} ${before.value}${token.text}`;
    }
  }
}

/** Whether a source is certainly no file; that is not asked where Deno would have to ask for permission. */
function isMissing(source: string): boolean {
  if (source === "-" || source.includes("://")) return false;
  try {
    if (Deno.permissions.querySync({ name: "read", path: source }).state !== "granted") return false;
    Deno.statSync(source);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function commandHint(source: string, extra: string, name: string): string {
  const names = Object.keys(COMMANDS);
  if (names.includes(source)) return `The command comes first: kload ${source} ${printable(extra)}`;
  return `kload ${name} takes one FILE, - or URL. The commands are ${names.join(", ")} and help.`;
}

function wrong({ name }: Command, message: string, flag: Flag): Error {
  return usageError(message, `kload ${name} --help lists the flags.`, { flag: flag.name });
}
