/**
 * Presets: rules and plugins that go together, to be spread into the options of a load.
 *
 * @module
 */

import type { Plugin } from "../core/pipeline/plugin.ts";
import { relocate, type RelocatePlugin } from "./relocate.ts";
import { type Relro, relro } from "./relro.ts";

/** The plugins that do what the newest original does by itself. */
export type OriginalPlugins = readonly [RelocatePlugin, Plugin<"relro", Relro>];

/** The presets, by name. */
export interface Presets {
  /** The default rules with every built-in handler. */
  readonly default: { readonly rules: "default"; readonly plugins: OriginalPlugins };
  /** v0.10 of the original. */
  readonly "bootloader-0.10": { readonly rules: "bootloader-0.10"; readonly plugins: readonly [] };
  /** v0.11 of the original. */
  readonly "bootloader-0.11": { readonly rules: "bootloader-0.11"; readonly plugins: OriginalPlugins };
}

/**
 * The presets: each a rule set with its plugins.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { presets } from "@kload/kload/plugins/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello-pie.elf");
 * const kernel = await loadKernel(file, presets["bootloader-0.11"]);
 * assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: 5 });
 * ```
 */
export const presets: Presets = {
  "default": { rules: "default", plugins: [relocate(), relro()] },
  "bootloader-0.10": { rules: "bootloader-0.10", plugins: [] },
  "bootloader-0.11": { rules: "bootloader-0.11", plugins: [relocate(), relro()] },
};
