/**
 * Pipelines: immutable lists of stages in order.
 *
 * @module
 */

import { checkOrder, type Grown, type IfInOrder, listNames } from "./order.ts";
import type { Stage } from "./stage.ts";

/** A list of stages in which `T` is put next to the stage named `N` or replaces it, or that stage is removed. */
export type Put<
  S extends readonly Stage[],
  Where extends "before" | "after" | "instead" | "nowhere",
  N extends string,
  T extends Stage,
> = S extends readonly [infer First extends Stage, ...infer Rest extends readonly Stage[]] ? First["name"] extends N ? {
      readonly before: readonly [T, First, ...Rest];
      readonly after: readonly [First, T, ...Rest];
      readonly instead: readonly [T, ...Rest];
      readonly nowhere: Rest;
    }[Where]
  : readonly [First, ...Put<Rest, Where, N, T>]
  : S;

/**
 * An immutable list of stages in order. Its functions return a new pipeline. A change that leaves a stage without what
 * it needs, a name that is already in the list, and one to be found there that is not, are refused: by the compiler if
 * it knows the stages, and always with a `TypeError`.
 */
export interface Pipeline<out S extends readonly Stage[] = readonly Stage[]> {
  /** The stages, in order. */
  readonly stages: S;
  /** Adds a stage before the named one. */
  readonly before: <const N extends S[number]["name"], const T extends Stage>(
    name: N,
    stage: IfInOrder<T, Put<S, "before", N, T>>,
  ) => Pipeline<Put<S, "before", N, T>>;
  /** Adds a stage after the named one. */
  readonly after: <const N extends S[number]["name"], const T extends Stage>(
    name: N,
    stage: IfInOrder<T, Put<S, "after", N, T>>,
  ) => Pipeline<Put<S, "after", N, T>>;
  /** Replaces the named stage. */
  readonly replace: <const N extends S[number]["name"], const T extends Stage>(
    name: N,
    stage: IfInOrder<T, Put<S, "instead", N, T>>,
  ) => Pipeline<Put<S, "instead", N, T>>;
  /** Removes the named stage. */
  readonly without: <const N extends S[number]["name"]>(
    name: [S[number]["name"]] extends [N] ? N : IfInOrder<N, Put<S, "nowhere", N, never>>,
  ) => Pipeline<Put<S, "nowhere", N, never>>;
}

/**
 * Composes stages into a pipeline.
 *
 * @example
 * ```ts
 * import { defaultPipeline, pipeline } from "@kload/kload/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const headersOnly = pipeline(defaultPipeline.stages[0], defaultPipeline.stages[1]);
 * assertEquals(headersOnly.stages.map((stage) => stage.name), ["parse", "sanity-check"]);
 * ```
 *
 * @param stages The stages, in order.
 * @returns The pipeline, frozen.
 * @throws {TypeError} If a stage is malformed, two stages have the same name, or a stage needs what no earlier stage
 * adds.
 */
export function pipeline<const S extends readonly Stage[]>(
  ...stages: number extends S["length"] ? S : {
    readonly [I in keyof S]: Grown<S> extends
      `stage "${S[I]["name"]}" needs ${string}` | `${string} two stages named "${S[I]["name"]}"` ? Grown<S> : S[I];
  }
): Pipeline<S> {
  return compose(stages as unknown as S) as unknown as Pipeline<S>;
}

function compose(stages: readonly Stage[]): Pipeline {
  checkOrder(stages);
  const put = (name: string, replacement: (found: Stage) => readonly Stage[]): never => {
    const index = stages.findIndex((stage) => stage.name === name);
    if (index < 0) throw new TypeError(`Cannot find stage "${name}" in the pipeline: it has ${listNames(stages)}`);
    // The tuple types of new lists exist only at compile time.
    return compose(stages.toSpliced(index, 1, ...replacement(stages[index]))) as never;
  };
  return Object.freeze({
    stages: Object.freeze([...stages]),
    before: (name: string, stage: Stage) => put(name, (found) => [stage, found]),
    after: (name: string, stage: Stage) => put(name, (found) => [found, stage]),
    replace: (name: string, stage: Stage) => put(name, () => [stage]),
    without: (name: string) => put(name, () => []),
  }) as unknown as Pipeline;
}
