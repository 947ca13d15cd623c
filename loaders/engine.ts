/**
 * The engine that judges a file by the rules of a loader.
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import type { KeptFile } from "../core/file/kept_file.ts";
import type { Circumstances, Judgement, Loader } from "./loader.ts";
import type { Breach, Rule } from "./rule.ts";

/** A loader's rules, in the order in which the loader applies them. */
export interface RuleTable<View> extends Omit<Loader, "judge" | "rules"> {
  /** Collects what the rules look at; what only this loader reads of the file, it may have kept. */
  readonly view: (model: FileModel, circumstances: Circumstances, file: KeptFile) => View | Promise<View>;
  /**
   * The rules, in the order in which the loader applies them. Those in a list of their own are applied to one program
   * header, section or other record after the other: the first record that breaks one of them decides, by its index or
   * else its offset, and then the first rule.
   */
  readonly rules: readonly (Rule<View> | readonly Rule<View>[])[];
}

/**
 * Makes a loader of its table of rules. Its verdict on a file is that of the first rule that the file breaks; a file
 * that breaks none boots.
 *
 * @param table The loader's name and rules.
 * @returns The loader.
 */
export function rulesLoader<View>({ view, rules, ...loader }: RuleTable<View>): Loader {
  const steps = rules.map((step) => isRule(step) ? [step] : step);
  return {
    ...loader,
    rules: steps.flat(),
    judge: (model, circumstances, file) => {
      const seen = view(model, circumstances, file);
      return seen instanceof Promise ? seen.then((one) => judge(steps, one)) : judge(steps, seen);
    },
  };
}

function isRule<View>(step: Rule<View> | readonly Rule<View>[]): step is Rule<View> {
  return !Array.isArray(step);
}

function judge<View>(steps: readonly (readonly Rule<View>[])[], view: View): Judgement {
  for (const rules of steps) {
    let first: { readonly rule: Rule<View>; readonly breach: Breach } | undefined;
    for (const rule of rules) {
      const breach = rule.broken(view);
      if (breach && (!first || placeOf(breach) < placeOf(first.breach))) first = { rule, breach };
    }
    if (first) return judgementOf(first.rule, first.breach);
  }
  return { outcome: "boots" };
}

function placeOf({ index, offset }: Breach): number {
  return index ?? offset ?? -1;
}

function judgementOf<View>({ id, outcome, words, mend }: Rule<View>, breach: Breach): Judgement {
  return { outcome, rule: id, ...(words === undefined ? {} : { words }), hint: mend, ...breach };
}
