/**
 * Text for a shell.
 *
 * @module
 */

import { printable } from "./text.ts";

/**
 * A word as a shell takes it.
 *
 * @param word Such as a path.
 * @returns The word, in quotes where it needs them; control characters are written as escapes.
 */
export function quoted(word: string): string {
  return /^[\w./:+-]+$/.test(word) ? word : `'${printable(word).replaceAll("'", "'\\''")}'`;
}
