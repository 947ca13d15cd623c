/**
 * Commands that lead on from a report: to the lines of the source, and to the page that was accessed.
 *
 * @module
 */

import type { FaultEvent } from "../../explain/fault/fault_explanation.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { linkedAddress, type Moved } from "../../explain/symbols/linked_address.ts";
import type { Command } from "../arguments/flag.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { quoted, quotedPath } from "../output/shell_quote.ts";
import { hex } from "../output/text.ts";

/** A command to copy, and what it does. */
export interface NextCommand {
  /** What it does, such as "find the lines with". */
  readonly label: string;
  /** The command, quoted for a shell. */
  readonly command: string;
}

/** `SHF_EXECINSTR` (gABI, "Sections"): the section has instructions. */
const SHF_EXECINSTR = 4n;

/**
 * The command that finds the lines of the source.
 *
 * @param event What happened.
 * @param path The path of the kernel's file, which other programs can read.
 * @param moved How far the kernel was moved.
 * @param symbols The names in the file.
 * @returns The command; `undefined` if the file has no line numbers, or no address lies in its code.
 */
export function lineCommand(
  { instruction, backtrace }: FaultEvent,
  path: string,
  moved: Moved,
  symbols: KernelSymbols,
): NextCommand | undefined {
  if (!symbols.hasLineNumbers) return undefined;
  // A return address can be that of the next line: its call ends right before.
  const calls = [...backtrace?.callers ?? [], ...backtrace?.possible ?? []].map(({ address }) => address - 1n);
  const addresses = [...instruction ? [instruction.address] : [], ...calls]
    .map((address) => linkedAddress(moved, address))
    .filter((address) => ((symbols.sectionAt(address)?.flags ?? 0n) & SHF_EXECINSTR) !== 0n);
  const places = [...new Set(addresses)];
  if (places.length === 0) return undefined;
  const label = places.length === 1 ? "find its line with" : "find the lines of the instruction and its callers with";
  return { label, command: `addr2line -f -i -e ${quotedPath(path)} ${places.map((at) => hex(at)).join(" ")}` };
}

/**
 * The command that walks to the address that was accessed.
 *
 * @param event What happened.
 * @param args The arguments of the run.
 * @param walk The command `walk`, whose flags are those of `run` with the same names.
 * @returns The command; `undefined` if walk would not see the page tables that the guest used.
 */
export function walkCommand(
  { access, page, causes }: FaultEvent,
  { source, values, lists, switches }: Arguments,
  walk: Command,
): NextCommand | undefined {
  if (!access || page?.tables !== "initial" || page.problem === "not-canonical") return undefined;
  if (source === "-" || causes.some(({ code }) => NO_HELP.has(code))) return undefined;
  if (values.has("memory")) return undefined; // the machine's there, the kernel's here
  const flags = walk.flags.filter(({ name }) => !SHOWN_ELSEWHERE.has(name)).flatMap((flag): readonly string[] => {
    const { name, repeats, optional } = flag;
    const value = values.get(name);
    if (repeats) return (lists.get(name) ?? []).flatMap((each) => [`--${name}`, quoted(each)]);
    if (value === undefined) return switches.has(name) ? [`--${name}`] : [];
    return optional ? [quoted(`--${name}=${value}`)] : [`--${name}`, quoted(value)];
  });
  const words = ["walk", quotedPath(source), hex(access.address), "--as-run", ...flags];
  return { label: "look at the page tables there with", command: `kload ${words.join(" ")}` };
}

/** Causes with which the page tables at the start show nothing that the report does not. */
const NO_HELP: ReadonlySet<string> = new Set(["tables-changed", "null-pointer", "control-register-value"]);

/** Flags of both commands that are not about the kernel. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  ...["gdb", "memory", "json", "quiet", "verbose", "color", "no-color", "as-run"],
]);
