/**
 * Finds a symbol by address without an index: that costs a fraction of building one, as long as few are looked up.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { type FoundSymbol, lengthOf, rankBefore, rankOf, type RegionEnds, restOf } from "./naming.ts";
import type { SymbolTable } from "./symbol_table.ts";

const TWO_32 = 2 ** 32;
const NONE = -1;

/**
 * Finds the symbol that contains an address, or else the nearest one before it in the same region.
 *
 * @param table The symbols.
 * @param ends Where the regions end.
 * @param address The address.
 * @returns The symbol; `undefined` if there is none.
 */
export function scanFor(table: SymbolTable, ends: RegionEnds, address: bigint): FoundSymbol | undefined {
  const { count, high, low, sizeHigh, sizeLow, regions } = table;
  const [upper, lower] = [upperHalf(address), lowerHalf(address)];
  // The best so far of those that contain the address, and of those before it.
  let [inside, insideAt, before, beforeAt] = [NONE, Infinity, NONE, Infinity];
  for (let symbol = 0; symbol < count; symbol++) {
    const offset = (upper - high[symbol]) * TWO_32 + (lower - low[symbol]);
    if (offset < 0 || offset > insideAt || regions[symbol] < 0) continue;
    if (offset > beforeAt && offset >= sizeHigh[symbol] * TWO_32 + sizeLow[symbol]) continue; // as nearly all
    if (lengthOf(table, symbol, ends) > offset) {
      if (offset === insideAt && rankOf(table, symbol) >= rankOf(table, inside)) continue;
      [inside, insideAt] = [symbol, offset];
    } else if (inside === NONE && offset <= beforeAt && restOf(table, symbol, ends) > offset) {
      if (offset === beforeAt && rankBefore(table, symbol) >= rankBefore(table, before)) continue;
      [before, beforeAt] = [symbol, offset];
    }
  }
  if (inside !== NONE) return { symbol: inside, offset: insideAt };
  return before === NONE ? undefined : { symbol: before, offset: beforeAt };
}

/** The numbers of the first and the last of some symbols, ascending by address, and how many there are. */
export interface ScannedEnds {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/**
 * Finds the first and the last symbol in a range, as an index would list them: those at one address, best first.
 *
 * @param table The symbols.
 * @param start The first address, of 64 bits.
 * @param end The address after the last, at most 2^64.
 * @returns Their numbers; `undefined` if there are none.
 */
export function scanForEnds(table: SymbolTable, start: bigint, end: bigint): ScannedEnds | undefined {
  if (end <= start) return undefined;
  const { count: all, high, low, regions } = table;
  const [upper, lower, lastUpper, lastLower] = [
    upperHalf(start),
    lowerHalf(start),
    upperHalf(end - 1n),
    lowerHalf(end - 1n),
  ];
  let [first, last, count] = [NONE, NONE, 0];
  for (let symbol = 0; symbol < all; symbol++) {
    const [above, below] = [high[symbol], low[symbol]];
    if (above < upper || (above === upper && below < lower) || regions[symbol] < 0) continue;
    if (above > lastUpper || (above === lastUpper && below > lastLower)) continue;
    count++;
    if (first === NONE || isBefore(table, symbol, first)) first = symbol;
    if (last === NONE || !isBefore(table, symbol, last)) last = symbol;
  }
  return count === 0 ? undefined : { first, last, count };
}

/** Whether a symbol comes before one with a smaller number. */
function isBefore(table: SymbolTable, symbol: number, other: number): boolean {
  const { high, low } = table;
  if (high[symbol] !== high[other]) return high[symbol] < high[other];
  if (low[symbol] !== low[other]) return low[symbol] < low[other];
  return rankOf(table, symbol) < rankOf(table, other);
}
