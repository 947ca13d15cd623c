/**
 * The order of stages: each needs what earlier stages add. The compiler checks it where a pipeline of known stages is
 * composed; every list is also checked at run time.
 *
 * @module
 */

import type { Base, Context, Loading } from "./context.ts";
import { isKebabCase } from "./kebab_case.ts";
import type { AddsOf, AllOf, NeedsOf, Stage } from "./stage.ts";

/** One of the names that `Needs` requires and `Have` lacks, or has with another type; never if there is none. */
export type OneLacking<Have, Needs> = AllOf<
  {
    [K in keyof Needs & string]-?: Record<never, never> extends Pick<Needs, K> ? never
      : K extends keyof Have ? Have[K] extends Needs[K] ? never : () => K
      : () => K;
  }[keyof Needs & string]
> extends () => infer Name ? Name & string : never;

/**
 * The name of something that a stage needs but does not get; never if there is none. Once the program headers are
 * checked, a segment stage also gets what the loop over them provides.
 */
export type Missing<T, Have> = T extends { readonly segment: unknown }
  ? Have extends Pick<Context, "segments"> ? OneLacking<Have & Loading, NeedsOf<T>> : "segments"
  : OneLacking<Have, NeedsOf<T>>;

/**
 * The context at the end of a list of stages, or a sentence that explains what is wrong if they are not in order or two
 * of them have the same name. `Have` and `Names` are what the stages before the list add and how they are named.
 */
export type Grown<S extends readonly unknown[], Have = Base, Names = never> = S extends
  readonly [infer First extends Stage, ...infer Rest extends readonly unknown[]]
  ? [First["name"]] extends [Names] ? `the pipeline has two stages named "${First["name"]}"`
  : [Missing<First, Have>] extends [never] ? Grown<
      Rest,
      & Have
      & ([AddsOf<First>] extends [never] ? unknown : AddsOf<First>)
      & (First extends { readonly segment: unknown } ? Loading : unknown),
      Names | (string extends First["name"] ? never : First["name"])
    >
  : `stage "${First["name"]}" needs "${Missing<First, Have>}", which no stage before it adds`
  : Have;

/**
 * `T` itself if the stages are in order or unknown; otherwise a sentence that explains what is wrong, which no value
 * matches.
 */
export type IfInOrder<T, S extends readonly unknown[]> = number extends S["length"] ? T
  : Grown<S> extends infer Fault extends string ? Fault
  : T;

const BASE: readonly (keyof Base)[] = ["rules", "settings", "intake", "pause", "report", "claimOn", "takes"];
const LOADING: readonly (keyof Loading)[] = ["addressSpace", "keptBytes", "fileBytes", "endMarks"];

/**
 * Checks that every stage gets what it needs, as the compiler does for a list whose stages it knows.
 *
 * @param stages The stages, in order.
 * @throws {TypeError} If a stage is malformed, two stages have the same name, or a stage needs what no earlier stage
 * adds.
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
 * Checks that a list of stages loads a kernel.
 *
 * @param stages The stages.
 * @throws {TypeError} If none of them is a segment stage.
 */
export function checkLoads(stages: readonly Stage[]): void {
  if (stages.some((stage) => "segment" in stage)) return;
  throw new TypeError(`Cannot run the pipeline: ${listNames(stages)} load nothing; it needs a segment stage`);
}

/**
 * Lists the names of stages, for messages.
 *
 * @param stages The stages.
 * @returns A list such as "parse, sanity-check".
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
  const malformed = (fault: string) => new TypeError(`Cannot use stage "${name}": ${fault}`);
  if (!Array.isArray(needs)) throw malformed("its needs must be an array");
  if (!Array.isArray(adds)) throw malformed("its adds must be an array");
  if (typeof work !== "function") throw malformed("it must have a function run or segment");
}
