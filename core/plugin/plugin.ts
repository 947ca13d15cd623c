/**
 * Plugins: handlers for more program header types, and stages with a place.
 *
 * @module
 */

import type { Segment } from "../elf/program_header.ts";
import type { TakesFor } from "../pipeline/context.ts";
import type { AddsOf, Stage } from "../pipeline/stage.ts";
import type { PluginContext } from "./plugin_context.ts";

/** A claim on a program header type, and what is done with such headers. */
export interface Handler<Result> {
  /** The `p_type` that is claimed. */
  readonly type: number;
  /** The `e_machine` that it is claimed for; any if left out. */
  readonly machine?: number;
  /** When it runs: "load", with its segment; "relocate", after every `PT_LOAD`; "seal", after that. "load" if left out. */
  readonly phase?: "load" | "relocate" | "seal";
  /** Whether the header's file bytes are to be kept although no `PT_LOAD` has them. */
  readonly readsFile?: boolean;
  /** Handles one header; `found` is what the plugin returned before, and what it returns now takes its place. */
  readonly handle: (
    segment: Segment,
    context: PluginContext,
    found: Result | undefined,
  ) => Result | undefined | Promise<Result | undefined>;
}

/** A stage with its place: before or after the stage of that name. */
export type PlacedStage =
  | {
    /** Name of the stage that it goes before. */
    readonly before: string;
    /** The stage. */
    readonly stage: Stage;
  }
  | {
    /** Name of the stage that it goes after. */
    readonly after: string;
    /** The stage. */
    readonly stage: Stage;
  };

/** A plugin: a plain object. What it adds is typed in the results by `Result` and `Stages`. */
export interface Plugin<
  Name extends string = string,
  Result = unknown,
  Stages extends readonly PlacedStage[] = readonly PlacedStage[],
> {
  /** Name in kebab-case, unique in a load. */
  readonly name: Name;
  /** Names of the plugins whose results its handlers see; they run before them in each phase. */
  readonly dependsOn?: readonly string[];
  /** Claims on program header types. */
  readonly handlers?: readonly Handler<Result>[];
  /** Stages with a place; what one adds is in the results if it bears the plugin's name. */
  readonly stages?: Stages;
  /** The most bytes of memory that its handlers take for a file, unshared pages and page tables included. */
  readonly takes?: (file: TakesFor) => number;
}

/** A plugin whose result the compiler does not know. */
export interface AnyPlugin extends Omit<Plugin, "handlers"> {
  /** Claims on program header types. */
  readonly handlers?: readonly (Omit<Handler<unknown>, "handle"> & {
    /** Handles one header. */
    readonly handle: (segment: Segment, context: PluginContext, found: never) => unknown;
  })[];
}

/** A handler of any plugin. */
export type AnyHandler = NonNullable<AnyPlugin["handlers"]>[number];

/** When a handler runs. */
export type Phase = NonNullable<AnyHandler["phase"]>;

/** An entry of a list of plugins: falsy ones are skipped. */
export type PluginEntry = AnyPlugin | false | null | undefined | 0 | "";

/** What a plugin of this type leaves in the results: what its handlers found, and what its stage of its name added. */
export type PluginResult<T extends AnyPlugin> =
  (T extends { readonly handlers?: readonly Handler<infer R>[] } ? [R] : [never]) extends [infer Found] ? AddsOf<
      T extends { readonly stages?: readonly { readonly stage: infer S }[] } ? Extract<S, { readonly name: T["name"] }>
        : never
    > extends infer Added ? [Found] extends [never] ? Added
      : [Added] extends [never] ? Found | undefined
      : Partial<Found> & Added
    : never
    : never;

/**
 * What the plugins of a list found, by their names. Handlers that met no header of their types found nothing; other
 * stages of a plugin than the one that bears its name are its own business.
 */
export type PluginResults<P extends readonly PluginEntry[]> = {
  readonly [T in Extract<P[number], AnyPlugin> as [PluginResult<T>] extends [never] ? never : T["name"]]: PluginResult<
    T
  >;
};
