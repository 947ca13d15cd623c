/**
 * Finds symbols by address.
 *
 * A symbol names the bytes from its value on, as many as its size says, and no further than its section goes. Symbols
 * with `SHN_ABS`, those whose value does not lie in their section, such as the end of one, and the local labels of
 * compilers (".L…") name none.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { STB_LOCAL, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT } from "../../core/elf/constants.ts";
import { ascending } from "../radix_sort.ts";
import type { SymbolTable } from "./symbol_table.ts";

/** Where regions of memory end. */
export interface Region {
  /** Virtual address of its first byte, as linked. */
  readonly address: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/** A symbol by its number, and how far into it an address is. */
export interface FoundSymbol {
  /** Its number in the table. */
  readonly symbol: number;
  /** Number of bytes from its first byte on. */
  readonly offset: number;
}

/** An index of symbols by address. */
export interface AddressIndex {
  /** Finds the symbol that contains an address, or else the nearest one before it in the same section. */
  readonly find: (address: bigint) => FoundSymbol | undefined;
  /** Lists the numbers of the symbols in a range, ascending by address; of several at one address, the best first. */
  readonly inRange: (start: bigint, end: bigint) => Iterable<number>;
}

const TWO_32 = 2 ** 32;

/** No symbol reaches further than this; distances below it are exact. */
const FARTHEST = Number.MAX_SAFE_INTEGER;

/**
 * Creates an index.
 *
 * @param table The symbols.
 * @param regions The regions of memory that they are in.
 * @returns The index.
 */
export function addressIndex(table: SymbolTable, regions: readonly Region[]): AddressIndex {
  const sorted = sortSymbols(table);
  const { order, high, low } = sorted;
  const lengths = lengthsOf(table, regions, sorted);
  const aroundSize = enclosing(sorted, lengths.size);
  const aroundRest = enclosing(sorted, lengths.rest);

  /** The last place in the order whose address is at most this one; -1 if there is none. */
  const lastUpTo = (upper: number, lower: number): number => {
    let [below, above] = [-1, order.length];
    while (above - below > 1) {
      const middle = (below + above) >> 1;
      if (high[middle] < upper || (high[middle] === upper && low[middle] <= lower)) below = middle;
      else above = middle;
    }
    return below;
  };
  const find = (address: bigint): FoundSymbol | undefined => {
    const [upper, lower] = [upperHalf(address), lowerHalf(address)];
    const last = lastUpTo(upper, lower);
    const offsetAt = (place: number) => (upper - high[place]) * TWO_32 + (lower - low[place]);
    /** The place from `last` down whose symbol goes on to the address. */
    const reaching = (length: Float64Array, around: Int32Array): number => {
      let place = last;
      while (place >= 0 && offsetAt(place) >= length[place]) place = around[place];
      return place;
    };
    const container = reaching(lengths.size, aroundSize);
    const [place, length] = container >= 0
      ? [container, lengths.size]
      : [reaching(lengths.rest, aroundRest), lengths.rest];
    if (place < 0) return undefined;
    const offset = offsetAt(place);
    let best = place;
    for (let other = place - 1; other >= 0 && high[other] === high[place] && low[other] === low[place]; other--) {
      if (length[other] > offset) best = other;
    }
    return { symbol: order[best], offset };
  };
  return {
    find,
    inRange: function* (start, end) {
      const last = BigInt.asUintN(64, end - 1n);
      if (end <= start || end - 1n !== last || start < 0n) return;
      const from = start === 0n ? 0 : lastUpTo(upperHalf(start - 1n), lowerHalf(start - 1n)) + 1;
      const to = lastUpTo(upperHalf(last), lowerHalf(last));
      for (let place = from; place <= to; place++) yield order[place];
    },
  };
}

/** Symbols that name bytes, ascending by address; of several at one address, the best first. */
interface SortedSymbols {
  /** Their numbers. */
  readonly order: Uint32Array;
  /** Their addresses. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

function sortSymbols(table: SymbolTable): SortedSymbols {
  const naming = new Uint32Array(table.count);
  let count = 0;
  for (let symbol = 0; symbol < table.count; symbol++) {
    if (table.regions[symbol] >= 0 && !isLocalLabel(table, symbol)) naming[count++] = symbol;
  }
  const pick = (valueOf: (symbol: number) => number): Uint32Array => {
    const values = new Uint32Array(count);
    for (let at = 0; at < count; at++) values[at] = valueOf(naming[at]);
    return values;
  };
  const high = pick((symbol) => table.high[symbol]);
  const low = pick((symbol) => table.low[symbol]);
  const order = ascending(count, [pick((symbol) => rankOf(table, symbol)), low, high]);
  return { order: order.map((at) => naming[at]), high: order.map((at) => high[at]), low: order.map((at) => low[at]) };
}

const DOT = ".".charCodeAt(0);
const CAPITAL_L = "L".charCodeAt(0);

/** Assemblers leave such labels out of the symbol table unless they are told to keep them. */
function isLocalLabel({ names, strings, info }: SymbolTable, symbol: number): boolean {
  const name = names[symbol];
  return info[symbol] >> 4 === STB_LOCAL && strings[name] === DOT && strings[name + 1] === CAPITAL_L;
}

/**
 * Which of several symbols at one address names it best, lowest first: functions, objects, then what has no type; those
 * with a size; global, local, weak. The rest is left to the order of the table.
 */
function rankOf({ info, sizeHigh, sizeLow }: SymbolTable, symbol: number): number {
  const type = info[symbol] & 0xf;
  const binding = info[symbol] >> 4;
  return 8 * (type === STT_FUNC || type === STT_GNU_IFUNC ? 0 : type === STT_OBJECT ? 1 : 2) +
    (sizeHigh[symbol] === 0 && sizeLow[symbol] === 0 ? 4 : 0) +
    (binding === STB_WEAK ? 2 : binding === STB_LOCAL ? 1 : 0);
}

/** For each place in the order, how far its symbol goes: to its last byte, and to that of its region. */
function lengthsOf(
  { sizeHigh, sizeLow, regions: regionOf }: SymbolTable,
  regions: readonly Region[],
  { order, high, low }: SortedSymbols,
): { readonly size: Float64Array; readonly rest: Float64Array } {
  const [size, rest] = [new Float64Array(order.length), new Float64Array(order.length)];
  const ends = regions.map(({ address, size: bytes }) => {
    const end = address + bytes;
    return { high: upperHalf(end), low: lowerHalf(end) };
  });
  for (let place = 0; place < order.length; place++) {
    const symbol = order[place];
    const end = ends[regionOf[symbol]];
    rest[place] = Math.min((end.high - high[place]) * TWO_32 + (end.low - low[place]), FARTHEST);
    size[place] = Math.min(sizeHigh[symbol] * TWO_32 + sizeLow[symbol], rest[place]);
  }
  return { size, rest };
}

/** For each place in the order, the last one before it that goes on to its address; -1 if there is none. */
function enclosing({ high, low }: SortedSymbols, length: Float64Array): Int32Array {
  const around = new Int32Array(length.length);
  for (let place = 0; place < length.length; place++) {
    let before = place - 1;
    while (before >= 0 && (high[place] - high[before]) * TWO_32 + (low[place] - low[before]) >= length[before]) {
      before = around[before];
    }
    around[place] = before;
  }
  return around;
}
