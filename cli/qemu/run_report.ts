/**
 * The report on how a guest ended, and the exit status.
 *
 * @module
 */

import type { Paint } from "../output/paint.ts";
import { labelled, sections } from "../report/report_parts.ts";
import { hex, printable, wrap } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import type { Exception, ExceptionLog } from "./exception_log.ts";
import { areInterruptsEnabled, exceptionName, explainException, explainState } from "./explain_exception.ts";
import { explainMissingHandler } from "./explain_missing_handler.ts";
import type { Fact } from "./fact.ts";
import { EXIT_SUCCESS } from "./machine.ts";
import { GENERAL, type Registers } from "./registers.ts";

/** How it ended. */
export type End =
  | {
    /** QEMU ended. */
    readonly kind: "ended";
    /** QEMU's exit status. */
    readonly status: number;
  }
  | {
    /** The guest stopped for good. */
    readonly kind: "stopped";
    /** QMP's name for the reason. */
    readonly reason: string;
  }
  | {
    /** Every processor halted with interrupts disabled, and nothing will wake one. */
    readonly kind: "halted";
  }
  | {
    /** It was stopped at the timeout. */
    readonly kind: "timeout";
    /** The timeout in seconds. */
    readonly seconds: number;
  };

/** What is known of the end. */
export interface Ending {
  /** How it ended. */
  readonly end: End;
  /** The registers then, if QEMU answered. */
  readonly registers?: Registers;
  /** QEMU's log. */
  readonly log: ExceptionLog;
  /** How the kernel was not entered as it wants, if that is so. */
  readonly unfollowed?: string;
}

/** QEMU's exit status after the guest wrote a number to the port of isa-debug-exit. */
const statusFor = (written: number): number => (written << 1) | 1;

/** For a program ended by a signal, a shell's exit status is this plus the signal's number. */
const SIGNALS = 128;
const MOST_SIGNALS = 64;

const STATUS = { done: 0, unknown: 1, fault: 3, timeout: 124 } as const;

/**
 * The exit status.
 *
 * @param end How the guest ended.
 * @returns The status; 0 only if the guest itself reported success.
 */
export function statusOf(end: End): number {
  if (end.kind === "timeout") return STATUS.timeout;
  if (end.kind === "halted") return STATUS.unknown;
  if (end.kind === "stopped") return isFatal(end.reason) ? STATUS.fault : STATUS.unknown;
  if (end.status === statusFor(EXIT_SUCCESS)) return STATUS.done;
  return end.status === 0 ? STATUS.unknown : end.status;
}

function isFatal(reason: string): boolean {
  return reason === "guest-reset" || reason === "guest-panic";
}

/**
 * The report.
 *
 * @param bootable The kernel, and what was added to it.
 * @param ending What is known of the end.
 * @param paint The colors and the width.
 * @returns Lines of text; none if the guest reported success.
 */
export function runReport(bootable: Bootable, ending: Ending, paint: Paint): string {
  const { end, log } = ending;
  if (statusOf(end) === STATUS.done) return "";
  if (end.kind === "ended") return endedReport(end.status, log, paint);
  const fatal = end.kind === "stopped" ? log.fatal() : undefined;
  const registers = fatal?.registers ?? ending.registers;
  return sections([
    [
      ...headLines(
        `run[${end.kind === "stopped" ? end.reason : end.kind}]:`,
        leading(ending) + headOf(ending, fatal),
        paint,
      ),
      ...labelled(factsOf(bootable, ending, fatal), paint),
    ],
    registers ? [paint.title("Registers"), ...registerLines(registers, paint)] : [],
  ]);
}

/** On a page that folds, a long line goes on in further ones. */
function headLines(label: string, sentences: string, { error, width, folds }: Paint): readonly string[] {
  const [first, ...more] = `${label} ${sentences}`.split("\n").flatMap((line) =>
    wrap(line, folds ? width - 2 : Infinity)
  );
  return [error(label) + first.slice(label.length), ...more.map((line) => `  ${line}`)];
}

/** What comes first if the guest died, or halted for good: that is what tends to come of it. */
function leading({ end, registers, unfollowed }: Ending): string {
  const hasHalted = registers?.get("HLT") === 1n && !areInterruptsEnabled(registers);
  const isOver = statusOf(end) === STATUS.fault || end.kind === "halted" || (end.kind === "timeout" && hasHalted);
  return unfollowed !== undefined && isOver ? `${unfollowed}\n` : "";
}

function headOf({ end, log }: Ending, fatal: Exception | undefined): string {
  if (end.kind === "halted") return "The guest halted for good, with interrupts disabled on every processor.";
  if (end.kind === "timeout") return `The guest did not finish within ${end.seconds} s.`;
  if (fatal) return `The guest triple-faulted after ${exceptionName(fatal)}.`;
  if (end.kind === "stopped" && end.reason === "guest-reset") {
    return log.tripleFault() ? "The guest triple-faulted." : "The guest reset the machine.";
  }
  if (end.kind === "stopped" && end.reason === "guest-shutdown") {
    return "The guest powered off without writing 0x10 to port 0xf4.";
  }
  return "The guest stopped for good.";
}

function factsOf(bootable: Bootable, { end, registers, log }: Ending, fatal: Exception | undefined): readonly Fact[] {
  if (fatal) {
    const facts = explainException(fatal, bootable);
    return [...facts, ["no handler", explainMissingHandler(fatal, bootable)]];
  }
  const state: readonly Fact[] = registers ? explainState(registers, bootable) : [["state", "QEMU did not answer"]];
  const shown = end.kind !== "stopped" ? state : state.filter(([label]) => label !== "state");
  const last = log.last();
  if (!last) return shown;
  const became = last.doubleFault ? ", which became a double fault (#DF)" : "";
  const before: Fact = ["before that", `${exceptionName(last)}, the last exception it took${became}:`];
  return [...shown, before, ...explainException(last, bootable).map(([label, text]): Fact => [`  ${label}`, text])];
}

function endedReport(status: number, log: ExceptionLog, paint: Paint): string {
  const messages = log.messages().map((line) => `  ${printable(line)}`);
  const written = status % 2 === 1
    ? `the guest wrote ${hex((status - 1) / 2)} to port 0xf4 (${hex(EXIT_SUCCESS)} means success)`
    : undefined;
  const signal = status > SIGNALS && status <= SIGNALS + MOST_SIGNALS
    ? `it was killed by signal ${status - SIGNALS}`
    : undefined;
  const reasons = [written, signal].filter((reason) => reason !== undefined);
  const wrote = messages.length === 0 && reasons.length > 0 ? `: ${reasons.join(", or ")}` : "";
  return sections([[...headLines("run[ended]:", `QEMU exited with status ${status}${wrote}.`, paint), ...messages]]);
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
