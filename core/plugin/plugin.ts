/**
 * Plugins: handlers for more program header types, and stages with a place.
 *
 * @module
 */

import type { Segment } from "../elf/program_header.ts";
import type { TakesFor } from "../pipeline/context.ts";
import type { AddsOf, Stage } from "../pipeline/stage.ts";
import type { PluginContext } from "./plugin_context.ts";

/** A claim on a program header type, and how to handle such headers. */
export interface Handler<Result> {
  /** The claimed `p_type`. */
  readonly type: number;
  /** The `e_machine` to claim it for. Default: any. */
  readonly machine?: number;
  /** When it runs: "load", with its segment; "relocate", after every `PT_LOAD`; "seal", after that. Default: "load". */
  readonly phase?: "load" | "relocate" | "seal";
  /** Whether to keep the header's file bytes even if no `PT_LOAD` has them. */
  readonly readsFile?: boolean;
  /**
   * Handles one header. `found` is what the plugin last returned; a new return value replaces it, unless it is
   * `undefined`.
   */
  readonly handle: (
    segment: Segment,
    context: PluginContext,
    found: Result | undefined,
  ) => Result | undefined | Promise<Result | undefined>;
}

/** A stage and its place: before or after the stage with the given name. */
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

/** A plugin: a plain object. `Result` and `Stages` determine the type of what it adds to the results. */
export interface Plugin<
  Name extends string = string,
  Result = unknown,
  Stages extends readonly PlacedStage[] = readonly PlacedStage[],
> {
  /** Name in kebab-case, unique in a load. */
  readonly name: Name;
  /** Names of the plugins whose results its handlers see. Those plugins run first in each phase. */
  readonly dependsOn?: readonly string[];
  /** Claims on program header types. */
  readonly handlers?: readonly Handler<Result>[];
  /** Stages and their places. What the stage with the plugin's name adds appears in the results. */
  readonly stages?: Stages;
  /** Returns the most bytes of memory that its handlers take for a file, including unshared pages and page tables. */
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

/** An entry in a list of plugins; falsy entries are skipped. */
export type PluginEntry = AnyPlugin | false | null | undefined | 0 | "";

/** What a plugin of this type adds to the results: what its handlers found, and what the stage with its name added. */
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
 * What the plugins of a list found, by name. The result is `undefined` if no header matched a plugin's handlers. Of a
 * plugin's stages, only the one with the plugin's name counts.
 */
export type PluginResults<P extends readonly PluginEntry[]> = {
  readonly [T in Extract<P[number], AnyPlugin> as [PluginResult<T>] extends [never] ? never : T["name"]]: PluginResult<
    T
  >;
};
