/**
 * Loads a kernel as the command line does: by a rule set's preset, with the plugins that the user chose.
 *
 * @module
 */

import { type AnyPlugin, type ByteReader, loadKernel, type LoadOptions, type RuleSetName } from "../../mod.ts";
import type { Pipeline } from "../../core/stages/mod.ts";
import { clashHint, type PluginChoice, PRESET_PLUGINS } from "../arguments/plugin_choice.ts";
import { usageError } from "../output/cli_error.ts";
import { refusedOption } from "../report/flag_hints.ts";
import type { Kernel } from "../report/kernel.ts";

/** Options of a load; the rule set is always named. */
export type KernelOptions =
  & Omit<LoadOptions, "rules" | "plugins" | "pipeline" | "frames">
  & { readonly rules: RuleSetName; readonly pipeline?: Pipeline };

/**
 * Loads a kernel by a rule set, with the plugins chosen for it.
 *
 * @param reader The source.
 * @param options The rule set, and the loader's other options.
 * @param choice The plugins; by default those of the preset.
 * @returns The kernel.
 * @throws {LoadError} As the loader does.
 * @throws {CliError} "usage" if the chosen plugins do not fit together.
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
    // A plugin that throws becomes the cause of a LoadError, and a refused option is named: any other TypeError is
    // about the list of plugins.
    const isAboutPlugins = error instanceof TypeError && refusedOption(error) === undefined;
    throw isAboutPlugins && isChosen(plugins, options.rules) ? usageError(error.message, clashHint(error)) : error;
  }
}

/** Whether the plugins differ from those of the preset, which are known to fit together. */
function isChosen(plugins: readonly AnyPlugin[], rules: RuleSetName): boolean {
  const preset = PRESET_PLUGINS(rules);
  return plugins.length !== preset.length || plugins.some((plugin, at) => plugin !== preset[at]);
}
