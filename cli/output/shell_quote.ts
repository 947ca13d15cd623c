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
