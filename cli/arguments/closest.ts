/**
 * Guesses at what was meant by a word that was mistyped.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * Finds the word that was most likely meant.
 *
 * @param typed What was typed.
 * @param words The words that it can be, at least one.
 * @returns The closest of them, or `undefined` if even that is another word: more than a third of it differs, and it
 * does not have the same letters in another order.
 */
export function closest(typed: string, words: readonly string[]): string | undefined {
  const word = closestString(typed, words);
  const distance = levenshteinDistance(typed, word);
  const isClose = distance <= Math.max(typed.length, word.length) / 3;
  return isClose || (distance <= 2 && letters(typed) === letters(word)) ? word : undefined;
}

function letters(word: string): string {
  return [...word].sort().join("");
}
