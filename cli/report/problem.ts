/**
 * Whatever was thrown, as one type that can be printed.
 *
 * @module
 */

import type { Diagnostic } from "../../mod.ts";
import { errorHint, LoadError } from "../../core/errors.ts";
import type { FormatName } from "../../formats/format.ts";
import { CliError, type CliErrorCode, messageOf } from "../output/cli_error.ts";
import type { FormatAdvice } from "../../formats/mod.ts";
import { stackOf } from "../output/error_stack.ts";
import { formatAdvice, pathOfSource } from "../output/format_advice.ts";
import { neededFlag } from "../output/permission_flag.ts";
import { flagHint, refusedOption } from "./flag_hints.ts";

/** What went wrong, ready to be printed. */
export interface Problem {
  /** The name of the file, if the problem is with one. */
  readonly name?: string;
  /** The verdict on the file, such as "not loaded". */
  readonly verdict?: string;
  /** What the file is, if that must be said first. */
  readonly about?: string;
  /** The format of the file, if it was looked at. */
  readonly format?: FormatName;
  /** The code of a `LoadError` or a `CliError`, or "internal". */
  readonly code: string;
  /** What went wrong, in words. */
  readonly message: string;
  /** Where, for programs. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** The message of the underlying error, if there is one. */
  readonly cause?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** A command or flag to copy, printed after the hint. */
  readonly command?: string;
  /** Where it was thrown, one frame a line, if it is the error of a plugin or a bug in kload. */
  readonly stack?: string;
  /** The diagnostics up to that point. */
  readonly diagnostics?: readonly Diagnostic[];
  /** The command that lists all diagnostics, if --json of the command at hand may not. */
  readonly listing?: string;
  /** The exit status. */
  readonly status: number;
}

/** What a command knows about the file that it failed on. */
export interface Circumstances {
  /** The name of the file. */
  readonly name: string;
  /** The verdict on it; by default "not loaded". */
  readonly verdict?: string;
  /** Names of the command's flags, which hints may mention. */
  readonly flags?: readonly string[];
}

/** Exit statuses other than 1. */
const STATUS: { readonly [C in CliErrorCode]?: number } = { usage: 2 };

const REPORT_IT = "This is a bug in kload: please report it, with the file or the output of kload inspect.";

/**
 * Turns whatever was thrown into a problem.
 *
 * @param error Whatever was thrown.
 * @param circumstances What the command knows about the file, if the error may be about one.
 * @returns The problem.
 */
export function problemOf(error: unknown, circumstances?: Circumstances): Problem {
  if (error instanceof LoadError) return loadProblem(error, circumstances);
  if (error instanceof CliError) {
    const { code, message, detail, hint, command, status = STATUS[code] ?? 1 } = error;
    const stack = code === "plugin-failed" ? stackOf(error) : undefined;
    return { code, message, detail, hint, command, stack, status };
  }
  const refused = refusedOption(error);
  if (refused) return { code: "usage", ...refused, status: 2 };
  const advice = lackingAdvice(error);
  if (advice) return { code: "internal", message: messageOf(error), detail: {}, ...advice, status: 1 };
  return { code: "internal", message: messageOf(error), detail: {}, hint: REPORT_IT, stack: stackOf(error), status: 1 };
}

/** What to do about an error of Deno that lacks a permission; `undefined` for any other. */
function lackingAdvice(error: unknown): Required<Pick<Problem, "hint" | "command">> | undefined {
  const command = neededFlag(error);
  return command === undefined ? undefined : { hint: "Grant Deno the permission:", command };
}

/** What to do about compressed data that cannot be unpacked; `undefined` for any other error. */
function unpackingAdvice(error: unknown, name: string | undefined): FormatAdvice | undefined {
  if (!(error instanceof Error) || error.name !== "UnpackError" || !("advice" in error)) return undefined;
  const advice = error.advice as FormatAdvice | undefined;
  return advice && formatAdvice(advice, pathOfSource(name ?? ""));
}

/** The message of "source-failed" ends in that of its cause, which is printed on a line of its own. */
function withoutCause({ code, message: own, cause }: LoadError): string {
  const message = typeof own === "string" ? own : "no message";
  const end = cause instanceof Error ? `: ${cause.message}` : "";
  return code === "source-failed" && message.endsWith(end) ? message.slice(0, message.length - end.length) : message;
}

function loadProblem(error: LoadError, circumstances?: Circumstances): Problem {
  const { name, verdict = "not loaded", flags = [] } = circumstances ?? {};
  const { code } = error;
  // The error may be another copy's, with fields of other types or without some of them.
  const detail: Problem["detail"] = { ...error.detail };
  const diagnostics = Array.isArray(error.diagnostics) ? error.diagnostics : [];
  const cause = error.cause === undefined ? undefined : messageOf(error.cause);
  const message = withoutCause(error);
  const advice = lackingAdvice(error.cause) ?? unpackingAdvice(error.cause, name);
  const hint = advice?.hint ?? flagHint(code, detail, flags) ??
    (cause === undefined ? errorHint(code, error.detail) || undefined : undefined);
  const stack = code === "plugin-failed" ? stackOf(error) : undefined;
  return { name, verdict, code, message, detail, cause, hint, command: advice?.command, stack, diagnostics, status: 1 };
}
