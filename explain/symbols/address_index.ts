/**
 * Finds many symbols by address.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { firstWhere } from "../binary_search.ts";
import { ascending } from "../radix_sort.ts";
import { type FoundSymbol, lengthOf, rankBefore, rankOf, type RegionEnds, restOf } from "./naming.ts";
import type { SymbolTable } from "./symbol_table.ts";

/** An index of symbols by address. */
export interface AddressIndex {
  /**
   * Finds the symbol that contains an address, or else the nearest one before it in the same region. No region that
   * contains the address starts before `start`.
   */
  readonly find: (start: bigint, address: bigint) => FoundSymbol | undefined;
  /** Lists the numbers of the symbols in a range, ascending by address; those at one address, best first. */
  readonly inRange: (start: bigint, end: bigint) => Iterable<number>;
  /** The numbers of the first and the last of these, and how many there are. */
  readonly endsOfRange: (start: bigint, end: bigint) => { first: number; last: number; count: number } | undefined;
}

const TWO_32 = 2 ** 32;
const ADDRESS_END = 1n << 64n;

/**
 * Creates an index.
 *
 * @param table The symbols.
 * @param ends Where the regions end.
 * @returns The index.
 */
export function addressIndex(table: SymbolTable, ends: RegionEnds): AddressIndex {
  const { order, high, low } = sortSymbols(table);
  const lengths = Float64Array.from(order, (symbol) => lengthOf(table, symbol, ends));
  const around = enclosing(high, low, lengths);

  /** The number of symbols below an address. */
  const below = (address: bigint): number => {
    const [upper, lower] = [upperHalf(address), lowerHalf(address)];
    return firstWhere(order.length, (place) => {
      return high[place] > upper || (high[place] === upper && low[place] >= lower);
    });
  };
  const placesIn = (start: bigint, end: bigint): readonly [first: number, after: number] => {
    return [below(start < 0n ? 0n : start), below(end < ADDRESS_END ? end : ADDRESS_END)];
  };
  return {
    find: (start, address) => {
      const [upper, lower] = [upperHalf(address), lowerHalf(address)];
      const offsetAt = (place: number) => (upper - high[place]) * TWO_32 + (lower - low[place]);
      const last = below(address + 1n) - 1;
      /** The best of the symbols at the same address as one that fits, and fit too. */
      const best = (place: number, rank: typeof rankOf, fits: (other: number) => boolean): FoundSymbol => {
        const offset = offsetAt(place);
        let found = order[place];
        for (let other = place - 1; other >= 0 && offsetAt(other) === offset; other--) {
          if (fits(other) && rank(table, order[other]) <= rank(table, found)) found = order[other];
        }
        return { symbol: found, offset };
      };
      let inside = last;
      while (inside >= 0 && offsetAt(inside) >= lengths[inside]) inside = around[inside];
      if (inside >= 0) return best(inside, rankOf, (place) => lengths[place] > offsetAt(place));
      const isInRegion = (place: number) => restOf(table, order[place], ends) > offsetAt(place);
      const first = below(start);
      let before = last;
      while (before >= first && !isInRegion(before)) before--;
      return before < first ? undefined : best(before, rankBefore, isInRegion);
    },
    inRange: function* (start, end) {
      const [first, after] = placesIn(start, end);
      for (let place = first; place < after; place++) yield order[place];
    },
    endsOfRange: (start, end) => {
      const [first, after] = placesIn(start, end);
      return first < after ? { first: order[first], last: order[after - 1], count: after - first } : undefined;
    },
  };
}

/** Symbols that name bytes, ascending by address; those at one address, best first. */
interface SortedSymbols {
  /** Their numbers. */
  readonly order: Uint32Array;
  /** Their addresses. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

function sortSymbols(table: SymbolTable): SortedSymbols {
  const naming = new Uint32Array(table.count);
  const [high, low, rank] = [0, 1, 2].map(() => new Uint32Array(table.count));
  let count = 0;
  for (let symbol = 0; symbol < table.count; symbol++) {
    if (table.regions[symbol] < 0) continue;
    naming[count] = symbol;
    high[count] = table.high[symbol];
    low[count] = table.low[symbol];
    rank[count] = rankOf(table, symbol);
    count++;
  }
  const places = ascending(count, [rank, low, high]);
  const sorted = { order: new Uint32Array(count), high: new Uint32Array(count), low: new Uint32Array(count) };
  for (let place = 0; place < count; place++) {
    sorted.order[place] = naming[places[place]];
    sorted.high[place] = high[places[place]];
    sorted.low[place] = low[places[place]];
  }
  return sorted;
}

/** For each place in the order, the last one before it that goes on to its address; -1 if there is none. */
function enclosing(high: Uint32Array, low: Uint32Array, lengths: Float64Array): Int32Array {
  const around = new Int32Array(lengths.length);
  for (let place = 0; place < lengths.length; place++) {
    let before = place - 1;
    while (before >= 0 && (high[place] - high[before]) * TWO_32 + (low[place] - low[before]) >= lengths[before]) {
      before = around[before];
    }
    around[place] = before;
  }
  return around;
}
