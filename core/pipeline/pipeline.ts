/**
 * Pipelines: immutable lists of stages whose order is checked, by the compiler where it knows the stages, and once
 * more before a load.
 *
 * @module
 */

import { isKebabCase } from "./kebab_case.ts";
import type { Base, Checked, Loading, Stage } from "./stage.ts";

/** The name of each stage in a list. */
export type StageName<S extends readonly Stage[]> = S[number]["name"];

/** A list of stages with others in place of the one named. */
export type Put<S extends readonly Stage[], N extends string, T extends readonly Stage[]> = S extends
  readonly [infer First extends Stage, ...infer Rest extends readonly Stage[]]
  ? First["name"] extends N ? readonly [...T, ...Rest] : readonly [First, ...Put<Rest, N, T>]
  : S;

/** The stage of that name in a list. */
export type Find<S extends readonly Stage[], N extends string> = Extract<S[number], { readonly name: N }>;

/** An immutable list of stages. */
export interface Pipeline<S extends readonly Stage[] = readonly Stage[]> {
  /** The stages, in order. */
  readonly stages: S;
  /** A new pipeline with a stage put in before the named one. Throws `TypeError` where there is no such name. */
  readonly before: <const N extends StageName<S>, const T extends Stage>(
    name: N,
    stage: T,
  ) => Pipeline<Put<S, N, readonly [T, Find<S, N>]>>;
  /** A new pipeline with a stage put in after the named one. Throws `TypeError` where there is no such name. */
  readonly after: <const N extends StageName<S>, const T extends Stage>(
    name: N,
    stage: T,
  ) => Pipeline<Put<S, N, readonly [Find<S, N>, T]>>;
  /** A new pipeline with a stage in place of the named one. Throws `TypeError` where there is no such name. */
  readonly replace: <const N extends StageName<S>, const T extends Stage>(
    name: N,
    stage: T,
  ) => Pipeline<Put<S, N, readonly [T]>>;
  /** A new pipeline that leaves the named stage out. Throws `TypeError` where there is no such name. */
  readonly without: <const N extends StageName<S>>(name: N) => Pipeline<Put<S, N, readonly []>>;
}

/** What a stage needs in the context. */
export type NeedsOf<T> = T extends { readonly segment: (phdr: never, context: infer N) => unknown } ? N
  : T extends { readonly run: (context: infer N) => unknown } ? N
  : never;

/** What a stage adds to the context. */
export type AddsOf<T> = T extends { readonly segment: (phdr: never, context: never) => infer A } ? Awaited<A>
  : T extends { readonly run: (context: never) => infer A } ? Awaited<A>
  : never;

/** What a segment stage finds beside what earlier stages added: the loop's own, once the headers are checked. */
export type Around<T, Have> = T extends { readonly segment: unknown } ? Have extends Checked ? Have & Loading : Have
  : Have;

/** The context at the end of a list of stages, or the first stage that misses something. */
export type Grown<S extends readonly Stage[], Have = Base> = S extends
  readonly [infer First extends Stage, ...infer Rest extends readonly Stage[]]
  ? Around<First, Have> extends NeedsOf<First> ? Grown<Rest, Around<First, Have> & AddsOf<First>>
  : { readonly misplaced: First["name"]; readonly misses: Exclude<keyof NeedsOf<First>, keyof Around<First, Have>> }
  : Have;

/** Nothing where the stages are in order and load something; else a type that no pipeline has, naming the fault. */
export type InOrder<S extends readonly Stage[]> = number extends S["length"] ? unknown
  : Grown<S> extends Checked & Loading ? unknown
  : { readonly wrongOrder: Grown<S> };

/**
 * Makes a pipeline of stages.
 *
 * @example
 * ```ts
 * import { defaultPipeline, pipeline } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const headersOnly = pipeline(defaultPipeline.stages[0], defaultPipeline.stages[1]);
 * assertEquals(headersOnly.stages.map((stage) => stage.name), ["parse", "sanity-check"]);
 * ```
 *
 * @param stages The stages, in order.
 * @returns The pipeline, frozen.
 */
export function pipeline<const S extends readonly Stage[]>(...stages: S): Pipeline<S> {
  const put = (name: string, replacement: (found: Stage) => readonly Stage[]): readonly Stage[] => {
    const index = stages.findIndex((stage) => stage.name === name);
    if (index < 0) throw new TypeError(`Cannot find stage "${name}" in the pipeline: it has ${listNames(stages)}`);
    return stages.toSpliced(index, 1, ...replacement(stages[index]));
  };
  // The tuple types of the new lists are known to the compiler alone.
  const grown = (list: readonly Stage[]) => pipeline(...list) as never;
  return Object.freeze({
    stages: Object.freeze(stages),
    before: (name: string, stage: Stage) => grown(put(name, (found) => [stage, found])),
    after: (name: string, stage: Stage) => grown(put(name, (found) => [found, stage])),
    replace: (name: string, stage: Stage) => grown(put(name, () => [stage])),
    without: (name: string) => grown(put(name, () => [])),
  });
}

function listNames(stages: readonly Stage[]): string {
  return stages.map((stage) => stage.name).join(", ") || "no stages";
}

const BASE: readonly (keyof Base)[] = ["rules", "settings", "intake", "report", "claimOn"];
const LOADING: readonly (keyof Loading)[] = ["memory", "frames", "pageTable", "keptBytes", "fileBytes"];

/**
 * Checks that every stage finds what it needs, as the compiler does for a list whose stages it knows.
 *
 * @param stages The stages, in order.
 * @throws {TypeError} Where a stage is malformed or named twice, needs what no earlier stage adds, or nothing is loaded.
 */
export function checkOrder(stages: readonly Stage[]): void {
  const have = new Set<string>(BASE);
  const names = new Set<string>();
  for (const stage of stages) {
    checkShape(stage);
    if (names.has(stage.name)) throw new TypeError(`Cannot run the pipeline: it has two stages named "${stage.name}"`);
    names.add(stage.name);
    const needs: readonly string[] = "segment" in stage ? ["segments", ...stage.needs] : stage.needs;
    if ("segment" in stage && have.has("segments")) LOADING.forEach((name) => have.add(name));
    for (const need of needs) {
      if (!have.has(need)) {
        throw new TypeError(`Cannot run stage "${stage.name}": it needs "${need}", which no stage before it adds`);
      }
    }
    for (const name of stage.adds) have.add(name);
  }
  if (!have.has("memory")) throw new TypeError(`Cannot run the pipeline: ${listNames(stages)} load nothing`);
}

function checkShape(stage: Stage): void {
  const { name, needs, adds } = stage;
  if (!isKebabCase(name)) {
    throw new TypeError(`Cannot use stage "${name}": its name is not in kebab-case`);
  }
  const work: unknown = "segment" in stage ? stage.segment : stage.run;
  if (!Array.isArray(needs) || !Array.isArray(adds) || typeof work !== "function") {
    throw new TypeError(`Cannot use stage "${name}": it lacks needs, adds, or one of run and segment`);
  }
}
