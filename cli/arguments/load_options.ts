/**
 * The flags of `load` as options of the loader.
 *
 * @module
 */

import type { RuleSetName } from "../../mod.ts";
import { RULES } from "../../core/rules.ts";
import type { KernelOptions } from "../commands/load_by_preset.ts";
import { parseChoice } from "./choice.ts";
import { parseAddress, parseBytes, parsePages } from "./numbers.ts";

/** The options that flags can give, with the rule set always named. */
export type FlagOptions = Pick<
  KernelOptions,
  "rules" | "memory" | "maxMemory" | "kernelOffset" | "level4Frame" | "kernelBase"
>;

/**
 * Reads the values of the flags.
 *
 * @param values The values as they were typed, by the names of their flags.
 * @returns The options.
 * @throws {CliError} "usage" if a value is malformed or out of bounds.
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

/**
 * Reads the name of a rule set.
 *
 * @param flag The flag that it is the value of.
 * @param text The name as it was typed.
 * @returns The name.
 * @throws {CliError} "usage" if there is no such rule set.
 */
export function parseRules(flag: string, text: string): RuleSetName {
  return parseChoice(flag, text, Object.keys(RULES) as RuleSetName[]);
}
