/**
 * Loading as the command line does it: by a rule set's preset, whose plugins may grow in number.
 *
 * @module
 */

import { type AnyPlugin, type ByteReader, type LoadedKernel, loadKernel, type LoadOptions } from "../mod.ts";
import type { Pipeline, RuleSetName } from "../mod.ts";
import { presets } from "../plugins/presets.ts";

/** A kernel that was loaded with whatever plugins there are. */
export type Kernel = LoadedKernel<readonly AnyPlugin[]>;

/** How to load, with the rule set named. */
export type KernelOptions =
  & Omit<LoadOptions, "rules" | "plugins" | "pipeline" | "frames">
  & { readonly rules: RuleSetName; readonly pipeline?: Pipeline };

/**
 * The plugins that belong to a rule set.
 *
 * @param rules The rule set.
 * @returns Those of its preset.
 */
export function pluginsOf(rules: RuleSetName): readonly AnyPlugin[] {
  return presets[rules].plugins;
}

/**
 * Loads a kernel by a rule set and with its plugins.
 *
 * @param reader The source.
 * @param options The rule set, and the loader's other options.
 * @returns The kernel.
 * @throws {LoadError} As the loader does.
 */
export function loadByPreset(reader: ByteReader, options: KernelOptions): Promise<Kernel> {
  return loadKernel(reader, { ...options, plugins: pluginsOf(options.rules) });
}
