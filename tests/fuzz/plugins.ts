/** Every built-in plugin, by name. */

import type { AnyPlugin } from "../../mod.ts";
import { ehFrame } from "../../plugins/eh_frame.ts";
import { interp } from "../../plugins/interp.ts";
import { notes } from "../../plugins/notes.ts";
import { openbsd } from "../../plugins/openbsd.ts";
import { phdr } from "../../plugins/phdr.ts";
import { property } from "../../plugins/property.ts";
import { relocate } from "../../plugins/relocate.ts";
import { relro } from "../../plugins/relro.ts";
import { sections } from "../../plugins/sections.ts";
import { stack } from "../../plugins/stack.ts";

/** Creates each plugin. All that is random in one follows from a seed. */
export const PLUGINS = {
  relocate: (seed) => relocate(seed === undefined ? {} : { seed }),
  relro: () => relro(),
  stack: () => stack(),
  notes: () => notes(),
  property: () => property(),
  interp: () => interp(),
  phdr: () => phdr(),
  "eh-frame": () => ehFrame(),
  openbsd: () => openbsd({ seed: 5n }),
  sections: () => sections(),
} as const satisfies Readonly<Record<string, (seed?: bigint) => AnyPlugin>>;

export type PluginName = keyof typeof PLUGINS;

/** Plugins that change nothing in memory. */
export const INERT: ReadonlySet<string> = new Set<PluginName>([
  ...["stack", "notes", "property", "interp", "phdr", "eh-frame"] as const,
]);
