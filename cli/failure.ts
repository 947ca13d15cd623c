/**
 * What goes wrong, in one shape: as text on standard error, or as the JSON object that a program asked for.
 *
 * @module
 */

import { errorHint, LoadError, type RuleSetName } from "../mod.ts";
import { errorJson } from "./json.ts";
import type { Output } from "./output.ts";
import type { Paint } from "./paint.ts";
import { printable } from "./text.ts";

/** What can go wrong outside of the loader. */
export type CliErrorCode = "usage" | "source-failed" | "dump-failed" | "output-failed" | "interrupted";

/** Something went wrong outside of the loader. */
export class CliError extends Error {
  /** Always "CliError". */
  override readonly name = "CliError";
  /** What went wrong. */
  readonly code: CliErrorCode;
  /** What to do about it. */
  readonly hint?: string;
  /** Where it went wrong, for programs. */
  readonly detail: Readonly<Record<string, unknown>>;

  /**
   * Makes an error.
   *
   * @param code What went wrong.
   * @param message The same in words.
   * @param about Hint and detail, where there are any, and the error behind it.
   */
  constructor(
    code: CliErrorCode,
    message: string,
    about: { readonly hint?: string; readonly detail?: Readonly<Record<string, unknown>>; readonly cause?: unknown } =
      {},
  ) {
    super(message, about.cause === undefined ? {} : { cause: about.cause });
    this.code = code;
    this.hint = about.hint;
    this.detail = about.detail ?? {};
  }
}

/**
 * Makes the error of a wrong usage.
 *
 * @param message What is wrong.
 * @param hint What to do about it.
 * @param detail Where it is wrong, for programs.
 * @returns The error.
 */
export function usageError(message: string, hint?: string, detail?: Readonly<Record<string, unknown>>): CliError {
  return new CliError("usage", message, { hint, detail });
}

/** What went wrong, ready to be told. */
export interface Problem {
  /** The code of a `LoadError` or a {@linkcode CliError}, or "internal". */
  readonly code: string;
  /** What went wrong, in words. */
  readonly message: string;
  /** Where, for programs. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** The message of the error behind it, where that says more. */
  readonly cause?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The exit status. */
  readonly status: number;
}

const REPORT_IT = "This is a fault of kload itself: please report it with the file, or its output of kload inspect.";

/**
 * Finds what there is to tell about an error.
 *
 * @param error Whatever was thrown.
 * @returns The problem.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof LoadError) {
    const { code, message, cause } = error;
    const detail: Readonly<Record<string, unknown>> = { ...error.detail };
    if (cause === undefined) return { code, message, detail, hint: errorHint(code), status: 1 };
    return { code, message, detail, cause: messageOf(cause), status: 1 };
  }
  if (error instanceof CliError) {
    const { code, message, detail, hint } = error;
    return { code, message, detail, hint, status: code === "usage" ? 2 : code === "interrupted" ? 130 : 1 };
  }
  const isOurs = error instanceof RangeError ||
    (error instanceof TypeError && /^Cannot (use|place)/.test(error.message));
  if (isOurs && error.message.startsWith("Cannot ")) {
    return { code: "usage", message: spellFlags(error.message), detail: {}, status: 2 };
  }
  return { code: "internal", message: messageOf(error), detail: {}, hint: REPORT_IT, status: 1 };
}

/** The loader's options by the names that they have on the command line. */
const FLAG_OF: Readonly<Record<string, string>> = {
  kernelOffset: "--kernel-offset",
  level4Frame: "--level4-frame",
  maxMemory: "--max-memory",
  kernelBase: "--kernel-base",
};

/** The same text with the flags' names in it, each said once. */
function spellFlags(text: string): string {
  return text.replace(/\b[a-z]+4?[A-Z][a-z]+\b/g, (word) => FLAG_OF[word] ?? word).replace(/(--[a-z-]+) \(\1\)/g, "$1");
}

/**
 * What an error says, and the one behind it, without the system's number for it and the path, which whoever asks knows.
 *
 * @param error Whatever was thrown.
 * @returns Such as "Permission denied".
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message.replace(/ \(os error \d+\).*$/s, "");
  return error.cause instanceof Error ? `${message}: ${messageOf(error.cause)}` : message;
}

/** Finds out which other rule sets accept the file; `undefined` where that cannot be known. */
export type FindOtherRules = () => Promise<readonly RuleSetName[] | undefined>;

/**
 * Tells of a problem: in JSON on standard output where that was asked for, else in words on standard error.
 *
 * @param problem The problem.
 * @param output Where to.
 * @param findOtherRules Asked for the note on other rule sets; words do not wait for it.
 * @returns The exit status.
 */
export async function tell(problem: Problem, output: Output, findOtherRules?: FindOtherRules): Promise<number> {
  if (output.json && problem.code !== "output-failed") {
    await output.print(errorJson(problem, await findOtherRules?.()));
  } else if (problem.code !== "interrupted") {
    await output.printError(problemText(problem, output.paintError));
    const names = await findOtherRules?.();
    if (names) await output.printError(noteText(names, output.paintError));
  }
  return problem.status;
}

function problemText({ code, message, cause, hint }: Problem, paint: Paint): string {
  const lines = [paint.error(`error[${code}]:`) + ` ${printable(spellFlags(message))}`];
  if (cause !== undefined) lines.push(`${paint.label("cause:")} ${printable(cause)}`);
  if (hint !== undefined) lines.push(`${paint.label("hint:")} ${printable(spellFlags(hint))}`);
  return lines.join("\n") + "\n";
}

function noteText(names: readonly RuleSetName[], paint: Paint): string {
  const lines = names.map((name) => `--rules ${name} would accept this file`);
  if (names.length === 0) lines.push("no other rule set accepts it");
  return lines.map((line) => `${paint.label("note:")} ${line}\n`).join("");
}
