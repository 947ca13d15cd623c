/**
 * Whether a flag was typed.
 *
 * @module
 */

import type { Arguments } from "./parse_arguments.ts";

/**
 * Whether a flag was typed, in any form.
 *
 * @param args The arguments.
 * @param flag Its name.
 * @returns True if it was.
 */
export function isGiven(
  { values, lists, switches }: Pick<Arguments, "values" | "lists" | "switches">,
  flag: string,
): boolean {
  return values.has(flag) || lists.has(flag) || switches.has(flag);
}
