/**
 * Checks a list of plugins, and finds what they claim.
 *
 * @module
 */

import { segmentTypeName } from "../elf/constants.ts";
import type { HeaderClaim } from "../elf/program_header.ts";
import { typedValue } from "../intake/value_kind.ts";
import { isKebabCase } from "../pipeline/kebab_case.ts";
import type { AnyHandler, AnyPlugin, Phase, PlacedStage, PluginEntry } from "./plugin.ts";

const PHASES: readonly Phase[] = ["load", "relocate", "seal"];
const PLUGIN_KEYS: readonly string[] = ["name", "dependsOn", "handlers", "stages", "takes"];
const HANDLER_KEYS: readonly string[] = ["type", "machine", "phase", "readsFile", "handle"];
const STAGE_KEYS: readonly string[] = ["before", "after", "stage"];

/** A claim with the plugin that made it. */
export interface Claim {
  /** The plugin. */
  readonly plugin: AnyPlugin;
  /** Its handler. */
  readonly handler: AnyHandler;
}

const NO_CLAIMS: readonly Claim[] = [];

/** A list of plugins that has been checked. */
export interface PluginList {
  /**
   * The plugins in the order in which they run: after those that they depend on, otherwise in the order of the list.
   */
  readonly plugins: readonly AnyPlugin[];
  /** Returns the claims on headers of a type, in files for a machine, in the order of the plugins. */
  readonly claimsOn: (p_type: number, e_machine: number) => readonly Claim[];
  /** Returns what these claims ask for together; `undefined` if there are none. */
  readonly claimOn: (p_type: number, e_machine: number) => HeaderClaim | undefined;
}

/**
 * Checks a list of plugins, and copies and freezes it.
 *
 * @param entries What the caller passed.
 * @returns The plugins to run, and what they claim.
 * @throws {TypeError} If a plugin is malformed, is in the list twice, depends on itself or on one that is not in the
 * list, or claims a type and phase that is already claimed.
 */
export function checkPlugins(entries: readonly PluginEntry[]): PluginList {
  if (!Array.isArray(entries)) throw new TypeError("Cannot use the plugins: pass an array");
  const given = entries.filter(Boolean).map((entry) => checkPlugin(entry as unknown));
  const names = new Set<string>();
  for (const { name } of given) {
    if (names.has(name)) {
      throw new TypeError(`Cannot use plugin "${name}": it is in the list twice`, { cause: { plugins: [name, name] } });
    }
    names.add(name);
  }
  const plugins = Object.freeze(inOrderOfNeed(given));
  const claims = plugins.flatMap((plugin) => (plugin.handlers ?? []).map((handler): Claim => ({ plugin, handler })));
  checkClaims(claims);
  const types = new Set(claims.map(({ handler }) => handler.type));
  const claimsOn = (p_type: number, e_machine: number) =>
    types.has(p_type)
      ? claims.filter(({ handler }) => handler.type === p_type && (handler.machine ?? e_machine) === e_machine)
      : NO_CLAIMS;
  const claimOn = (p_type: number, e_machine: number) => {
    const found = claimsOn(p_type, e_machine);
    return found.length === 0 ? undefined : { readsFile: found.some(({ handler }) => handler.readsFile) };
  };
  return Object.freeze({ plugins, claimsOn, claimOn });
}

