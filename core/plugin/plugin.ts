/**
 * Plugins: handlers for more program header types, and stages with a place.
 *
 * @module
 */

import type { Report } from "../diagnostics.ts";
import { segmentTypeName } from "../elf/constants.ts";
import type { FileHeader } from "../elf/file_header.ts";
import type { HeaderClaim, Segment } from "../elf/program_header.ts";
import type { FrameOwner } from "../memory/frame_allocator.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { Mapper } from "../paging/mapper.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";
import { isKebabCase } from "../pipeline/kebab_case.ts";
import type { AddsOf } from "../pipeline/pipeline.ts";
import type { Stage } from "../pipeline/stage.ts";

/** When a handler runs: with its segment, after every `PT_LOAD`, or after relocation. */
export type Phase = "load" | "relocate" | "seal";

/** The phases, in order. */
export const PHASES: readonly Phase[] = ["load", "relocate", "seal"];

/** What a handler can see and do. */
export interface PluginContext {
  /** The rule set. */
  readonly rules: Rules;
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order. */
  readonly programHeaders: readonly Segment[];
  /** What is added to every `p_vaddr`. */
  readonly virtualAddressOffset: bigint;
  /** The same before it is taken modulo 2^64: negative for a kernel that is placed below where it was linked. */
  readonly signedOffset: bigint;
  /** Virtual address of the entry point, the offset included. */
  readonly entryPoint: bigint;
  /** The physical memory. */
  readonly memory: PhysicalMemory;
  /** The page tables in it. */
  readonly pageTable: Mapper;
  /**
   * Waits for a header's file bytes and gives a view of them, which must not be written to. Headers outside every
   * `PT_LOAD` have them only where the handler says `readsFile`. Throws a `LoadError` "segment-out-of-file".
   */
  readonly fileBytes: (phdr: Segment) => Promise<Uint8Array>;
  /** Reads bytes by their virtual address, across pages; a copy. Throws a `LoadError` "page-not-mapped". */
  readonly read: (virt: bigint, length: number) => Uint8Array;
  /**
   * Writes bytes by their virtual address, across pages; a page of the file gets a frame of its own first. Throws a
   * `LoadError` "page-not-mapped" before anything is written, or "frames-exhausted".
   */
  readonly write: (virt: bigint, bytes: Uint8Array) => void;
  /** Gives a page a frame of its own, unless it has one, and says where its byte at this address then lies. */
  readonly own: (virt: bigint) => number;
  /**
   * Takes zeroed frames that lie one behind the other: the physical address of the first. Throws a `LoadError`
   * "frames-exhausted" where there are not so many.
   */
  readonly allocateFrames: (count: number, owner: FrameOwner) => number;
  /** The level-4 entries in use: what the segments use, and what is taken here. */
  readonly usedLevel4Entries: UsedLevel4Entries;
  /** Takes a diagnostic. */
  readonly report: Report;
  /** What the plugins that this one names in `dependsOn` have found, by their names. */
  readonly results: Readonly<Record<string, unknown>>;
}

