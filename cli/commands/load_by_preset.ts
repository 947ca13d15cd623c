/**
 * Loads a kernel as the command line does: by a rule set's preset, with the plugins that the user chose.
 *
 * @module
 */

import { loadKernel } from "../../core/load_kernel.ts";
import type { AnyPlugin, ByteReader, LoadOptions, RuleSetName } from "../../mod.ts";
import type { Pipeline } from "../../core/stages/mod.ts";
import type { FileTypes } from "../arguments/built_in_plugins.ts";
import { clashHint, type PluginChoice, PRESET_PLUGINS } from "../arguments/plugin_choice.ts";
import { peekTypes } from "../input/peek_types.ts";
import { usageError } from "../output/cli_error.ts";
import type { Kernel } from "../report/kernel.ts";

/** Options of a load; the rule set is always named. */
export type KernelOptions =
  & Omit<LoadOptions, "rules" | "plugins" | "pipeline" | "frames">
  & {
    readonly rules: RuleSetName;
    readonly pipeline?: Pipeline;
    /** The types in the file's headers, if they are known. */
    readonly types?: FileTypes;
    readonly signal?: AbortSignal;
  };

/** A loaded kernel, and the plugins that it was loaded with. */
export interface LoadedWith {
  /** The kernel. */
  readonly kernel: Kernel;
  /** The plugins that apply to its file. */
  readonly plugins: readonly AnyPlugin[];
}

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
  return (await loadWithPlugins(reader, options, choice)).kernel;
}

/**
 * Does the same as {@linkcode loadByPreset}, and returns the plugins too.
 *
 * @param reader The source.
 * @param options The rule set, and the loader's other options.
 * @param choice The plugins.
 * @returns The kernel and its plugins.
 * @throws {LoadError} As the loader does.
 * @throws {CliError} "usage" if the chosen plugins do not fit together.
 */
export async function loadWithPlugins(
  reader: ByteReader,
  { types, ...options }: KernelOptions,
  choice: PluginChoice,
): Promise<LoadedWith> {
  const peeked = types ? { reader, types } : await peekTypes(reader, options.signal);
  const plugins = await choice.pluginsFor(options.rules, peeked.types);
  try {
    return { kernel: await loadKernel(peeked.reader, { ...options, plugins }), plugins };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const { refusedOption } = await import("../report/flag_hints.ts");
    // A plugin that throws becomes the cause of a LoadError, and a refused option is named: any other TypeError is
    // about the list of plugins, and the presets' own plugins are known to fit together.
    const isAboutPlugins = refusedOption(error) === undefined && choice !== PRESET_PLUGINS;
    throw isAboutPlugins ? usageError(error.message, clashHint(error)) : error;
  }
}
