/**
 * The command line's own errors.
 *
 * @module
 */

/** What can go wrong outside the loader. */
export type CliErrorCode =
  | "usage"
  | "source-failed"
  | "plugin-failed"
  | "dump-failed"
  | "image-failed"
  | "fix-failed"
  | "qemu-failed"
  | "output-failed"
  | "interrupted";

/** What a {@linkcode CliError} carries besides its code and message. */
export interface CliErrorOptions {
  /** What to do about it. */
  readonly hint?: string;
  /** A command or flag to copy. It is printed after the hint, on a line of its own, and never wrapped. */
  readonly command?: string;
  /** Where it went wrong, for programs. Values that the message quotes are never wrapped. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** The exit status; by default the one of the code. */
  readonly status?: number;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/** Something went wrong outside the loader. */
export class CliError extends Error {
  /** Always "CliError". */
  override readonly name = "CliError";
  /** What went wrong. */
  readonly code: CliErrorCode;
  /** What to do about it. */
  readonly hint?: string;
  /** A command or flag to copy, printed after the hint. */
  readonly command?: string;
  /** Where it went wrong, for programs. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** The exit status, if it is not that of the code. */
  readonly status?: number;

  /**
   * Creates an error.
   *
   * @param code What went wrong.
   * @param message What went wrong, in words.
   * @param options Hint, command, detail, status and cause, if any.
   */
  constructor(
    code: CliErrorCode,
    message: string,
    { hint, command, detail = {}, status, cause }: CliErrorOptions = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.hint = hint;
    this.command = command;
    this.detail = detail;
    this.status = status;
  }
}

/**
 * An error in the arguments.
 *
 * @param message What is wrong.
 * @param hint What to do about it.
 * @param detail Where it is wrong, for programs.
 * @returns The error.
 */
export function usageError(message: string, hint?: string, detail?: Readonly<Record<string, unknown>>): CliError {
  return new CliError("usage", message, { hint, detail });
}

/**
 * The message of an error and its causes, without the error number and the path that Deno appends.
 *
 * @param error Whatever was thrown.
 * @returns Such as "Permission denied".
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message.replace(/ \(os error \d+\).*$/s, "");
  return error.cause instanceof Error ? `${message}: ${messageOf(error.cause)}` : message;
}