/** A claim on a program header type, and what is done with such headers. */
export interface Handler<Result> {
  /** The `p_type` that is claimed. */
  readonly type: number;
  /** The `e_machine` that it is claimed for; any where it is left out. */
  readonly machine?: number;
  /** When it runs; "load". */
  readonly phase?: Phase;
  /** Whether the header's file bytes are to be kept although no `PT_LOAD` has them. */
  readonly readsFile?: boolean;
  /** Handles one header; `found` is what the plugin returned before, and what it returns now takes its place. */
  readonly handle: (
    phdr: Segment,
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

/** A plugin: a plain object. What its stages add is typed in the results where `Stages` names them. */
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
  /** Stages with a place. */
  readonly stages?: Stages;
}

/** A handler of any plugin. */
export interface AnyHandler extends Omit<Handler<unknown>, "handle"> {
  /** Handles one header. */
  readonly handle: (phdr: Segment, context: PluginContext, found: never) => unknown;
}

/** A plugin whose result the compiler does not know. */
export interface AnyPlugin extends Omit<Plugin, "handlers"> {
  /** Claims on program header types. */
  readonly handlers?: readonly AnyHandler[];
}

/** An entry of a list of plugins: falsy ones are skipped. */
export type PluginEntry = AnyPlugin | false | null | undefined | 0 | "";

/** What the handlers of a plugin of this type find. */
export type ResultOf<T> = T extends { readonly handlers?: readonly Handler<infer R>[] } ? R : never;

/** The stages of a plugin of this type, where the compiler knows their names. */
export type StagesOf<T> = T extends { readonly stages?: readonly { readonly stage: infer S extends Stage }[] }
  ? string extends S["name"] ? never : S
  : never;

/**
 * What the plugins of a list found, by their names, and what their stages added, by theirs. Handlers that met no header
 * of their types found nothing.
 */
export type PluginResults<P extends readonly PluginEntry[]> =
  & {
    readonly [
      T in Extract<P[number], AnyPlugin> as [ResultOf<T>] extends [never] ? never : T["name"]
    ]?: ResultOf<T>;
  }
  & { readonly [S in StagesOf<Extract<P[number], AnyPlugin>> as S["name"]]: AddsOf<S> };

const PLUGIN_KEYS: readonly string[] = ["name", "dependsOn", "handlers", "stages"];
const HANDLER_KEYS: readonly string[] = ["type", "machine", "phase", "readsFile", "handle"];
const STAGE_KEYS: readonly string[] = ["before", "after", "stage"];

/** A claim with the plugin that made it. */
export interface Claim {
  /** The plugin. */
  readonly plugin: AnyPlugin;
  /** Its handler. */
  readonly handler: AnyHandler;
}

/** A list of plugins that has been checked. */
export interface PluginList {
  /** The plugins, in the order in which they run: after those that they need, else as they were given. */
  readonly plugins: readonly AnyPlugin[];
  /** The claims on headers of a type, in files for a machine; in order of the plugins. */
  readonly claimsOn: (p_type: number, e_machine: number) => readonly Claim[];
  /** What these claims together ask for; `undefined` where there are none. */
  readonly claimOn: (p_type: number, e_machine: number) => HeaderClaim | undefined;
}

/**
 * Checks a list of plugins, and copies and freezes it.
 *
 * @param entries What the caller gave.
 * @returns The plugins that are to run, and what they claim.
 * @throws {TypeError} Where a plugin is malformed, named twice, needs one that is not there, or claims what another
 * claims in the same phase.
 */
export function checkPlugins(entries: readonly PluginEntry[]): PluginList {
  if (!Array.isArray(entries)) throw new TypeError("Cannot use the plugins: they are no array");
  const given = entries.filter(Boolean).map((entry) => checkPlugin(entry as unknown));
  const names = new Set<string>();
  for (const { name } of given) {
    if (names.has(name)) throw new TypeError(`Cannot use plugin "${name}": it is given twice`);
    names.add(name);
  }
  const plugins = Object.freeze(inOrderOfNeed(given));
  const claims = plugins.flatMap((plugin) => (plugin.handlers ?? []).map((handler): Claim => ({ plugin, handler })));
  checkClaims(claims);
  const claimsOn = (p_type: number, e_machine: number) =>
    claims.filter(({ handler }) => handler.type === p_type && (handler.machine ?? e_machine) === e_machine);
  const claimOn = (p_type: number, e_machine: number) => {
    const found = claimsOn(p_type, e_machine);
    return found.length === 0 ? undefined : { readsFile: found.some(({ handler }) => handler.readsFile) };
  };
  return Object.freeze({ plugins, claimsOn, claimOn });
}

function checkPlugin(entry: unknown): AnyPlugin {
  const plugin = entry as AnyPlugin;
  if (typeof entry !== "object" || typeof plugin.name !== "string" || !isKebabCase(plugin.name)) {
    throw new TypeError(`Cannot use plugin "${plugin.name ?? entry}": its name is not in kebab-case`);
  }
  const who = `plugin "${plugin.name}"`;
  checkKeys(plugin, PLUGIN_KEYS, who);
  const { dependsOn = [], handlers = [], stages = [] } = plugin;
  if (![dependsOn, handlers, stages].every(Array.isArray)) {
    throw new TypeError(`Cannot use ${who}: dependsOn, handlers and stages must be arrays`);
  }
  for (const part of [...handlers, ...stages] as readonly unknown[]) {
    if (typeof part === "object" && part !== null) continue;
    throw new TypeError(`Cannot use ${who}: ${part} is no handler and no stage`);
  }
  for (const handler of handlers) {
    checkKeys(handler, HANDLER_KEYS, `a handler of ${who}`);
    const { type, machine = 0, phase = "load", handle } = handler;
    const numbers = [type, machine].every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32);
    if (!numbers || !PHASES.includes(phase) || typeof handle !== "function") {
      throw new TypeError(
        `Cannot use a handler of ${who}: it needs a type, a phase of ${PHASES.join(", ")}, and handle`,
      );
    }
  }
  for (const placed of stages) {
    checkKeys(placed, STAGE_KEYS, `a stage of ${who}`);
    if (("before" in placed) === ("after" in placed) || typeof placed.stage !== "object" || placed.stage === null) {
      throw new TypeError(`Cannot use a stage of ${who}: it needs a stage, and one of before and after`);
    }
  }
  const copy = <T>(list: readonly T[]): readonly T[] => Object.freeze(list.map((item) => Object.freeze({ ...item })));
  return Object.freeze({
    name: plugin.name,
    dependsOn: Object.freeze([...dependsOn]),
    handlers: copy(handlers),
    stages: copy(stages),
  });
}

function checkKeys(value: object, known: readonly string[], who: string): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot use ${who}: it has a key "${unknown}", known are ${known.join(", ")}`);
  }
}

function inOrderOfNeed(given: readonly AnyPlugin[]): readonly AnyPlugin[] {
  const ordered: AnyPlugin[] = [];
  const add = (plugin: AnyPlugin, asked: readonly string[]): void => {
    if (ordered.includes(plugin)) return;
    if (asked.includes(plugin.name)) {
      throw new TypeError(`Cannot use plugin "${plugin.name}": it depends on itself by way of ${asked.join(", ")}`);
    }
    for (const need of plugin.dependsOn ?? []) {
      const found = given.find(({ name }) => name === need);
      if (!found) {
        throw new TypeError(`Cannot use plugin "${plugin.name}": it depends on plugin "${need}", which is not given`);
      }
      add(found, [...asked, plugin.name]);
    }
    ordered.push(plugin);
  };
  for (const plugin of given) add(plugin, []);
  return ordered;
}

function checkClaims(claims: readonly Claim[]): void {
  claims.forEach((one, at) => {
    for (const other of claims.slice(at + 1)) {
      const [a, b] = [one.handler, other.handler];
      const phase = a.phase ?? "load";
      if (a.type !== b.type || phase !== (b.phase ?? "load")) continue;
      if (a.machine !== undefined && b.machine !== undefined && a.machine !== b.machine) continue;
      throw new TypeError(
        `Cannot use plugins "${one.plugin.name}" and "${other.plugin.name}": both claim program headers of type ` +
          `${segmentTypeName(a.type)} in phase "${phase}"`,
      );
    }
  });
}
