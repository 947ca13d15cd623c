/**
 * What to write instead of an import that cannot be resolved. A plugin's imports are resolved by whatever kload was
 * started with: an import map, or kload's own configuration. A configuration next to the plugin is not read.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { closest } from "./closest.ts";

/** An import that cannot be resolved. */
export interface UnresolvedImport {
  /** The import's specifier. */
  readonly specifier: string;
  /** What to write instead. */
  readonly hint: string;
}

/**
 * Recognizes the error of an import by a bare name.
 *
 * @param message The first line of the error's message.
 * @param home The URL of the folder with kload's own modules.
 * @returns The import, or `undefined` if the message is about something else.
 */
export function unresolvedImport(
  message: string,
  home: string = new URL("../../", import.meta.url).href,
): UnresolvedImport | undefined {
  const bare = /^Import "([^"]+)" not a dependency/.exec(message)?.[1];
  if (bare !== undefined) return { specifier: bare, hint: hintFor(bare, home) };
  const path = /^Unknown export '\.([^']*)' for '@kload\/kload[@']/.exec(message)?.[1];
  return path === undefined ? undefined : { specifier: config.name + path, hint: hintFor(config.name + path, home) };
}

function hintFor(specifier: string, home: string): string {
  if (specifier !== config.name && !specifier.startsWith(`${config.name}/`)) {
    const guesses = specifier.startsWith("@std/") ? `"jsr:${specifier}"` : `"npm:${specifier}" or "jsr:${specifier}"`;
    return `Import ${guesses} instead: a deno.json next to the plugin is not read.`;
  }
  const modules: Readonly<Record<string, string>> = config.exports;
  const file = modules[`.${specifier.slice(config.name.length)}`];
  if (file === undefined) {
    const guess = closest(specifier.slice(config.name.length), Object.keys(modules).map((name) => name.slice(1)));
    if (guess === undefined) return "kload has no such module.";
    return `kload has no such module. Did you mean "${config.name}${guess}"?`;
  }
  return home.startsWith("file:")
    ? `Import "${new URL(file, home)}" instead, or install kload with --import-map links/import_map.json.`
    : `Import "jsr:${specifier}" instead, or install kload with the import map in docs/plugins.md.`;
}
