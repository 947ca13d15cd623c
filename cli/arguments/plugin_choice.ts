/**
 * Which plugins a load has: those of its rule set's preset, those of the user's files, less those that are left out.
 *
 * @module
 */

import { resolve } from "@std/path/resolve";
import { toFileUrl } from "@std/path/to-file-url";
import { closestString } from "@std/text/closest-string";
import type { AnyPlugin, RuleSetName } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { CliError, messageOf, usageError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";

/** Gives the plugins for a rule set. */
export type PluginChoice = (rules: RuleSetName) => readonly AnyPlugin[];

/** The plugins of the presets alone. */
export const PRESET_PLUGINS: PluginChoice = (rules) => presets[rules].plugins;

/**
 * Reads the flags about plugins.
 *
 * @param files The values of `--plugin`: modules that export `plugin`.
 * @param leftOut The values of `--no-plugin`: names of built-in plugins.
 * @returns The choice.
 * @throws {CliError} "usage" where a name is unknown or a module exports no plugin, "source-failed" where it cannot be
 * loaded.
 */
export async function choosePlugins(files: readonly string[], leftOut: readonly string[]): Promise<PluginChoice> {
  const known = presets.default.plugins.map(({ name }) => name as string);
  for (const name of leftOut) {
    if (known.includes(name)) continue;
    const hint = `Did you mean ${closestString(name, known)}? kload plugins lists them.`;
    throw usageError(`Cannot leave out ${printable(name)}: there is no such built-in plugin`, hint, { plugin: name });
  }
  const own = await Promise.all(files.map(importPlugin));
  return (rules) => [...PRESET_PLUGINS(rules).filter(({ name }) => !leftOut.includes(name)), ...own];
}

async function importPlugin(path: string): Promise<AnyPlugin> {
  const url = /^[a-z]{2,}:/.test(path) ? path : toFileUrl(resolve(path)).href;
  const found: Readonly<Record<string, unknown>> = await import(url).catch((cause) => {
    const hint = "A plugin is a module that exports a plugin under the name plugin; see the guide Writing a plugin.";
    const message = `Cannot load the plugin ${printable(path)}: ${printable(messageOf(cause))}`;
    throw new CliError("source-failed", message, { hint, cause });
  });
  const { plugin } = found;
  if (typeof plugin === "object" && plugin !== null) return plugin as AnyPlugin;
  const hint = "Write: export const plugin = { name: …, handlers: […] };";
  throw usageError(`Cannot use the plugin ${printable(path)}: it does not export an object named plugin`, hint, {
    plugin: path,
  });
}
