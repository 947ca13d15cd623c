/**
 * The report on how a guest ended, and the exit status.
 *
 * @module
 */

import type { FaultExplanation } from "../../explain/fault/fault_explanation.ts";
import { isHaltedForGood } from "../../explain/fault/registers.ts";
import { commandLines } from "../output/command_lines.ts";
import type { Paint } from "../output/paint.ts";
import { hex, printable, wrap } from "../output/text.ts";
import { backtraceSection, eventFacts, type Fact, registersSection, relatedSection } from "../report/fault_report.ts";
import { labelled, sections } from "../report/report_parts.ts";
import type { ExceptionLog } from "./exception_log.ts";
import type { NextCommand } from "./next_commands.ts";
import { EXIT_SUCCESS } from "./machine.ts";

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
  /** QEMU's log. */
  readonly log: ExceptionLog;
  /** Why, unless QEMU ended by itself. */
  readonly explanation?: FaultExplanation;
  /** Commands that lead on. */
  readonly next?: readonly NextCommand[];
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
  return ["guest-reset", "guest-panic", "guest-panicked"].includes(reason);
}

/**
 * The report.
 *
 * @param ending What is known of the end.
 * @param paint The colors and the width.
 * @returns Lines of text; none if the guest reported success.
 */
export function runReport({ end, log, explanation, next = [] }: Ending, paint: Paint): string {
  if (statusOf(end) === STATUS.done) return "";
  if (end.kind === "ended") return endedReport(end.status, log, paint);
  const label = `run[${end.kind === "stopped" ? end.reason : end.kind}]:`;
  if (!explanation) return sections([headLines(label, headOf(end), paint)]);
  const isFatal = explanation.exception !== undefined;
  return sections([
    [
      ...headLines(label, leading(end, explanation) + headOf(end, explanation), paint),
      ...labelled(factsOf(end, explanation), paint),
    ],
    backtraceSection(explanation, paint),
    explanation.before ? backtraceSection(explanation.before, paint, "Backtrace at that exception") : [],
    relatedSection(isFatal ? explanation : explanation.before ?? explanation, paint),
    next.flatMap(({ label, command }) => commandLines(label, command, paint)),
    registersSection(explanation.registers, paint),
  ]);
}

/** A long line goes on in further ones. */
function headLines(label: string, sentences: string, { error, width }: Paint): readonly string[] {
  const [first, ...more] = `${label} ${sentences}`.split("\n").flatMap((line) => wrap(line, width - 2));
  return [error(label) + first.slice(label.length), ...more.map((line) => `  ${line}`)];
}

/** What comes first if the guest died, or halted for good: that is what tends to come of it. */
function leading(end: End, { expectations, registers }: FaultExplanation): string {
  const hasHalted = isHaltedForGood(new Map(Object.entries(registers)));
  const isOver = statusOf(end) === STATUS.fault || end.kind === "halted" || (end.kind === "timeout" && hasHalted);
  if (!isOver) return "";
  const hints = expectations.flatMap(({ hint }) => hint ?? []);
  return [...expectations.map(({ message }) => message), ...hints.map((hint) => `hint: ${hint}`)].map((line) =>
    `${printable(line)}\n`
  ).join("");
}

function headOf(end: End, explanation?: FaultExplanation): string {
  if (end.kind === "halted") return "The guest halted for good, with interrupts disabled on every processor.";
  if (end.kind === "timeout") return `The guest did not finish within ${end.seconds} s.`;
  if (explanation?.end === "power-off") return "The guest powered off without writing 0x10 to port 0xf4.";
  if (explanation?.end === "stopped") return "The guest stopped for good.";
  return explanation?.message ?? "The guest stopped for good.";
}

function factsOf(end: End, explanation: FaultExplanation): readonly Fact[] {
  if (explanation.exception) return [...eventFacts(explanation), ...beforeFacts("first exception", explanation)];
  const { before: _, state, ...rest } = explanation;
  const isKnown = Object.keys(explanation.registers).length > 0;
  const facts: readonly Fact[] = isKnown
    ? eventFacts(end.kind === "stopped" && rest.instruction ? rest : { ...rest, state })
    : [["state", "QEMU did not answer"]];
  return [...facts, ...beforeFacts("last exception", explanation)];
}

/** What is said of the exception before the end. */
function beforeFacts(label: string, { before }: FaultExplanation): readonly Fact[] {
  if (!before?.exception) return [];
  const { name, doubleFault } = before.exception;
  const became = doubleFault ? ", which became a double fault (#DF)" : "";
  return [[label, `${name}${became}`], ...eventFacts(before).map(([label, text]): Fact => [`  ${label}`, text])];
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
