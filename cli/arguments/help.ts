/**
 * Help: of the whole command line, and of each command with its flags and examples.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { type Command, type CommandName, COMMANDS, type Flag } from "./command_table.ts";
import { usageError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";

const NUMBERS = `Numbers are decimal or hex (0x200000); K, M and G after them stand for 1024, 1024² and 1024³ (2M).\n`;
const STATUS = `Exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.\n`;

/**
 * The help of the whole command line.
 *
 * @returns Lines of text.
 */
export function generalHelp(): string {
  const commands = Object.values(COMMANDS).map(({ name, summary }) => `  ${name.padEnd(9)}${summary}\n`);
  return `kload loads 64-bit ELF kernels into memory and builds their x86-64 page tables.

Usage: kload [load] FILE|-|URL [FLAGS]
       kload COMMAND FILE|-|URL [FLAGS]

Commands:
${commands.join("")}  ${"help".padEnd(9)}Show this, or the help of a command

Flags:
  --help     Show this, or the help of a command
  --version  Show the version

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
${columns(flags.map((flag) => [spelling(flag), flag.text]))}
Examples:
${columns(examples, "# ")}
${takesNumbers ? NUMBERS : ""}${STATUS}`;
}

/**
 * What `kload help …` prints.
 *
 * @param topics The arguments behind `help`: nothing, or the name of a command.
 * @returns Lines of text.
 * @throws {CliError} "usage" where there is no such command, or more than one is asked for.
 */
export function helpOn(topics: readonly string[]): string {
  const [topic, extra] = topics.filter((argument) => !argument.startsWith("-"));
  if (topic === undefined) return generalHelp();
  if (extra !== undefined) throw usageError(`Cannot help with ${printable(extra)}: help takes one command`);
  if (Object.hasOwn(COMMANDS, topic)) return commandHelp(COMMANDS[topic as CommandName]);
  const hint = `Did you mean kload help ${closestString(topic, Object.keys(COMMANDS))}?`;
  throw usageError(`Cannot help with ${printable(topic)}: there is no such command`, hint);
}

function spelling({ name, value, short }: Flag): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return value === undefined ? names : `${names} ${value}`;
}

function columns(rows: readonly (readonly [string, string])[], mark = ""): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${mark}${right}\n`).join("");
}
