/**
 * Stages: the steps of a load. What a stage needs and adds is declared once, by name; its types are derived from that.
 *
 * @module
 */

import { typedValue } from "../intake/value_kind.ts";
import type { Segment } from "../elf/program_header.ts";
import type { Context, TakesFor } from "./context.ts";

/** A stage that runs once. Create one with {@linkcode imageStage}. */
export interface ImageStage<Name extends string = string, Needs = never, Adds = unknown> {
  /** Name in kebab-case, unique in a pipeline. */
  readonly name: Name;
  /** Names of what it reads from the context; a name that may be missing ends in "?". */
  readonly needs: readonly string[];
  /** Names of what it adds to the context. */
  readonly adds: readonly string[];
  /** Returns the most bytes of memory that it takes for a file. */
  readonly takes?: (file: TakesFor) => number;
  /** Does the work. */
  readonly run: (context: Needs) => Adds | Promise<Adds>;
}

/**
 * A stage that runs for each program header, in table order. For each header, it runs after the segment stages before
 * it. It can need anything in {@linkcode Loading}. Create one with {@linkcode segmentStage}.
 */
export interface SegmentStage<Name extends string = string, Needs = never, Adds = unknown> {
  /** Name in kebab-case, unique in a pipeline. */
  readonly name: Name;
  /** Names of what it reads from the context; a name that may be missing ends in "?". */
  readonly needs: readonly string[];
  /** Names of what it may add to the context. */
  readonly adds: readonly string[];
  /** Returns the most bytes of memory that it takes for a file. */
  readonly takes?: (file: TakesFor) => number;
  /** Does the work for one program header. */
  readonly segment: (segment: Segment, context: Needs) => Adds | Promise<Adds>;
}

/** Any stage. */
export type Stage = ImageStage | SegmentStage;

/**
 * What a stage can need: a name in the context, a name with "?" if it may be missing, or another stage, which stands
 * for everything that it adds. Names with "?" that are not in {@linkcode Context}, such as what the stage itself added
 * for earlier headers, have the type `unknown`.
 */
export type Need = keyof Context | `${string}?` | Stage;

/** What a stage adds to the context. */
export type AddsOf<T> = T extends { readonly segment: (segment: never, context: never) => infer A } ? Awaited<A>
  : T extends { readonly run: (context: never) => infer A } ? Awaited<A>
  : never;

/** What a stage needs in the context. */
export type NeedsOf<T> = T extends { readonly segment: (segment: never, context: infer N) => unknown } ? N
  : T extends { readonly run: (context: infer N) => unknown } ? N
  : never;

/** The part of the context that a stage with these needs reads. */
export type Reads<N extends Need> =
  & { readonly [K in Extract<N, keyof Context>]: Context[K] }
  & {
    readonly [Q in Extract<N, `${string}?`> as Q extends `${infer K}?` ? K : never]?: Q extends `${infer K}?`
      ? K extends keyof Context ? Context[K] : unknown
      : never;
  }
  & AllOf<AddsOf<Extract<N, Stage>>>;

/** The intersection of the members of a union; `unknown` if it has none. */
export type AllOf<U> = (U extends unknown ? (member: U) => void : never) extends (all: infer I) => void ? I : never;

/**
 * What a stage may return as `R`: each key that its `adds` do not name has a sentence as its type, which no value
 * matches. Keys that the compiler does not know are checked at run time. `then` keeps a promise from being `R` itself.
 */
export type OnlyAdds<Name extends string, A extends string, R> =
  & {
    readonly [K in keyof R]?: K extends A ? unknown
      : string extends K ? unknown
      : `stage "${Name}" returns "${K & string}", which its adds do not include`;
  }
  & { readonly then?: never };

/** What a stage returns that adds nothing: one object for all of them. */
export const NOTHING: Readonly<Record<never, never>> = Object.freeze({});

