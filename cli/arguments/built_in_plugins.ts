/**
 * The built-in plugins as data: each is imported only for files that it applies to.
 *
 * @module
 */

import { stack } from "../../plugins/stack.ts";
import type { AnyPlugin, Headers, RuleSetName } from "../../mod.ts";
import {
  ET_EXEC,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_NOTE,
  PT_OPENBSD_BOOTDATA,
  PT_OPENBSD_MUTABLE,
  PT_OPENBSD_RANDOMIZE,
  PT_OPENBSD_WXNEEDED,
  PT_PHDR,
} from "../../core/elf/constants.ts";

/** What decides which plugins a file needs. */
export interface FileTypes {
  /** The type of the file. */
  readonly e_type: number;
  /** The types of its program headers. */
  readonly p_types: ReadonlySet<number>;
}

/** One built-in plugin. */
export interface BuiltInPlugin {
  /** Its name. */
  readonly name: string;
  /** The types of program headers that it claims. */
  readonly claims: readonly number[];
  /** Whether it also handles files without such headers if their addresses are not fixed. */
  readonly places?: true;
  /** Imports the plugin. */
  readonly create: () => Promise<AnyPlugin>;
}

/** The plugins that `--no-plugin` accepts, in the order of the presets. Nearly every file needs stack. */
export const BUILT_IN: readonly BuiltInPlugin[] = [
  {
    name: "relocate",
    claims: [PT_DYNAMIC],
    places: true,
    create: async () => (await import("../../plugins/relocate.ts")).relocate(),
  },
  { name: "relro", claims: [PT_GNU_RELRO], create: async () => (await import("../../plugins/relro.ts")).relro() },
  { name: "stack", claims: [PT_GNU_STACK], create: () => Promise.resolve(stack()) },
  { name: "notes", claims: [PT_NOTE], create: async () => (await import("../../plugins/notes.ts")).notes() },
  {
    name: "property",
    claims: [PT_GNU_PROPERTY],
    create: async () => (await import("../../plugins/property.ts")).property(),
  },
  { name: "interp", claims: [PT_INTERP], create: async () => (await import("../../plugins/interp.ts")).interp() },
  { name: "phdr", claims: [PT_PHDR], create: async () => (await import("../../plugins/phdr.ts")).phdr() },
  {
    name: "eh-frame",
    claims: [PT_GNU_EH_FRAME],
    create: async () => (await import("../../plugins/eh_frame.ts")).ehFrame(),
  },
  {
    name: "openbsd",
    claims: [PT_OPENBSD_RANDOMIZE, PT_OPENBSD_BOOTDATA, PT_OPENBSD_MUTABLE, PT_OPENBSD_WXNEEDED],
    create: async () => (await import("../../plugins/openbsd.ts")).openbsd(),
  },
];

/** Whether a rule set's preset has a plugin. */
const PRESET_HAS: Readonly<Record<RuleSetName, (name: string) => boolean>> = {
  "default": () => true,
  "bootloader-0.10": () => false,
  "bootloader-0.11": (name) => name === "relocate" || name === "relro",
};

/**
 * The types in headers that were read.
 *
 * @param headers The file header and the program headers.
 * @returns The types.
 */
export function typesOf({ fileHeader, programHeaders }: Pick<Headers, "fileHeader" | "programHeaders">): FileTypes {
  return { e_type: fileHeader.e_type, p_types: new Set(programHeaders.map(({ p_type }) => p_type)) };
}

/**
 * Whether a name is that of a built-in plugin that `--no-plugin` accepts.
 *
 * @param name Any value.
 * @returns True if it is.
 */
export function isBuiltIn(name: unknown): boolean {
  return BUILT_IN.some((known) => known.name === name);
}

/**
 * Imports the plugins of a rule set's preset.
 *
 * @param rules The rule set.
 * @param leftOut The names of plugins to leave out.
 * @param file What the plugins are for; without it, all of them are imported.
 * @returns Those that apply to the file, in the order of the preset.
 */
export async function importBuiltIn(
  rules: RuleSetName,
  leftOut: readonly string[],
  file?: FileTypes,
): Promise<readonly AnyPlugin[]> {
  const wanted = BUILT_IN.filter(({ name, claims, places }) => {
    if (!PRESET_HAS[rules](name) || leftOut.includes(name)) return false;
    if (!file || (places && file.e_type !== ET_EXEC)) return true;
    return claims.some((type) => file.p_types.has(type));
  });
  return await Promise.all(wanted.map(({ create }) => create()));
}
