/**
 * Finds symbols by name, without decoding the others' names.
 *
 * @module
 */

import { endOfName, type SymbolTable } from "./symbol_table.ts";

/** An index of symbols by name. */
export interface NameIndex {
  /** Finds the numbers of the symbols of a name, in the order of the table; the first 1024 if there are more. */
  readonly find: (name: string) => readonly number[];
}

/** The most symbols of one name to find: a file may have millions. */
const FOUND_MAX = 1024;

/**
 * Finds symbols by name without an index: that costs a fraction of building one, as long as few are looked up.
 *
 * @param table The symbols.
 * @param name The name.
 * @returns The numbers of the symbols of that name, in the order of the table; the first 1024 if there are more.
 */
export function scanForName({ count, names, strings }: SymbolTable, name: string): readonly number[] {
  const wanted = new TextEncoder().encode(name);
  const found: number[] = [];
  for (let symbol = 0; symbol < count; symbol++) {
    if (isName(strings, names[symbol], wanted) && found.push(symbol) === FOUND_MAX) break;
  }
  return found;
}

/** How many bytes of a name are hashed: names may overlap, so all of each could be many times the string table. */
const HASHED = 64;

const NONE = -1;

/**
 * Creates an index: a hash table whose chains are arrays.
 *
 * @param table The symbols.
 * @returns The index.
 */
export function nameIndex({ count, names, strings }: SymbolTable): NameIndex {
  const buckets = new Int32Array(2 ** Math.max(4, 32 - Math.clz32(count))).fill(NONE);
  const next = new Int32Array(count);
  const mask = buckets.length - 1;
  for (let symbol = count - 1; symbol >= 0; symbol--) { // from the last on, so that chains ascend
    const bucket = hashOf(strings, names[symbol]) & mask;
    next[symbol] = buckets[bucket];
    buckets[bucket] = symbol;
  }
  return {
    find: (name) => {
      const wanted = new TextEncoder().encode(name);
      const found: number[] = [];
      for (let symbol = buckets[hashOf(wanted, 0) & mask]; symbol !== NONE; symbol = next[symbol]) {
        if (isName(strings, names[symbol], wanted) && found.push(symbol) === FOUND_MAX) break;
      }
      return found;
    },
  };
}

/** FNV-1a of the first bytes of a name. */
function hashOf(bytes: Uint8Array, start: number): number {
  const end = Math.min(bytes.length, start + HASHED);
  let hash = 0x811c9dc5;
  for (let at = start; at < end && bytes[at] !== 0; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function isName(strings: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let at = 0; at < wanted.length; at++) if (strings[start + at] !== wanted[at]) return false;
  return endOfName(strings, start) === start + wanted.length;
}
