/**
 * Which plugins a load uses: those of the rule set's preset minus those left out, plus those of the user's modules.
 *
 * @module
 */

import type { AnyPlugin, RuleSetName } from "../../mod.ts";
import { BUILT_IN, type FileTypes, importBuiltIn, isBuiltIn } from "./built_in_plugins.ts";
import { closest } from "./closest.ts";
import type { ImportedPlugin } from "./import_plugin.ts";
import { usageError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";

/** Which plugins to load with. */
export interface PluginChoice {
  /**
   * Imports the plugins for a rule set: those that apply to the file or, without one, all of them.
   * Rejects with a `CliError` "usage" if a preset's plugin and a module's plugin share a name.
   */
  readonly pluginsFor: (rules: RuleSetName, file?: FileTypes) => Promise<readonly AnyPlugin[]>;
  /** The plugins among them that are the user's. */
  readonly own: readonly AnyPlugin[];
}

/** The presets' plugins alone. */
export const PRESET_PLUGINS: PluginChoice = {
  pluginsFor: (rules, file) => importBuiltIn(rules, [], file),
  own: [],
};

/** The names of built-in plugins that are in no preset. */
const NOT_BY_DEFAULT: readonly string[] = ["sections"];

/**
 * Reads the flags that choose plugins.
 *
 * @param modules The values of `--plugin`: modules that export `plugin`.
 * @param leftOut The values of `--no-plugin`: names of built-in plugins.
 * @returns The choice; without modules and names, it is {@linkcode PRESET_PLUGINS}.
 * @throws {CliError} "usage" if a name is unknown or taken, or a module exports no plugin, "plugin-failed" if it cannot
 * be imported.
 */
export async function choosePlugins(modules: readonly string[], leftOut: readonly string[]): Promise<PluginChoice> {
  if (modules.length === 0 && leftOut.length === 0) return PRESET_PLUGINS;
  for (const name of leftOut) {
    if (isBuiltIn(name)) continue;
    if (NOT_BY_DEFAULT.includes(name)) throw notByDefault(name);
    const guess = closest(name, BUILT_IN.map((known) => known.name));
    const hint = `${guess === undefined ? "" : `Did you mean ${guess}? `}kload plugins lists the built-in plugins.`;
    throw usageError(`Cannot leave out ${printable(name)}: no built-in plugin has that name`, hint, {
      flag: "no-plugin",
      value: name,
    });
  }
  const own = await importAll(modules);
  for (const [at, { module, plugin }] of own.entries()) {
    const first = own.findIndex(({ plugin: { name } }) => name === plugin.name);
    if (first === at) continue;
    throw usageError(
      `Cannot use the plugin ${printable(module)}: ${printable(own[first].module)} has a plugin with the same name`,
      `Rename one of them: both are called ${plugin.name}.`,
      { flag: "plugin", value: module },
    );
  }
  const pluginsFor = async (rules: RuleSetName, file?: FileTypes): Promise<readonly AnyPlugin[]> => {
    // A plugin may depend on any built-in one, whatever the file.
    const builtIn = await importBuiltIn(rules, leftOut, own.length === 0 ? file : undefined);
    const taken = own.find(({ plugin }) => builtIn.some(({ name }) => name === plugin.name));
    if (taken) throw nameTaken(taken);
    return [...builtIn, ...own.map(({ plugin }) => plugin)];
  };
  return { pluginsFor, own: own.map(({ plugin }) => plugin) };
}

function notByDefault(name: string): Error {
  const hint = `A load uses it only if the module of a --plugin adds it: remove --no-plugin ${name}.`;
  return usageError(`Cannot leave out ${name}: it is not on by default`, hint, { flag: "no-plugin", value: name });
}

async function importAll(modules: readonly string[]): Promise<readonly ImportedPlugin[]> {
  if (modules.length === 0) return [];
  const { importPlugin } = await import("./import_plugin.ts");
  return await Promise.all(modules.map(importPlugin));
}

function nameTaken({ module, plugin: { name } }: ImportedPlugin): Error {
  const message = `Cannot use the plugin ${printable(module)}: a built-in plugin is already called ${name}`;
  return usageError(message, `Rename yours, or leave out the built-in one: --no-plugin ${name}`, {
    flag: "plugin",
    value: module,
  });
}

/**
 * The hint for two plugins that claim the same program headers.
 *
 * @param error The loader's error, whose cause names the two.
 * @returns The hint, or `undefined` if the error is about something else.
 */
export function clashHint(error: unknown): string | undefined {
  if (!(error instanceof TypeError)) return undefined;
  const { plugins } = (error.cause ?? {}) as { readonly plugins?: unknown };
  if (!Array.isArray(plugins)) return undefined;
  const builtIn = plugins.filter(isBuiltIn);
  if (builtIn.length === 0) return "Use one of them at a time, or have one claim another type or phase.";
  return `Leave out a built-in plugin: ${builtIn.map((name) => `--no-plugin ${name}`).join(", or ")}`;
}
