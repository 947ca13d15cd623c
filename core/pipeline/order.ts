/**
 * The order of stages: each needs what those before it add. The compiler checks it where a pipeline of known stages is
 * composed; a list that it does not know is checked when it runs.
 *
 * @module
 */

import type { Base, Checked, Loading } from "./context.ts";
import { isKebabCase } from "./kebab_case.ts";
import type { AddsOf, NeedsOf, Stage } from "./stage.ts";

/** What a stage finds: a segment stage also finds what the loop over the headers provides, once they are checked. */
export type Around<T, Have> = T extends { readonly segment: unknown } ? Have extends Checked ? Have & Loading : Have
  : Have;

/** The context at the end of a list of stages. */
export type Grown<S extends readonly unknown[], Have = Base> = S extends
  readonly [infer First, ...infer Rest extends readonly unknown[]] ? Grown<Rest, Around<First, Have> & AddsOf<First>>
  : Have;

/** Names of what has to be in a context of this type. */
export type RequiredName<T> =
  & { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? never : K }[keyof T]
  & string;

/** Names of what a stage needs and does not find, or finds with another type. */
export type Missing<T, Have> = {
  [K in RequiredName<NeedsOf<T>>]: K extends keyof Have ? Have[K] extends NeedsOf<T>[K] ? never : K : K;
}[RequiredName<NeedsOf<T>>];

/** What is wrong with a list of stages, as a sentence; never if nothing is. */
export type Fault<S extends readonly unknown[], Have = Base> = S extends
  readonly [infer First extends Stage, ...infer Rest extends readonly unknown[]]
  ? [Missing<First, Around<First, Have>>] extends [never] ? Fault<Rest, Around<First, Have> & AddsOf<First>>
  : `stage "${First["name"]}" needs "${Missing<First, Around<First, Have>>}", which no stage before it adds`
  : never;

/** `T` itself if the stages are in order or not known; else a sentence that says what is wrong, which no value has. */
export type IfInOrder<T, S extends readonly unknown[]> = number extends S["length"] ? T
  : [Fault<S>] extends [never] ? T
  : Fault<S>;

/** The stages themselves if they are in order or not known; else, in each place, the sentence that says what is wrong. */
export type InOrder<S extends readonly unknown[]> = number extends S["length"] ? S
  : [Fault<S>] extends [never] ? S
  : { readonly [I in keyof S]: Fault<S> };

/** Nothing if the stages load a kernel or are not known; else a sentence that says that they do not. */
export type Loads<S extends readonly unknown[]> = number extends S["length"] ? unknown
  : Grown<S> extends Checked & Loading ? unknown
  : "the pipeline loads nothing: it has no segment stage";

const BASE: readonly (keyof Base)[] = ["rules", "settings", "intake", "report", "claimOn", "takes"];
const LOADING: readonly (keyof Loading)[] = ["addressSpace", "keptBytes", "fileBytes", "endMarks"];

/**
 * Checks that every stage finds what it needs, as the compiler does for a list whose stages it knows.
 *
 * @param stages The stages, in order.
 * @throws {TypeError} If a stage is malformed or named twice, or needs what no earlier stage adds.
 */
export function checkOrder(stages: readonly Stage[]): void {
  const have = new Set<string>(BASE);
  const names = new Set<string>();
  for (const stage of stages) {
    checkShape(stage);
    if (names.has(stage.name)) throw new TypeError(`Cannot run the pipeline: it has two stages named "${stage.name}"`);
    names.add(stage.name);
    const needs = "segment" in stage ? ["segments", ...stage.needs] : stage.needs;
    if ("segment" in stage && have.has("segments")) LOADING.forEach((name) => have.add(name));
    for (const need of needs) {
      if (need.endsWith("?") || have.has(need)) continue;
      throw new TypeError(`Cannot run stage "${stage.name}": it needs "${need}", which no stage before it adds`);
    }
    for (const name of stage.adds) have.add(name);
  }
}

/**
 * Checks that a list of stages in order loads a kernel.
 *
 * @param stages The stages.
 * @throws {TypeError} If none of them is a segment stage.
 */
export function checkLoads(stages: readonly Stage[]): void {
  if (stages.some((stage) => "segment" in stage)) return;
  throw new TypeError(`Cannot run the pipeline: ${listNames(stages)} load nothing; it needs a segment stage`);
}

/**
 * The names of stages, for messages.
 *
 * @param stages The stages.
 * @returns Such as "parse, sanity-check".
 */
export function listNames(stages: readonly Stage[]): string {
  return stages.map((stage) => stage.name).join(", ") || "no stages";
}

function checkShape(stage: Stage): void {
  const { name, needs, adds } = stage;
  if (!isKebabCase(name)) {
    throw new TypeError(`Cannot use stage "${name}": its name must be in kebab-case`);
  }
  const work: unknown = "segment" in stage ? stage.segment : stage.run;
  if (!Array.isArray(needs) || !Array.isArray(adds) || typeof work !== "function") {
    throw new TypeError(`Cannot use stage "${name}": it needs arrays needs and adds, and one of run and segment`);
  }
}
