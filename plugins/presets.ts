/**
 * Presets: rules and plugins that go together, to be used as options of a load; and what the built-in plugins report.
 *
 * @module
 */

import type { DiagnosticKind } from "../core/diagnostics.ts";
import { ehFrame } from "./eh_frame.ts";
import { DIAGNOSTICS as EH_FRAME } from "./eh_frame/diagnostics.ts";
import { interp } from "./interp.ts";
import { DIAGNOSTICS as INTERP } from "./interp/diagnostics.ts";
import { notes } from "./notes.ts";
import { DIAGNOSTICS as NOTES } from "./notes/diagnostics.ts";
import { openbsd } from "./openbsd.ts";
import { DIAGNOSTICS as OPENBSD } from "./openbsd/diagnostics.ts";
import { phdr } from "./phdr.ts";
import { DIAGNOSTICS as PHDR } from "./phdr/diagnostics.ts";
import { property } from "./property.ts";
import { DIAGNOSTICS as PROPERTY } from "./property/diagnostics.ts";
import { relocate } from "./relocate.ts";
import { DIAGNOSTICS as RELOCATE } from "./relocate/diagnostics.ts";
import { relro } from "./relro.ts";
import { DIAGNOSTICS as RELRO } from "./relro/diagnostics.ts";
import { DIAGNOSTICS as SECTIONS } from "./sections/diagnostics.ts";
import { stack } from "./stack.ts";
import { DIAGNOSTICS as STACK } from "./stack/diagnostics.ts";

export type { DiagnosticKind };

/** The plugins for what v0.11 of the original does by itself. */
export type OriginalPlugins = readonly [ReturnType<typeof relocate>, ReturnType<typeof relro>];

/** Every built-in plugin with handlers. */
export type BuiltInPlugins = readonly [
  ...OriginalPlugins,
  ReturnType<typeof stack>,
  ReturnType<typeof notes>,
  ReturnType<typeof property>,
  ReturnType<typeof interp>,
  ReturnType<typeof phdr>,
  ReturnType<typeof ehFrame>,
  ReturnType<typeof openbsd>,
];

/** The presets, by name. */
export interface Presets {
  /** The default rules with every built-in plugin except sections. */
  readonly default: { readonly rules: "default"; readonly plugins: BuiltInPlugins };
  /** v0.10 of the original, which handles no other types. */
  readonly "bootloader-0.10": { readonly rules: "bootloader-0.10"; readonly plugins: readonly [] };
  /** v0.11 of the original, which applies relocations and RELRO. */
  readonly "bootloader-0.11": { readonly rules: "bootloader-0.11"; readonly plugins: OriginalPlugins };
}

/**
 * The presets: each is a rule set with its plugins.
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
  "default": {
    rules: "default",
    plugins: [relocate(), relro(), stack(), notes(), property(), interp(), phdr(), ehFrame(), openbsd()],
  },
  "bootloader-0.10": { rules: "bootloader-0.10", plugins: [] },
  "bootloader-0.11": { rules: "bootloader-0.11", plugins: [relocate(), relro()] },
};

/**
 * The diagnostics of the built-in plugins, by plugin name and code.
 *
 * @example
 * ```ts
 * import { pluginDiagnostics } from "@kload/kload/plugins/presets";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pluginDiagnostics.stack["stack-executable"].severity, "warning");
 * ```
 */
export const pluginDiagnostics: Readonly<Record<string, Readonly<Record<string, DiagnosticKind>>>> = {
  relocate: RELOCATE,
  relro: RELRO,
  stack: STACK,
  notes: NOTES,
  property: PROPERTY,
  interp: INTERP,
  phdr: PHDR,
  "eh-frame": EH_FRAME,
  openbsd: OPENBSD,
  sections: SECTIONS,
};
