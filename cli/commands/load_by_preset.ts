/**
 * Loading as the command line does it: by a rule set's preset, whose plugins may grow in number.
 *
 * @module
 */

import { type AnyPlugin, type ByteReader, type LoadedKernel, loadKernel, type LoadOptions } from "../../mod.ts";
import type { Pipeline, RuleSetName } from "../../mod.ts";
import { type PluginChoice, PRESET_PLUGINS } from "../arguments/plugin_choice.ts";

/** A kernel that was loaded with whatever plugins there are. */
export type Kernel = LoadedKernel<readonly AnyPlugin[]>;

/** How to load, with the rule set named. */
export type KernelOptions =
  & Omit<LoadOptions, "rules" | "plugins" | "pipeline" | "frames">
  & { readonly rules: RuleSetName; readonly pipeline?: Pipeline };

/**
 * Loads a kernel by a rule set and with the plugins that are chosen for it.
 *
 * @param reader The source.
 * @param options The rule set, and the loader's other options.
 * @param choice The plugins; those of the preset where it is left out.
 * @returns The kernel.
 * @throws {LoadError} As the loader does.
 */
export function loadByPreset(
  reader: ByteReader,
  options: KernelOptions,
  choice: PluginChoice = PRESET_PLUGINS,
): Promise<Kernel> {
  return loadKernel(reader, { ...options, plugins: choice(options.rules) });
}
