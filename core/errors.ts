/**
 * The error that a load rejects with: a bad file, a failing source, or too little memory.
 *
 * @module
 */

import type { Diagnostic } from "./diagnostics.ts";
import type { ErrorCode, LoadErrorDetails } from "./error_details.ts";
import { ERROR_TEXTS } from "./error_texts.ts";

export type { ErrorCode, LoadErrorDetails };

/** Every code of a {@linkcode LoadError}, in the order of the documentation. */
export const ERROR_CODES: readonly ErrorCode[] = Object.freeze(Object.keys(ERROR_TEXTS) as ErrorCode[]);

/**
 * Returns what the user can do about an error with this code, in one or two sentences.
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
 * @param detail The error's detail, as some errors of a code have a hint of their own.
 * @returns The hint; empty for a code that this version of the module does not have.
 */
export function errorHint<C extends ErrorCode>(code: C, detail?: LoadErrorDetails[C]): string {
  const text = ERROR_TEXTS[code];
  return (detail && text?.hintFor?.(detail)) ?? text?.hint ?? "";
}

/**
 * The error of a kernel that cannot be loaded: what is wrong, and where. `instanceof` also recognizes the errors of
 * another copy of this module, which a plugin may have imported.
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
  /** Where it is wrong: the field, its value and, if the error is about a program header, its index. */
  readonly detail: LoadErrorDetails[C];
  /** The diagnostics reported before the error. */
  readonly diagnostics: readonly Diagnostic[];

  /**
   * Creates an error; its message follows from the code and the detail.
   *
   * @param code What is wrong.
   * @param detail Where it is wrong, with the values for the message.
   * @param options `cause`: the error that led to this one; `diagnostics`: what was reported before it.
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
   * Whether a value is a load error from this copy of the module or another.
   *
   * @param value Any value.
   * @returns True for an instance, or an object with the name, a code and a detail.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    if (this !== LoadError || typeof value !== "object" || value === null) return false;
    const { name, code, detail } = value as Partial<LoadError>;
    return name === "LoadError" && typeof code === "string" && typeof detail === "object";
  }
}

/**
 * Copies an error with more detail or diagnostics; the stack frames stay the same.
 *
 * @param error The error.
 * @param change What to add to its detail, and the diagnostics so far.
 * @returns A new error; the same one if its code is of another version of this module, or its detail is incomplete.
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
  const amended = copied(code, merged, { cause, diagnostics });
  if (amended === undefined) return error;
  const frames = error.stack?.slice(error.stack.indexOf("\n    at "));
  if (frames) amended.stack = `${amended.name}: ${amended.message}${frames}`;
  return amended;
}

/**
 * Creates an error; `undefined` if its message cannot be composed, as the detail of another copy's error lacks fields.
 */
function copied(...args: ConstructorParameters<typeof LoadError>): LoadError | undefined {
  try {
    return new LoadError(...args);
  } catch {
    return undefined;
  }
}
