/**
 * Quotes text for a shell.
 *
 * @module
 */

import { printable } from "./text.ts";

/**
 * Quotes a word for a shell.
 *
 * @param word Such as a path.
 * @returns The word, in quotes if it needs them; one with control characters in the form `$'…'` of bash and zsh.
 */
export function quoted(word: string): string {
  if (/^[\w./:+-]+$/.test(word)) return word;
  if (printable(word) === word) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${printable(word.replaceAll(/['\\]/g, "\\$&"))}'`;
}

/**
 * Quotes a path for a shell, as an argument of a program that would take a leading dash for an option.
 *
 * @param path The path.
 * @returns The same as {@linkcode quoted}, with `./` in front of a path that starts with a dash.
 */
export function quotedPath(path: string): string {
  return quoted(path.startsWith("-") ? `./${path}` : path);
}
