/**
 * Advice on a file of some format, as it is printed.
 *
 * @module
 */

import type { FormatAdvice } from "../../formats/format.ts";
import { quotedPath } from "./shell_quote.ts";

/**
 * Puts the file's path into the command.
 *
 * @param advice The advice, with the word `FILE` for the path.
 * @param path The path; without it, a command that needs one is left out.
 * @returns The advice, with a command that can be copied.
 */
export function formatAdvice({ hint, command }: FormatAdvice, path?: string): FormatAdvice {
  if (command === undefined) return { hint };
  if (path === undefined && /\bFILE\b/.test(command)) return { hint: hint.replace(/:$/, ".") };
  return { hint, command: command.replaceAll(/\bFILE\b/g, () => quotedPath(path ?? "")) };
}

/**
 * The path of a source.
 *
 * @param name What the source is called.
 * @returns The name; `undefined` if it is standard input or a URL.
 */
export function pathOfSource(name: string): string | undefined {
  return name === "" || name === "standard input" || /^[a-z][a-z0-9+.-]*:\/\//i.test(name) ? undefined : name;
}
