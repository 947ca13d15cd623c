/**
 * The one error that a bad file, a failing source or too little memory gives.
 *
 * @module
 */

import type { Diagnostic } from "./diagnostics.ts";
import type { ErrorCode, LoadErrorDetails } from "./error_details.ts";
import { ERROR_TEXTS } from "./error_texts.ts";

export type { ErrorCode, LoadErrorDetails };

/** Every code of a {@linkcode LoadError}, sorted as they are documented. */
export const ERROR_CODES: readonly ErrorCode[] = Object.freeze(Object.keys(ERROR_TEXTS) as ErrorCode[]);

/**
 * What the user can do about an error of this code, in one or two sentences.
 *
 * @example
 * ```ts
 * import { errorHint } from "@kload/kload";
 * import { assert } from "@std/assert";
 *
 * assert(errorHint("machine-unsupported").includes("target"));
 * ```
 *
 * @param code A code of a {@linkcode LoadError}.
 * @param detail The error's detail: for some, another hint helps.
 * @returns The hint; empty for a code of another version of this module.
 */
export function errorHint<C extends ErrorCode>(code: C, detail?: LoadErrorDetails[C]): string {
  const text = ERROR_TEXTS[code];
  return (detail && text?.hintFor?.(detail)) ?? text?.hint ?? "";
}

/**
 * A kernel cannot be loaded: what is wrong, and where. `instanceof` also recognises errors of another copy of this
 * module, as a plugin may have loaded one.
 *
 * @example
 * ```ts
 * import { loadKernel, LoadError } from "@kload/kload";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() => loadKernel(new Uint8Array(64)), LoadError);
 * assertEquals(error.code, "not-elf");
 * ```
 */
export class LoadError<C extends ErrorCode = ErrorCode> extends Error {
  /** Always "LoadError". */
  override readonly name = "LoadError";
  /** What is wrong, from a closed set. */
  readonly code: C;
  /** Where it is wrong: the field, its value and, if one is concerned, the program header's index. */
  readonly detail: LoadErrorDetails[C];
  /** What had been reported about the file when it was refused. */
  readonly diagnostics: readonly Diagnostic[];

  /**
   * Composes the message from code and detail.
   *
   * @param code What is wrong.
   * @param detail Where, with the values that the message names.
   * @param options `cause`: the error that led to this one; `diagnostics`: what had been reported about the file.
   */
  constructor(
    code: C,
    detail: LoadErrorDetails[C],
    { cause, diagnostics = [] }: { readonly cause?: unknown; readonly diagnostics?: readonly Diagnostic[] } = {},
  ) {
    super(ERROR_TEXTS[code].message(detail, cause), cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.diagnostics = diagnostics;
  }

  /**
   * Whether a value is a load error, of this copy of the module or of another.
   *
   * @param value Any value.
   * @returns True if it has the name, a code and a detail.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    if (this !== LoadError || typeof value !== "object" || value === null) return false;
    const { name, code, detail } = value as Partial<LoadError>;
    return name === "LoadError" && typeof code === "string" && typeof detail === "object";
  }
}

/**
 * The same error with more known about it; it keeps the stack of the first.
 *
 * @param error The error.
 * @param change What is added to its detail, and the diagnostics so far.
 * @returns A new error.
 */
export function amended(
  error: LoadError,
  { detail = {}, diagnostics = error.diagnostics }: {
    readonly detail?: Partial<LoadErrorDetails[ErrorCode]>;
    readonly diagnostics?: readonly Diagnostic[];
  },
): LoadError {
  const { code, cause } = error;
  if (!Object.hasOwn(ERROR_TEXTS, code)) return error; // of another version of this module
  const merged = { ...error.detail, ...detail } as LoadErrorDetails[ErrorCode];
  const amended = new LoadError(code, merged, { cause, diagnostics });
  const frames = error.stack?.slice(error.stack.indexOf("\n    at "));
  if (frames) amended.stack = `${amended.name}: ${amended.message}${frames}`;
  return amended;
}
