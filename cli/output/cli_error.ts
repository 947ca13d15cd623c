/**
 * The command line's own errors.
 *
 * @module
 */

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

/** What a {@linkcode CliError} carries besides its code and message. */
export interface CliErrorOptions {
  /** What to do about it. */
  readonly hint?: string;
  /** What follows the hint, to be copied: a command or a flag. It is printed whole, on a line of its own. */
  readonly command?: string;
  /** Where it went wrong, for programs. Values that the message quotes are never broken across lines. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/** Something went wrong outside of the loader. */
export class CliError extends Error {
  /** Always "CliError". */
  override readonly name = "CliError";
  /** What went wrong. */
  readonly code: CliErrorCode;
  /** What to do about it. */
  readonly hint?: string;
  /** What follows the hint, to be copied. */
  readonly command?: string;
  /** Where it went wrong, for programs. */
  readonly detail: Readonly<Record<string, unknown>>;

  /**
   * Creates an error.
   *
   * @param code What went wrong.
   * @param message The same in words.
   * @param options Hint, command, detail and cause, if any.
   */
  constructor(code: CliErrorCode, message: string, { hint, command, detail = {}, cause }: CliErrorOptions = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.hint = hint;
    this.command = command;
    this.detail = detail;
  }
}

/**
 * The error of a wrong usage.
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
 * The message of an error and of its causes, without the error number and the path that the system appends.
 *
 * @param error Whatever was thrown.
 * @returns Such as "Permission denied".
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message.replace(/ \(os error \d+\).*$/s, "");
  return error.cause instanceof Error ? `${message}: ${messageOf(error.cause)}` : message;
}
