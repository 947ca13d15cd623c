/**
 * Guesses which symbol was meant by a name that no symbol has.
 *
 * @module
 */

import { nameOf, type SymbolTable } from "./symbol_table.ts";

/** How many names to suggest. */
const SUGGESTED = 5;

/** How many bytes of a name to compare. */
const COMPARED = 256;

/** How many symbols to look at: more than the largest kernels have, few enough to take no seconds. */
const LOOKED_AT = 2 ** 20;

/** The largest number of changes that still make a similar name. */
const CHANGES_MAX = 4;

/** How similar a name is that contains the other as a word, as a number of changes. */
const AS_WORD = 2;

/** A name to suggest. */
interface Guess {
  readonly name: string;
  /** How many changes make it the name that was asked for. */
  readonly changes: number;
  /** How many bytes longer or shorter it is. */
  readonly difference: number;
}

/**
 * Finds the names that are most like another: those that few changes of characters lead to, and those that contain it as
 * a word, such as a name with a prefix or one that a compiler made of a path ("idt::init" is in "_ZN3idt4initE").
 *
 * @param table The symbols.
 * @param name The name.
 * @returns Up to five names, best first.
 */
export function similarNames(table: SymbolTable, name: string): readonly string[] {
  const encoder = new TextEncoder();
  const wanted = encoder.encode(name).slice(0, COMPARED).map(lowerCase);
  if (wanted.length === 0) return [];
  const word = encoder.encode(mangledPath(name)).slice(0, COMPARED).map(lowerCase);
  const most = Math.min(CHANGES_MAX, Math.floor(wanted.length / 3));
  const distanceTo = distances(wanted);
  const guesses = new Map<string, Guess>();
  let limit = Math.max(most, AS_WORD);
  const text = new Uint8Array(COMPARED);
  for (let symbol = 0; symbol < Math.min(table.count, LOOKED_AT); symbol++) {
    const length = copyName(table, symbol, text);
    const difference = Math.abs(length - wanted.length);
    const distance = difference <= most ? distanceTo(text, length, Math.min(most, limit)) : Infinity;
    const changes = distance <= most ? distance : Infinity;
    const score = changes <= AS_WORD || !hasWord(text, length, word) ? changes : AS_WORD;
    if (score > limit) continue;
    const found = nameOf(table, symbol);
    guesses.set(found, { name: found, changes: score, difference });
    if (guesses.size < 4 * SUGGESTED) continue;
    const best = bestOf(guesses.values());
    guesses.clear();
    for (const guess of best) guesses.set(guess.name, guess);
    limit = best[SUGGESTED - 1].changes;
  }
  return bestOf(guesses.values()).map((guess) => guess.name);
}

function bestOf(guesses: Iterable<Guess>): readonly Guess[] {
  const ascending = [...guesses].sort((a, b) => a.changes - b.changes || a.difference - b.difference);
  return ascending.slice(0, SUGGESTED);
}

/** What a path is in the names that compilers make: each part with its length before it (Itanium C++ ABI, "Mangling"). */
function mangledPath(name: string): string {
  const parts = name.split("::").filter(Boolean);
  return parts.length < 2 ? name : parts.map((part) => `${part.length}${part}`).join("");
}

/** Copies the first bytes of a name in lower case, and returns their number. */
function copyName({ names, strings }: SymbolTable, symbol: number, into: Uint8Array): number {
  const start = names[symbol];
  const end = Math.min(into.length, strings.length - start);
  let length = 0;
  for (; length < end && strings[start + length] !== 0; length++) into[length] = lowerCase(strings[start + length]);
  return length;
}

function lowerCase(char: number): number {
  return char >= 65 && char <= 90 ? char + 32 : char;
}

function isLetter(char: number): boolean {
  return char >= 97 && char <= 122;
}

function isDigit(char: number): boolean {
  return char >= 48 && char <= 57;
}

/**
 * Whether a text contains a word that no other letters adjoin, or that is a number and that no other digits precede. In
 * the names of compilers, an "E" may follow it.
 */
function hasWord(text: Uint8Array, length: number, word: Uint8Array): boolean {
  for (let start = text.indexOf(word[0]); start >= 0 && start + word.length <= length;) {
    let same = 1;
    while (same < word.length && text[start + same] === word[same]) same++;
    const end = start + same;
    const isMangled = text[0] === 95 && text[1] === 122; // "_z"
    const isEnd = end >= length || !isLetter(text[end]) || (isMangled && text[end] === 101);
    const isStart = start === 0 || !(isDigit(word[0]) ? isDigit : isLetter)(text[start - 1]);
    if (same === word.length && isEnd && isStart) return true;
    start = text.indexOf(word[0], start + 1);
  }
  return false;
}

/**
 * Creates a function that counts the characters to insert, remove or replace between two texts, and the neighbors to
 * swap (optimal string alignment); any number above the limit may stand for a larger one.
 */
function distances(wanted: Uint8Array): (text: Uint8Array, length: number, limit: number) => number {
  let row = new Uint16Array(wanted.length + 1);
  let next = new Uint16Array(wanted.length + 1);
  let above = new Uint16Array(wanted.length + 1); // the row before the last
  return (text, length, limit) => {
    for (let at = 0; at < row.length; at++) row[at] = at;
    for (let done = 0; done < length; done++) {
      next[0] = done + 1;
      let least = next[0];
      for (let at = 0; at < wanted.length; at++) {
        const change = Math.min(row[at] + (text[done] === wanted[at] ? 0 : 1), row[at + 1] + 1, next[at] + 1);
        const isSwap = done > 0 && at > 0 && text[done] === wanted[at - 1] && text[done - 1] === wanted[at];
        next[at + 1] = isSwap ? Math.min(change, above[at - 1] + 1) : change;
        if (next[at + 1] < least) least = next[at + 1];
      }
      // A swap goes back to the row above.
      if (least > limit && Math.min(...row) > limit) return least;
      [above, row, next] = [row, next, above];
    }
    return row[wanted.length];
  };
}
