/**
 * The flags of `load` as options for the loader.
 *
 * @module
 */

import type { LoadOptions, RuleSetName } from "../../mod.ts";
import { RULES } from "../../core/rules.ts";
import { parseChoice } from "./choice.ts";
import { parseAddress, parseBytes, parsePages } from "./numbers.ts";
import { readValue } from "./read_value.ts";

const PAGE_SIZE = 4096;

/** The options that flags can set; the rule set is always named. */
export type FlagOptions =
  & Pick<LoadOptions, "memory" | "maxMemory" | "kernelOffset" | "level4Frame" | "kernelBase">
  & { readonly rules: RuleSetName };

/**
 * Reads the values of the flags.
 *
 * @param values The values as typed, by flag name.
 * @returns The options.
 * @throws {CliError} "usage" if a value is malformed or out of bounds.
 */
export function loadOptions(values: ReadonlyMap<string, string>): FlagOptions {
  return {
    rules: readValue(values, "rules", parseRules) ?? "default",
    memory: {
      base: readValue(values, "memory-base", parsePages),
      size: readValue(values, "memory-size", (flag, text) => parsePages(flag, text, PAGE_SIZE)),
    },
    kernelOffset: readValue(values, "kernel-offset", parsePages),
    level4Frame: readValue(values, "level4-frame", parsePages),
    kernelBase: readValue(values, "kernel-base", parseAddress),
    maxMemory: readValue(values, "max-memory", (flag, text) => parseBytes(flag, text, 1)),
  };
}

/**
 * Reads the name of a rule set.
 *
 * @param flag The flag's name, without the dashes.
 * @param text The name as typed.
 * @returns The name.
 * @throws {CliError} "usage" if there is no such rule set.
 */
export function parseRules(flag: string, text: string): RuleSetName {
  return parseChoice(flag, text, Object.keys(RULES) as RuleSetName[]);
}
