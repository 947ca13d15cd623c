/**
 * Lays out the explanation of a fault.
 *
 * @module
 */

import type {
  Caller,
  FaultAccess,
  FaultCause,
  FaultEvent,
  FaultInstruction,
  FaultPage,
  Place,
} from "../../explain/fault/fault_explanation.ts";
import { GENERAL, type Registers } from "../../explain/fault/registers.ts";
import type { Paint } from "../output/paint.ts";
import { count, hex, printable } from "../output/text.ts";
import { diagnosticLines } from "./diagnostics.ts";

/** A line of a report: its label and text. */
export type Fact = readonly [label: string, text: string];

/**
 * The lines on one thing that happened to a guest.
 *
 * @param event What happened.
 * @returns Labels and texts.
 */
export function eventFacts(event: FaultEvent): readonly Fact[] {
  const { state, instruction, access, page, causes, handler } = event;
  return [
    ...(state === undefined ? [] : [["state", state] as const]),
    ...(instruction ? instructionFacts(instruction) : []),
    ...(access ? [["access", accessText(access)] as const] : []),
    ...(page ? pageFacts(page, event) : []),
    ...causes.flatMap((cause) => causeFacts("cause", cause)),
    ...(handler ? causeFacts("no handler", handler) : []),
  ];
}

function causeFacts(label: string, { message, hint }: FaultCause): readonly Fact[] {
  return [[label, printable(message)], ...(hint === undefined ? [] : [["hint", printable(hint)] as const])];
}

function instructionFacts(instruction: FaultInstruction): readonly Fact[] {
  const { text, operands } = instruction;
  const name = symbolText(instruction);
  const at = `${hex(instruction.address)}, ${whereText(instruction)}`;
  if (text === undefined) {
    return name === undefined ? [["instruction", `at ${at}`]] : [["instruction", `in ${name}`], ["at", at]];
  }
  const values = operands.map(({ name, value }) => `, ${name} = ${hex(value)}`).join("");
  return [["instruction", `${printable(text)}${name === undefined ? "" : ` in ${name}`}${values}`], ["at", at]];
}

const ACCESSES = { read: "read from", write: "write to", fetch: "instruction fetch" } as const;

function accessText(access: FaultAccess): string {
  const mode = access.user ? " in user mode" : "";
  const name = symbolText(access);
  if (access.kind === "fetch") return `${ACCESSES.fetch}${mode}`;
  const what = `${hex(access.address)}${name === undefined ? "" : ` (${name})`}`;
  return `${ACCESSES[access.kind]} ${what}, ${whereText(access)}${mode}`;
}

function pageFacts({ message, tables }: FaultPage, { registers }: FaultEvent): readonly Fact[] {
  const own = `the guest's own (CR3 is ${hex(registers.CR3 ?? 0n)}), not those it was started with`;
  return [["page", message], ...(tables === "own" ? [["page tables", own] as const] : [])];
}

/** A symbol and the offset in it, such as "init_idt+0x1c". */
function symbolText({ symbol }: Pick<Place, "symbol">): string | undefined {
  return symbol && `${printable(symbol.name)}${symbol.offset === 0 ? "" : `+${hex(symbol.offset)}`}`;
}

/** Where an address lies, such as "in .text of program header 0 (…)". */
function whereText({ section, segment, description }: Place): string {
  return section && segment ? `in ${printable(section.name)} of ${description.replace(/^in /, "")}` : description;
}

/**
 * The section of a report on the calls that had not returned.
 *
 * @param event What happened.
 * @param paint The colors and the width.
 * @param name What to call the list of calls.
 * @returns The lines, under a title; none if no call is known.
 */
export function backtraceSection(
  { backtrace }: FaultEvent,
  paint: Paint,
  name: string = "Backtrace",
): readonly string[] {
  if (!backtrace) return [];
  const { callers, possible, more } = backtrace;
  const lists = [[name, callers], ["Possible return addresses on the stack", possible]] as const;
  const width = Math.max(...[...callers, ...possible].map((caller) => callerName(caller).length));
  const lines = lists.filter(([, rows]) => rows.length > 0).map(([title, rows]) => [
    paint.title(title),
    ...rows.map((caller) => {
      const again = caller.times > 1 ? paint.faint(`  ${count(caller.times, "time")} in a row`) : "";
      return `  ${callerName(caller).padEnd(width)}  ${hex(caller.address)}${again}`;
    }),
  ]);
  return [
    ...lines.flatMap((part, at) => at === 0 ? part : ["", ...part]),
    ...(more ? [paint.faint("  ... and more")] : []),
  ];
}

function callerName(caller: Caller): string {
  const { segment } = caller;
  return symbolText(caller) ?? (segment ? `program header ${segment.index}+${hex(segment.offset)}` : "in no segment");
}

/**
 * The section of a report on what the load reported that explains a fault.
 *
 * @param event What happened.
 * @param paint The colors and the width.
 * @returns The lines, under a title; none if the load reported nothing of the kind.
 */
export function relatedSection({ diagnostics }: FaultEvent, paint: Paint): readonly string[] {
  if (diagnostics.length === 0) return [];
  // The hints of warnings were printed before the guest started.
  const shown = diagnostics.map(({ hint, ...rest }) => rest.severity === "warning" || !hint ? rest : { ...rest, hint });
  return [paint.title("Reported by the load"), ...diagnosticLines(shown, paint)];
}

const REGISTER_LINES: readonly (readonly string[])[] = [
  ...[0, 4, 8, 12].map((from) => GENERAL.slice(from, from + 4)),
  ["RIP", "RFL", "CR2", "CR3"],
  ["CR0", "CR4", "EFER"],
  ["CS", "SS", "GDT", "IDT"],
];

/** Number of characters of one register. */
const REGISTER_WIDTH = 21;
const GAP = "  ";
const fits = (count: number, width: number): boolean => count * (REGISTER_WIDTH + GAP.length) <= width;

/**
 * The section of a report on the registers.
 *
 * @param values The registers, by name.
 * @param paint The colors and the width.
 * @returns The lines, under a title; none if no register is known.
 */
export function registersSection(values: FaultEvent["registers"], paint: Paint): readonly string[] {
  const registers: Registers = new Map(Object.entries(values));
  return registers.size === 0 ? [] : [paint.title("Registers"), ...registerLines(registers, paint)];
}

/** In 16-bit and 32-bit modes, the general-purpose registers have other names. */
function registerLines(registers: Registers, { width, folds }: Paint): readonly string[] {
  const most = !folds || fits(4, width) ? 4 : fits(2, width) ? 2 : 1;
  const value = (name: string): string | undefined => {
    const found = registers.get(name) ?? registers.get(name.replace(/^R(?=.[XPIL]$)/, "E"));
    return found === undefined ? undefined : `${name.padEnd(4)} ${found.toString(16).padStart(16, "0")}`;
  };
  return REGISTER_LINES.map((names) => names.map(value).filter((text) => text !== undefined))
    .flatMap((texts) => texts.flatMap((_, at) => at % most === 0 ? [texts.slice(at, at + most)] : []))
    .map((texts) => GAP + texts.join(GAP));
}
