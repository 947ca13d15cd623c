/**
 * Flags that take one of a few words.
 *
 * @module
 */

import { closest } from "./closest.ts";
import { valueError } from "./numbers.ts";

/**
 * Reads a value that is one of a few words.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @param choices The words.
 * @returns The word.
 * @throws {CliError} "usage" if it is not one of them.
 */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const guess = closest(text, choices);
  const hint = guess === undefined ? undefined : `Did you mean --${flag} ${guess}?`;
  throw valueError(flag, text, `must be one of ${choices.join(", ")}`, hint);
}
