/**
 * Finds a symbol by address without an index: that costs a fraction of building one, as long as few are looked up.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { type FoundSymbol, isNaming, lengthOf, rankOf, type RegionEnds } from "./naming.ts";
import type { SymbolTable } from "./symbol_table.ts";

const TWO_32 = 2 ** 32;
const NONE = -1;

/**
 * Finds the symbol that contains an address, or else the nearest one before it in the same region.
 *
 * @param table The symbols.
 * @param ends Where the regions end.
 * @param region The number of the region that contains the address.
 * @param address The address.
 * @returns The symbol; `undefined` if there is none.
 */
export function scanFor(
  table: SymbolTable,
  ends: RegionEnds,
  region: number,
  address: bigint,
): FoundSymbol | undefined {
  const { count, high, low, regions } = table;
  const [upper, lower] = [upperHalf(address), lowerHalf(address)];
  // The best so far of those that contain the address, and of those before it.
  let [inside, insideAt, before, beforeAt] = [NONE, Infinity, NONE, Infinity];
  for (let symbol = 0; symbol < count; symbol++) {
    const offset = (upper - high[symbol]) * TWO_32 + (lower - low[symbol]);
    if (offset < 0 || offset > insideAt || regions[symbol] < 0) continue;
    if (lengthOf(table, symbol, ends) > offset) {
      if (offset === insideAt && rankOf(table, symbol) >= rankOf(table, inside)) continue;
      if (isNaming(table, symbol)) [inside, insideAt] = [symbol, offset];
    } else if (inside === NONE && offset <= beforeAt && regions[symbol] === region) {
      if (offset === beforeAt && rankOf(table, symbol) >= rankOf(table, before)) continue;
      if (isNaming(table, symbol)) [before, beforeAt] = [symbol, offset];
    }
  }
  if (inside !== NONE) return { symbol: inside, offset: insideAt };
  return before === NONE ? undefined : { symbol: before, offset: beforeAt };
}
