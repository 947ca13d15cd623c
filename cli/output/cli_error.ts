/**
 * What goes wrong, in one shape.
 *
 * @module
 */

import { errorHint, LoadError } from "../../core/errors.ts";
import { stackOf } from "./error_stack.ts";
import { spellFlags } from "./flag_names.ts";

/** What can go wrong outside of the loader. */
export type CliErrorCode =
  | "usage"
  | "source-failed"
  | "plugin-failed"
  | "dump-failed"
  | "image-failed"
  | "qemu-failed"
  | "output-failed"
  | "interrupted";

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
  /** Where in the code it was thrown, line by line, if that is in a plugin or a fault of kload. */
  readonly stack?: string;
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
    const stack = code === "plugin-failed" ? stackOf(error) : undefined;
    return { code, message, detail, cause: messageOf(cause), stack, status: 1 };
  }
  if (error instanceof CliError) {
    const { code, message, detail, hint } = error;
    const stack = code === "plugin-failed" ? stackOf(error) : undefined;
    return { code, message, detail, hint, stack, status: code === "usage" ? 2 : code === "interrupted" ? 130 : 1 };
  }
  const isOurs = error instanceof RangeError ||
    (error instanceof TypeError && /^Cannot (use|place)/.test(error.message));
  if (isOurs && error.message.startsWith("Cannot ")) {
    return { code: "usage", message: spellFlags(error.message), detail: {}, status: 2 };
  }
  return { code: "internal", message: messageOf(error), detail: {}, hint: REPORT_IT, stack: stackOf(error), status: 1 };
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
