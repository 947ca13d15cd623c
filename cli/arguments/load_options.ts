/**
 * The flags of `load` as options of the loader.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { type LoadOptions, RULES, type RuleSetName } from "../../mod.ts";
import { usageError } from "../output/cli_error.ts";
import { parseBytes, parseInteger, parsePages } from "./numbers.ts";
import { printable } from "../output/text.ts";

/** The options that flags can give, with the rule set always named. */
export type FlagOptions =
  & Pick<LoadOptions, "memory" | "maxMemory" | "kernelOffset" | "level4Frame" | "kernelBase">
  & { readonly rules: RuleSetName };

/**
 * Reads the values of the flags.
 *
 * @param values The values as they were typed, by the names of their flags.
 * @returns The options.
 * @throws {CliError} "usage" where a value is malformed or out of bounds.
 */
export function loadOptions(values: ReadonlyMap<string, string>): FlagOptions {
  const read = <T>(flag: string, parse: (flag: string, text: string) => T): T | undefined => {
    const text = values.get(flag);
    return text === undefined ? undefined : parse(flag, text);
  };
  return {
    rules: read("rules", parseRules) ?? "default",
    memory: { base: read("memory-base", parsePages), size: read("memory-size", parsePages) },
    kernelOffset: read("kernel-offset", parsePages),
    level4Frame: read("level4-frame", parsePages),
    kernelBase: read("kernel-base", parseAddress),
    maxMemory: read("max-memory", parseBytes),
  };
}

function parseAddress(flag: string, text: string): bigint {
  const value = parseInteger(flag, text);
  if (value < 1n << 64n) return value;
  throw usageError(`Cannot use --${flag} ${printable(text)}: it has more than 64 bits`, undefined, {
    flag,
    value: text,
  });
}

/**
 * Reads the name of a rule set.
 *
 * @param flag The flag that it is the value of.
 * @param text The name as it was typed.
 * @returns The name.
 * @throws {CliError} "usage" where there is no such rule set.
 */
export function parseRules(flag: string, text: string): RuleSetName {
  if (Object.hasOwn(RULES, text)) return text as RuleSetName;
  const names = Object.keys(RULES);
  const hint = `Did you mean ${closestString(text, names)}? There are ${names.join(", ")}.`;
  throw usageError(`Cannot use --${flag} ${printable(text)}: there is no such rule set`, hint, { flag, value: text });
}
