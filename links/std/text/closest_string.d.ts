/** Options for {@linkcode closestString}. */
export interface ClosestStringOptions {
  /** Whether a difference in case counts. */
  caseSensitive?: boolean;
  /** The measure of how far two words are apart, the Levenshtein distance by default. */
  compareFn?: (a: string, b: string) => number;
}

/** Finds the word of a non-empty list that is most like the given one. */
export declare function closestString(
  givenWord: string,
  possibleWords: ReadonlyArray<string>,
  options?: ClosestStringOptions,
): string;
