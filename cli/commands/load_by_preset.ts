/**
 * Loading as the command line does it: by a rule set's preset, with plugins of the user's choice.
 *
 * @module
 */

import { type AnyPlugin, type ByteReader, loadKernel, type LoadOptions, type RuleSetName } from "../../mod.ts";
import type { Pipeline } from "../../core/stages/mod.ts";
import { clashHint, type PluginChoice, PRESET_PLUGINS } from "../arguments/plugin_choice.ts";
import { usageError } from "../output/cli_error.ts";
import { refusedOption } from "../report/flag_hints.ts";
import type { Kernel } from "../report/kernel.ts";

/** How to load, with the rule set named. */
export type KernelOptions =
  & Omit<LoadOptions, "rules" | "plugins" | "pipeline" | "frames">
  & { readonly rules: RuleSetName; readonly pipeline?: Pipeline };

/**
 * Loads a kernel by a rule set and with the plugins that are chosen for it.
 *
 * @param reader The source.
 * @param options The rule set, and the loader's other options.
 * @param choice The plugins; those of the preset if left out.
 * @returns The kernel.
 * @throws {LoadError} As the loader does.
 * @throws {CliError} "usage" if the plugins of the choice do not fit together.
 */
export async function loadByPreset(
  reader: ByteReader,
  options: KernelOptions,
  choice: PluginChoice = PRESET_PLUGINS,
): Promise<Kernel> {
  const plugins = choice(options.rules);
  try {
    return await loadKernel(reader, { ...options, plugins });
  } catch (error) {
    // What a plugin throws at work is the cause of a LoadError, and a refused option says which: else it is the list.
    const isAboutPlugins = error instanceof TypeError && refusedOption(error) === undefined;
    throw isAboutPlugins && isChosen(plugins, options.rules) ? usageError(error.message, clashHint(error)) : error;
  }
}

/** Whether the plugins are not those of the preset, which fit together. */
function isChosen(plugins: readonly AnyPlugin[], rules: RuleSetName): boolean {
  const preset = PRESET_PLUGINS(rules);
  return plugins.length !== preset.length || plugins.some((plugin, at) => plugin !== preset[at]);
}
