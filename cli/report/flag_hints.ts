/**
 * Translates the loader's options and errors into flags.
 *
 * @module
 */

import type { ErrorCode } from "../../mod.ts";
import type { OptionCause } from "../../core/pipeline/settings.ts";
import { isBuiltIn } from "../arguments/built_in_plugins.ts";
import { hex } from "../output/text.ts";

/** A flag that helps with an error. */
interface FlagHint {
  /** The flag's name, without the dashes. */
  readonly flag: string;
  /** The hint, which replaces the loader's own; `undefined` if the flag does not help in this case. */
  readonly hint: (detail: Readonly<Record<string, unknown>>) => string | undefined;
}

const MEMORY_SIZE: FlagHint = {
  flag: "memory-size",
  hint: () => "Give a larger --memory-size, or leave it out to have the size computed.",
};

const FLAG_HINTS: { readonly [C in ErrorCode]?: FlagHint } = {
  "kernel-base-refused": {
    flag: "kernel-base",
    hint: () => "Leave out --kernel-base, or link the kernel as a static PIE (-static-pie).",
  },
  "kernel-base-misaligned": { flag: "kernel-base", hint: alignedBase },
  "memory-limit-exceeded": {
    flag: "max-memory",
    hint: () => "If the kernel is meant to need that much, raise --max-memory.",
  },
  "memory-too-small": MEMORY_SIZE,
  "frames-exhausted": MEMORY_SIZE,
  "plugin-failed": { flag: "no-plugin", hint: withoutPlugin },
};

/**
 * Finds the hint of a flag that helps with an error.
 *
 * @param code The error's code.
 * @param detail The error's detail, which may be incomplete.
 * @param flags Names of the flags that the command has.
 * @returns The hint; `undefined` if no flag helps.
 */
export function flagHint(
  code: ErrorCode,
  detail: Readonly<Record<string, unknown>>,
  flags: readonly string[],
): string | undefined {
  const found = FLAG_HINTS[code];
  return found && flags.includes(found.flag) ? found.hint(detail) : undefined;
}

/** Only built-in plugins can be left out by their name. */
function withoutPlugin({ field, value }: Readonly<Record<string, unknown>>): string | undefined {
  if (field !== "plugin" || !isBuiltIn(value)) return undefined;
  return `--no-plugin ${value} leaves this built-in plugin out.`;
}

function alignedBase({ value, limit }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof value !== "bigint" || !Number.isSafeInteger(limit) || !(Number(limit) > 0)) return undefined;
  return `--kernel-base ${hex(value - value % BigInt(limit as number))} keeps every segment aligned.`;
}

/** The flags of the loader's options. */
const FLAGS: ReadonlyMap<string, string> = new Map([
  ["memory.base", "memory-base"],
  ["memory.size", "memory-size"],
  ["kernelOffset", "kernel-offset"],
  ["level4Frame", "level4-frame"],
  ["maxMemory", "max-memory"],
  ["kernelBase", "kernel-base"],
]);

/** A refused option, in terms of its flag. */
export interface RefusedOption {
  /** What is wrong, in words. */
  readonly message: string;
  /** The flag's name and value, for programs. */
  readonly detail: { readonly flag: string; readonly value: string };
}

/**
 * Finds the flag of an option that the loader refused; the cause of its `TypeError` or `RangeError` names the option.
 *
 * @param error Whatever was thrown.
 * @returns The refusal in terms of the flag; `undefined` for any other error.
 */
export function refusedOption(error: unknown): RefusedOption | undefined {
  if (!(error instanceof TypeError) && !(error instanceof RangeError)) return undefined;
  const { option, value, why } = (error.cause ?? {}) as Partial<OptionCause>;
  const flag = FLAGS.get(option ?? "");
  if (flag === undefined) return undefined;
  const reason = option === "memory.size"
    ? "it must be a multiple of 4096, and at most --max-memory (4 GiB by default)"
    : why;
  const given = hex(value as bigint | number);
  return { message: `Cannot use --${flag} ${given}: ${reason}`, detail: { flag, value: given } };
}
