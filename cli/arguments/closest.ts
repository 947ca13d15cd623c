/**
 * Guesses at what was meant by a word that was mistyped.
 *
 * @module
 */

/**
 * Finds the word that was most likely meant.
 *
 * @param typed What was typed.
 * @param words The words that it can be, at least one.
 * @returns The closest of them, or `undefined` if even that is another word: more than a third of it differs, and it
 * does not have the same letters in another order.
 */
export function closest(typed: string, words: readonly string[]): string | undefined {
  const distances = words.map((word) => editDistance(typed.toLowerCase(), word.toLowerCase()));
  const word = words[distances.indexOf(Math.min(...distances))];
  const distance = editDistance(typed, word);
  const isClose = distance <= Math.max(typed.length, word.length) / 3;
  return isClose || (distance <= 2 && letters(typed) === letters(word)) ? word : undefined;
}

function letters(word: string): string {
  return [...word].sort().join("");
}

/** The Levenshtein distance: how many characters to insert, remove or replace. */
function editDistance(from: string, to: string): number {
  const target = [...to];
  // The distances from the characters of `from` read so far to each prefix of `to`.
  let row = Array.from({ length: target.length + 1 }, (_, at) => at);
  for (const char of from) {
    const next = [row[0] + 1];
    for (const [at, wanted] of target.entries()) {
      next.push(Math.min(row[at] + (char === wanted ? 0 : 1), row[at + 1] + 1, next[at] + 1));
    }
    row = next;
  }
  return row[target.length];
}
