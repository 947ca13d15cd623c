/**
 * The help of the whole command line, and of each command with its flags and examples.
 *
 * @module
 */

import { closest } from "./closest.ts";
import { type CommandName, COMMANDS } from "./command_table.ts";
import type { Command, Flag } from "./flag.ts";
import { usageError } from "../output/cli_error.ts";
import { argumentText, listed, wrap } from "../output/text.ts";

/** The longest line of help, in characters, however wide the terminal. */
const WIDEST = 100;

/** The narrowest column of text; where a line has less room left, the text goes under it. */
const LEAST_ROOM = 24;

const NUMBERS =
  `Numbers are decimal or hex (0x200000), optionally with a unit: K, M, G or KiB, MiB, GiB, in powers of 1024
(2M, "2 MiB"). Digits may be grouped: 12,328 or 0xffff_8000.`;
const STATUS = "0 done, 1 refused or failed, 2 wrong usage, 130 interrupted (129 by SIGHUP, 143 by SIGTERM)";

/**
 * The help of the whole command line.
 *
 * @param width The most characters in a line.
 * @returns Lines of text.
 */
export function generalHelp(width = WIDEST): string {
  const commands = Object.values(COMMANDS).map(({ name, summary }): [string, string] => [name, summary]);
  return `${folded("kload loads 64-bit ELF kernels into memory and builds their x86-64 page tables.", width)}

Usage: kload [load] FILE|-|URL [FLAGS]
       kload COMMAND FILE|-|URL [FLAGS]

Commands:
${columns([...commands, ["help", "Show this help, or that of a command"]], width)}
Flags:
${columns([["-h, --help", "Show this help, or that of a command"], ["-V, --version", "Show the version"]], width)}
Examples:
  kload kernel.elf
  kload load kernel.elf --json
  kload inspect kernel.elf
  kload help load

${folded(`Exit status: ${STATUS}; kload run has more.`, width)}
`;
}

/**
 * The help of one command.
 *
 * @param command The command.
 * @param width The most characters in a line; an example that is longer stays whole.
 * @returns Lines of text.
 */
export function commandHelp(command: Command, width = WIDEST): string {
  const { summary, about, examples, status = STATUS } = command;
  const flags = command.flags.filter(({ replacedBy }) => replacedBy === undefined);
  const takesNumbers = flags.some(({ value }) => value === "BYTES");
  return `${folded(`${summary}.`, width)}

${usageLines(command, width)}

${folded(about, width)}

Flags:
${columns(flags.map((flag) => [spelling(flag), description(flag)]), width)}
Examples:
${exampleLines(examples, width)}
${takesNumbers ? `${folded(NUMBERS, width)}\n` : ""}${folded(`Exit status: ${status}.`, width)}
`;
}

function usageLines(command: Command, width: number): string {
  const { name, passesTo } = command;
  const passed = passesTo === undefined ? [] : [`[-- ${passesTo} ARGUMENTS]`];
  const line = [`Usage: kload ${name}${operandsOf(command)} [FLAGS]`, ...passed].join(" ");
  return wrap(line, Math.min(width, WIDEST), passed).join("\n       ");
}

function operandsOf({ takesSource, argument, operands }: Command): string {
  if (operands?.usage !== undefined) return ` ${operands.usage}`;
  if (operands) return operands.names.map((name, at) => at < operands.fewest ? ` ${name}` : ` [${name}]`).join("");
  if (argument !== undefined) return ` [${argument}]`;
  return takesSource === false ? "" : " FILE|-|URL";
}

/**
 * The text that `kload help …` prints.
 *
 * @param topics The arguments after `help`: nothing, or the name of a command.
 * @param width The most characters in a line.
 * @returns Lines of text.
 * @throws {CliError} "usage" if there is no such command, or more than one is given.
 */
export function helpOn(topics: readonly string[], width = WIDEST): string {
  const [topic, extra] = topics.filter((argument) => !argument.startsWith("-"));
  if (topic === undefined || (topic === "help" && extra === undefined)) return generalHelp(width);
  if (extra !== undefined) throw usageError(`Cannot show help for ${argumentText(extra)}: help takes one command`);
  if (Object.hasOwn(COMMANDS, topic)) return commandHelp(COMMANDS[topic as CommandName], width);
  const names = Object.keys(COMMANDS);
  const guess = closest(topic, names);
  const hint = guess === undefined ? `The commands are ${listed(names)}.` : `Did you mean kload help ${guess}?`;
  throw usageError(`Cannot show help for ${argumentText(topic)}: there is no such command`, hint);
}

function spelling({ name, value, short, optional }: Flag): string {
  const names = short === undefined ? `    --${name}` : `-${short}, --${name}`;
  if (value === undefined) return names;
  return optional ? `${names}[=${value}]` : `${names} ${value}`;
}

function description({ text, fallback }: Flag): string {
  return fallback === undefined ? text : `${text} (default: ${fallback})`;
}

/** Prose whose own line breaks are those of the source. */
function folded(text: string, width: number): string {
  return wrap(text.replaceAll("\n", " "), Math.min(width, WIDEST)).join("\n");
}

function columns(rows: readonly (readonly [string, string])[], most: number): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 4;
  const room = Math.min(most, WIDEST) - width;
  if (room < LEAST_ROOM) return rows.map(([left, right]) => `  ${left}\n${under(right, most, "")}`).join("");
  return rows.map(([left, right]) => {
    const [first, ...more] = wrap(right, room);
    return `  ${left.padEnd(width - 2)}${first}\n` + more.map((line) => `${" ".repeat(width)}${line}\n`).join("");
  }).join("");
}

/** Commands and what they do: next to each other if all of them fit, else one under the other. */
function exampleLines(examples: Command["examples"], most: number): string {
  const width = Math.max(...examples.map(([line]) => line.length)) + 4;
  const longest = Math.max(...examples.map(([, text]) => `# ${text}`.length));
  if (width + longest <= Math.min(most, WIDEST)) {
    return columns(examples.map(([line, text]) => [line, `# ${text}`]), Infinity);
  }
  return examples.map(([line, text]) => `  ${line}\n${under(text, most, "# ")}`).join("");
}

/** Text that is set off from the line above it, each of its lines with the same start. */
function under(text: string, most: number, start: string): string {
  const indent = `${" ".repeat(8)}${start}`;
  return wrap(text, Math.min(most, WIDEST) - indent.length).map((line) => `${indent}${line}\n`).join("");
}
