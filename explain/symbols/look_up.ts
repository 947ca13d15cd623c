/**
 * Looks up sections and symbols that were read.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { addressIndex } from "./address_index.ts";
import { scanFor, scanForEnds } from "./address_scan.ts";
import type { KernelSection, KernelSymbols } from "./kernel_symbols.ts";
import { nameIndex, scanForName } from "./name_index.ts";
import { endsOf, type FoundSymbol } from "./naming.ts";
import { merged, type Region, regionFinder } from "./regions.ts";
import { similarNames } from "./similar_names.ts";
import { NOWHERE, symbolOf, type SymbolTable } from "./symbol_table.ts";

/** What was read of a file. */
export interface ReadNames {
  /** Its sections, ascending by address. */
  readonly sections: readonly KernelSection[];
  /** The regions that its symbols are in: the sections, or others. */
  readonly regions: readonly Region[];
  /** Its symbols. */
  readonly symbols: SymbolTable;
  /** The number of symbols that were not read. */
  readonly unread: number;
  /** The table that they are from. */
  readonly table?: KernelSymbols["table"];
  /** Whether it has line numbers. */
  readonly hasLineNumbers: boolean;
}

const ADDRESS_END = 1n << 64n;

/** How many addresses, and how many names, to look up before an index is worth its cost. */
const SCANS = 16;

/**
 * Creates the functions that look things up. Indexes are built when they are first needed.
 *
 * @param names What was read.
 * @returns The sections and symbols.
 */
export function kernelSymbols(names: ReadNames): KernelSymbols {
  const { sections, regions, symbols, unread, table, hasLineNumbers } = names;
  const sectionAt = regionFinder(sections);
  const apart = merged(regions);
  const regionAt = regionFinder(apart);
  const ends = endsOf(regions);
  const byAddress = lazy(() => addressIndex(symbols, ends));
  const byName = lazy(() => nameIndex(symbols));
  let [scans, nameScans] = [0, 0];
  const findAt = (address: bigint): FoundSymbol | undefined => {
    const region = regionAt(upperHalf(address), lowerHalf(address));
    if (region === NOWHERE) return undefined;
    if (scans++ < SCANS) return scanFor(symbols, ends, address);
    return byAddress().find(apart[region].address, address);
  };
  return {
    sections,
    count: symbols.count,
    unread,
    ...(table === undefined ? {} : { table }),
    hasLineNumbers,
    sectionAt: (address) => {
      const section = sectionAt(upperHalf(address), lowerHalf(address));
      return section === NOWHERE ? undefined : sections[section];
    },
    symbolAt: (address) => {
      const found = findAt(address);
      return found && { symbol: symbolOf(symbols, found.symbol), offset: found.offset };
    },
    find: (name) => {
      const found = nameScans++ < SCANS ? scanForName(symbols, name) : byName().find(name);
      return found.map((symbol) => symbolOf(symbols, symbol));
    },
    inRange: function* (start, end) {
      for (const symbol of byAddress().inRange(start, end)) yield symbolOf(symbols, symbol);
    },
    endsOfRange: (start, end) => {
      const [from, to] = [start < 0n ? 0n : start, end < ADDRESS_END ? end : ADDRESS_END];
      const ends = scans++ < SCANS ? scanForEnds(symbols, from, to) : byAddress().endsOfRange(from, to);
      return ends && { ...ends, first: symbolOf(symbols, ends.first), last: symbolOf(symbols, ends.last) };
    },
    similar: (name) => similarNames(symbols, name),
  };
}

/** Creates a value when it is first asked for. */
function lazy<T>(create: () => T): () => T {
  let value: { readonly created: T } | undefined;
  return () => (value ??= { created: create() }).created;
}
