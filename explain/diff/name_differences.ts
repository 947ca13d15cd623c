/**
 * Compares the symbols of two files by name.
 *
 * @module
 */

import type { KernelSymbol, KernelSymbols } from "../symbols/kernel_symbols.ts";
import type { NameDifference, NameDifferences } from "./kernel_difference.ts";
import { limitedList } from "./limited_list.ts";

/** The functions and objects of a file by name; several may share one. */
type ByName = ReadonlyMap<string, readonly KernelSymbol[]>;

/** Number of symbols between two steps. */
const STEP = 1024;

/**
 * Compares symbols: which ones only one of two files has, and whose size differs.
 *
 * @param a The symbols of A.
 * @param b The symbols of B.
 * @param limit The most differences to list.
 * @returns The differences: those of A's symbols in order of address, then those that only B has.
 */
export function* nameDifferences(
  a: KernelSymbols,
  b: KernelSymbols,
  limit: number,
): Generator<void, NameDifferences, void> {
  const [ofA, ofB] = [yield* byName(a), yield* byName(b)];
  const list = limitedList<NameDifference>(limit);
  const counts = { added: 0, removed: 0, resized: 0, moved: 0 };
  const add = (kind: NameDifference["kind"], name: string, one?: KernelSymbol, other?: KernelSymbol): void => {
    counts[kind]++;
    list.add(() => ({ kind, name, ...(one ? { a: placeOf(one) } : {}), ...(other ? { b: placeOf(other) } : {}) }));
  };
  let at = 0;
  for (const [name, symbols] of ofA) {
    if (++at % STEP === 0) yield;
    const others = ofB.get(name) ?? [];
    symbols.forEach((one, nth) => {
      const other = others[nth];
      if (!other) add("removed", name, one);
      else if (one.size !== other.size) add("resized", name, one, other);
      else if (one.address !== other.address) counts.moved++;
    });
  }
  for (const [name, symbols] of ofB) {
    if (++at % STEP === 0) yield;
    for (const symbol of symbols.slice(ofA.get(name)?.length ?? 0)) add("added", name, undefined, symbol);
  }
  return { ...counts, ...list.result() };
}

function* byName(symbols: KernelSymbols): Generator<void, ByName, void> {
  const found = new Map<string, KernelSymbol[]>();
  let at = 0;
  for (const symbol of symbols.inRange(0n, 1n << 64n)) {
    if (++at % STEP === 0) yield;
    const { name } = symbol;
    const others = found.get(name);
    if (name === "") continue;
    if (others) others.push(symbol);
    else found.set(name, [symbol]);
  }
  return found;
}

function placeOf({ address, size }: KernelSymbol): NonNullable<NameDifference["a"]> {
  return { address, size };
}
