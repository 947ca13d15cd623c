/**
 * The help of the whole command line, and of each command with its flags and examples.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { type CommandName, COMMANDS } from "./command_table.ts";
import type { Command, Flag } from "./flag.ts";
import { usageError } from "../output/cli_error.ts";
import { printable, wrap } from "../output/text.ts";

/** The longest line of help, in characters. */
const WIDTH = 110;

const NUMBERS =
  `Numbers are decimal or hex (0x200000), optionally with a unit: K, M, G or KiB, MiB, GiB, in powers of 1024
(2M, "2 MiB"). Digits may be grouped: 12,328 or 0xffff_8000.\n`;
const STATUS = `Exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.\n`;

/**
 * The help of the whole command line.
 *
 * @returns Lines of text.
 */
export function generalHelp(): string {
  const commands = Object.values(COMMANDS).map(({ name, summary }): [string, string] => [name, summary]);
  return `kload loads 64-bit ELF kernels into memory and builds their x86-64 page tables.

Usage: kload [load] FILE|-|URL [FLAGS]
       kload COMMAND FILE|-|URL [FLAGS]

Commands:
${columns([...commands, ["help", "Show this help, or that of a command"]])}
Flags:
${columns([["-h, --help", "Show this help, or that of a command"], ["-V, --version", "Show the version"]])}
Examples:
  kload kernel.elf
  kload load kernel.elf --json
  kload inspect kernel.elf
  kload help load

${STATUS}`;
}

/**
 * The help of one command.
 *
 * @param command The command.
 * @returns Lines of text.
 */
export function commandHelp({ name, summary, about, flags, examples, takesSource }: Command): string {
  const takesNumbers = flags.some(({ value }) => value === "BYTES");
  return `${summary}.

Usage: kload ${name}${takesSource === false ? "" : " FILE|-|URL"} [FLAGS]

${about}

Flags:
${columns(flags.map((flag) => [spelling(flag), description(flag)]))}
Examples:
${columns(examples.map(([line, text]) => [line, `# ${text}`]))}
${takesNumbers ? NUMBERS : ""}${STATUS}`;
}

/**
 * The text that `kload help …` prints.
 *
 * @param topics The arguments after `help`: nothing, or the name of a command.
 * @returns Lines of text.
 * @throws {CliError} "usage" if there is no such command, or more than one is given.
 */
export function helpOn(topics: readonly string[]): string {
  const [topic, extra] = topics.filter((argument) => !argument.startsWith("-"));
  if (topic === undefined) return generalHelp();
  if (extra !== undefined) throw usageError(`Cannot show help for ${printable(extra)}: help takes one command`);
  if (Object.hasOwn(COMMANDS, topic)) return commandHelp(COMMANDS[topic as CommandName]);
  const hint = `Did you mean kload help ${closestString(topic, Object.keys(COMMANDS))}?`;
  throw usageError(`Cannot show help for ${printable(topic)}: there is no such command`, hint);
}

function spelling({ name, value, short, optional }: Flag): string {
  const names = short === undefined ? `    --${name}` : `-${short}, --${name}`;
  if (value === undefined) return names;
  return optional ? `${names}[=${value}]` : `${names} ${value}`;
}

function description({ text, fallback }: Flag): string {
  return fallback === undefined ? text : `${text} (default: ${fallback})`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 4;
  return rows.map(([left, right]) => {
    const [first, ...more] = wrap(right, WIDTH - width);
    return `  ${left.padEnd(width - 2)}${first}\n` + more.map((line) => `${" ".repeat(width)}${line}\n`).join("");
  }).join("");
}