/** What a stage reads, adds and takes. */
export interface StageShape<N extends Need, A extends string> {
  /** What it reads from the context. */
  readonly needs: readonly N[];
  /** Names of what it adds to the context. Default: nothing. */
  readonly adds?: readonly A[];
  /** Returns the most bytes of memory that it takes for a file. Default: none. */
  readonly takes?: (file: TakesFor) => number;
}

/**
 * Creates a stage that runs once.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { defaultPipeline, imageStage } from "@kload/kload/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const largest = imageStage("largest", { needs: ["segments"], adds: ["bytes"] }, ({ segments }) => {
 *   return { bytes: Math.max(...segments.map(({ load }) => load?.memSize ?? 0)) };
 * });
 * const twice = imageStage("twice", { needs: [largest], adds: ["twice"] }, ({ bytes }) => ({ twice: 2 * bytes }));
 * const pipeline = defaultPipeline.after("sanity-check", largest).after("largest", twice);
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"), { pipeline });
 * assertEquals(kernel.results.twice, { twice: 0x6c80 });
 * ```
 *
 * @param name Name in kebab-case.
 * @param shape What it reads, adds and takes.
 * @param run Does the work; its context has what `needs` names.
 * @returns The stage, frozen.
 */
export function imageStage<
  const Name extends string,
  const N extends Need,
  R extends { readonly [K in A]: K extends keyof Context ? Context[K] : unknown } & OnlyAdds<Name, A, R>,
  const A extends string = never,
>(
  name: Name,
  shape: StageShape<N, A>,
  run: (context: Reads<N>) => R | Promise<R>,
): ImageStage<
  Name,
  Reads<N>,
  { readonly [K in A]: K extends keyof Context ? Context[K] : K extends keyof R ? R[K] : never }
> {
  return Object.freeze({ ...parts(name, shape, run), run }) as never; // its types exist only at compile time
}

/**
 * Creates a stage that runs for each program header.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { defaultPipeline, segmentStage } from "@kload/kload/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const lastText = segmentStage("last-text", { needs: [], adds: ["textIndex"] }, ({ index, p_flags }) => {
 *   return (p_flags & 1) !== 0 ? { textIndex: index } : {};
 * });
 * const pipeline = defaultPipeline.after("map-load", lastText);
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"), { pipeline });
 * assertEquals(kernel.results["last-text"].textIndex, 0);
 * ```
 *
 * @param name Name in kebab-case.
 * @param shape What it reads, adds and takes.
 * @param segment Does the work for one program header; what it returns replaces what it returned for earlier ones.
 * @returns The stage, frozen.
 */
export function segmentStage<
  const Name extends string,
  const N extends Need,
  R extends { readonly [K in A]?: K extends keyof Context ? Context[K] : unknown } & OnlyAdds<Name, A, R>,
  const A extends string = never,
>(
  name: Name,
  shape: StageShape<N, A>,
  segment: (segment: Segment, context: Reads<N>) => R | Promise<R>,
): SegmentStage<
  Name,
  Reads<N>,
  { readonly [K in A]?: K extends keyof Context ? Context[K] : K extends keyof R ? R[K] : never }
> {
  return Object.freeze({ ...parts(name, shape, segment), segment }) as never; // as above
}

function parts<N extends Need, A extends string>(
  name: string,
  shape: StageShape<N, A>,
  work: unknown,
): Omit<ImageStage, "run"> {
  if (typeof shape !== "object" || shape === null) {
    throw new TypeError(`Cannot make stage "${name}": pass { needs, adds } after its name, not ${typedValue(shape)}`);
  }
  if (typeof work !== "function") {
    throw new TypeError(`Cannot make stage "${name}": pass a function after { needs, adds }, not ${typedValue(work)}`);
  }
  const { needs, adds = [], takes } = shape;
  if (!Array.isArray(needs) || !Array.isArray(adds)) {
    throw new TypeError(`Cannot make stage "${name}": needs and adds must be arrays`);
  }
  const names = needs.flatMap((need: Need) => typeof need === "string" ? [need] : need.adds);
  return {
    name,
    needs: Object.freeze(names),
    adds: Object.freeze([...adds]),
    ...(takes === undefined ? {} : { takes }),
  };
}
