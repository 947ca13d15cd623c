/**
 * Which symbols name the bytes at an address, and which of several names them best.
 *
 * A symbol names the bytes from its value on, as many as its size says, and no further than its section goes. Symbols
 * with `SHN_ABS`, and those whose value does not lie in their section, such as the end of one, name none.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { STB_LOCAL, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT } from "../../core/elf/constants.ts";
import type { Region } from "./regions.ts";
import type { SymbolTable } from "./symbol_table.ts";

/** The ends of regions, as halves. */
export interface RegionEnds {
  readonly high: Float64Array;
  readonly low: Float64Array;
}

/** A symbol by its number, and how far into it an address is. */
export interface FoundSymbol {
  /** Its number in the table. */
  readonly symbol: number;
  /** Number of bytes from its first byte on. */
  readonly offset: number;
}

const TWO_32 = 2 ** 32;

/** No symbol reaches further than this; distances below it are exact. */
const FARTHEST = Number.MAX_SAFE_INTEGER;

/** The bit of a rank that says that the size is unknown. */
const UNSIZED = 4;

/**
 * Finds where regions end.
 *
 * @param regions The regions.
 * @returns Their ends.
 */
export function endsOf(regions: readonly Region[]): RegionEnds {
  const ends = regions.map(({ address, size }) => address + size);
  return { high: Float64Array.from(ends, upperHalf), low: Float64Array.from(ends, lowerHalf) };
}

/**
 * Counts the bytes from a symbol's value to the end of its region.
 *
 * @param table The symbols.
 * @param symbol The number of one that names bytes.
 * @param ends Where the regions end.
 * @returns Their number; if it is larger than the largest that is exact, that one.
 */
export function restOf({ high, low, regions }: SymbolTable, symbol: number, ends: RegionEnds): number {
  const region = regions[symbol];
  return Math.min((ends.high[region] - high[symbol]) * TWO_32 + (ends.low[region] - low[symbol]), FARTHEST);
}

/**
 * Counts the bytes that a symbol names.
 *
 * @param table The symbols.
 * @param symbol The number of one that names bytes.
 * @param ends Where the regions end.
 * @returns Their number; 0 if its size is unknown.
 */
export function lengthOf(table: SymbolTable, symbol: number, ends: RegionEnds): number {
  return Math.min(table.sizeHigh[symbol] * TWO_32 + table.sizeLow[symbol], restOf(table, symbol, ends));
}

/**
 * Which of several symbols at one address names it best, lowest first: functions, objects, then what has no type; those
 * with a size; global, local, weak. Ties are in the order of the table.
 *
 * @param table The symbols.
 * @param symbol The number of one.
 * @returns A number below 32.
 */
export function rankOf({ info, sizeHigh, sizeLow }: SymbolTable, symbol: number): number {
  const type = info[symbol] & 0xf;
  const binding = info[symbol] >> 4;
  return 8 * (type === STT_FUNC || type === STT_GNU_IFUNC ? 0 : type === STT_OBJECT ? 1 : 2) +
    (sizeHigh[symbol] === 0 && sizeLow[symbol] === 0 ? UNSIZED : 0) +
    (binding === STB_WEAK ? 2 : binding === STB_LOCAL ? 1 : 0);
}

/**
 * Which of several symbols before an address is the best one to measure it from, if none contains it, lowest first:
 * those of unknown size, which may go on to there; then as {@linkcode rankOf} says.
 *
 * @param table The symbols.
 * @param symbol The number of one.
 * @returns A number below 64.
 */
export function rankBefore(table: SymbolTable, symbol: number): number {
  const rank = rankOf(table, symbol);
  return (rank & UNSIZED) === 0 ? rank + 32 : rank;
}
