/**
 * Which symbols name the bytes at an address, and which of several names them best.
 *
 * A symbol names the bytes from its value on, as many as its size says, and no further than its section goes. Symbols
 * with `SHN_ABS`, those whose value does not lie in their section, such as the end of one, and the local labels of
 * compilers (".L…") name none.
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

const DOT = ".".charCodeAt(0);
const CAPITAL_L = "L".charCodeAt(0);

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
 * Whether a symbol names bytes. Assemblers leave local labels out of the symbol table unless they are told to keep them.
 *
 * @param table The symbols.
 * @param symbol The number of one.
 * @returns True if its region contains its value and it is not a local label of a compiler.
 */
export function isNaming({ regions, info, names, strings }: SymbolTable, symbol: number): boolean {
  if (regions[symbol] < 0) return false;
  const name = names[symbol];
  return info[symbol] >> 4 !== STB_LOCAL || strings[name] !== DOT || strings[name + 1] !== CAPITAL_L;
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
  const { high, low, sizeHigh, sizeLow, regions } = table;
  const region = regions[symbol];
  const rest = (ends.high[region] - high[symbol]) * TWO_32 + (ends.low[region] - low[symbol]);
  return Math.min(sizeHigh[symbol] * TWO_32 + sizeLow[symbol], rest, FARTHEST);
}

/**
 * Which of several symbols at one address names it best, lowest first: functions, objects, then what has no type; those
 * with a size; global, local, weak. What is the same in all that is in the order of the table.
 *
 * @param table The symbols.
 * @param symbol The number of one.
 * @returns A number below 32.
 */
export function rankOf({ info, sizeHigh, sizeLow }: SymbolTable, symbol: number): number {
  const type = info[symbol] & 0xf;
  const binding = info[symbol] >> 4;
  return 8 * (type === STT_FUNC || type === STT_GNU_IFUNC ? 0 : type === STT_OBJECT ? 1 : 2) +
    (sizeHigh[symbol] === 0 && sizeLow[symbol] === 0 ? 4 : 0) +
    (binding === STB_WEAK ? 2 : binding === STB_LOCAL ? 1 : 0);
}
