/** Calculates the Levenshtein distance between two texts: how many characters to insert, remove or replace. */
export declare function levenshteinDistance(str1: string, str2: string): number;