function checkPlugin(entry: unknown): AnyPlugin {
  const plugin = entry as AnyPlugin;
  if (typeof entry === "function") {
    throw new TypeError("Cannot use a function as a plugin: call it, and pass the plugin that it returns");
  }
  if (typeof entry !== "object") {
    throw new TypeError(`Cannot use ${typedValue(entry)} as a plugin: it must be an object`);
  }
  if (plugin.name === undefined) throw new TypeError("Cannot use a plugin without a name: give it one in kebab-case");
  if (!isKebabCase(plugin.name)) {
    throw new TypeError(`Cannot use plugin "${plugin.name}": its name must be in kebab-case`);
  }
  const who = `plugin "${plugin.name}"`;
  checkKeys(plugin, PLUGIN_KEYS, who);
  const { dependsOn = [], handlers = [], stages = [], takes } = plugin;
  if (![dependsOn, handlers, stages].every(Array.isArray)) {
    throw new TypeError(`Cannot use ${who}: dependsOn, handlers and stages must be arrays`);
  }
  if (takes !== undefined && typeof takes !== "function") {
    throw new TypeError(`Cannot use ${who}: takes must be a function`);
  }
  for (const part of [...handlers, ...stages] as readonly unknown[]) {
    if (typeof part === "object" && part !== null) continue;
    throw new TypeError(`Cannot use ${who}: ${typedValue(part)} must be a handler or a placed stage`);
  }
  for (const handler of handlers) {
    checkKeys(handler, HANDLER_KEYS, `a handler of ${who}`);
    const fault = handlerFault(handler);
    if (fault) throw new TypeError(`Cannot use a handler of ${who}: ${fault}`);
  }
  for (const placed of stages) {
    const fault = placementFault(placed);
    if (fault) throw new TypeError(`Cannot use an entry of stages of ${who}: ${fault}`);
    checkKeys(placed, STAGE_KEYS, `a stage of ${who}`);
  }
  const copy = <T>(list: readonly T[]): readonly T[] => Object.freeze(list.map((item) => Object.freeze({ ...item })));
  return Object.freeze({
    name: plugin.name,
    dependsOn: Object.freeze([...dependsOn]),
    handlers: copy(handlers),
    stages: copy(stages),
    ...(takes === undefined ? {} : { takes }),
  });
}

/** What is wrong with a handler, if anything is. */
function handlerFault({ type, machine = 0, phase = "load", handle }: AnyHandler): string | undefined {
  for (const [key, value] of Object.entries({ type, machine })) {
    if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) continue;
    return `its ${key} is ${typedValue(value)}; it must be a number of 32 bits`;
  }
  if (!PHASES.includes(phase)) return `its phase is ${typedValue(phase)}; it must be one of ${PHASES.join(", ")}`;
  if (typeof handle !== "function") return `its handle is ${typedValue(handle)}; it must be a function`;
  return undefined;
}

/** What is wrong with a placed stage, if anything is, but for its keys. */
function placementFault(placed: PlacedStage): string | undefined {
  const stage: unknown = placed.stage;
  const isStage = typeof stage === "object" && stage !== null && "name" in stage && typeof stage.name === "string";
  if (!("stage" in placed)) return "it has no stage; write { after: NAME, stage }";
  if (!isStage) {
    const found = typeof stage === "object" && stage !== null ? "has no name" : `is ${typedValue(stage)}`;
    return `its stage ${found}; pass what imageStage() or segmentStage() returns`;
  }
  const places = [..."before" in placed ? [placed.before] : [], ..."after" in placed ? [placed.after] : []];
  if (places.length !== 1) {
    return `it has ${places.length === 0 ? "no place" : "two places"}; it must have either before or after`;
  }
  const place: unknown = places[0];
  if (typeof place !== "string") return `its place is ${typedValue(place)}; it must be a stage's name`;
  return undefined;
}

function checkKeys(value: object, known: readonly string[], who: string): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot use ${who}: it has an unknown key "${unknown}"; the keys are ${known.join(", ")}`);
  }
}

function inOrderOfNeed(given: readonly AnyPlugin[]): readonly AnyPlugin[] {
  const ordered: AnyPlugin[] = [];
  const add = (plugin: AnyPlugin, asked: readonly string[]): void => {
    if (ordered.includes(plugin)) return;
    if (asked.includes(plugin.name)) {
      const way = asked.slice(asked.indexOf(plugin.name) + 1).map((name) => `"${name}"`).join(", ");
      throw new TypeError(`Cannot use plugin "${plugin.name}": it depends on itself${way && ` through ${way}`}`);
    }
    for (const need of plugin.dependsOn ?? []) {
      const found = given.find(({ name }) => name === need);
      if (!found) {
        throw new TypeError(
          `Cannot use plugin "${plugin.name}": it depends on plugin "${need}", which is not in the list`,
        );
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
      const plugins = [one.plugin.name, other.plugin.name];
      const what = `program headers of type ${segmentTypeName(a.type)} in phase "${phase}"`;
      const message = one.plugin === other.plugin
        ? `Cannot use plugin "${plugins[0]}": it claims ${what} twice`
        : `Cannot use plugins "${plugins[0]}" and "${plugins[1]}": both claim ${what}; leave one of them out`;
      throw new TypeError(message, { cause: { plugins } });
    }
  });
}
