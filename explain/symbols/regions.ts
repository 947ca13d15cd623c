/**
 * The regions of memory that symbols are in: sections, or segments if there are no sections.
 *
 * @module
 */

import { lowerHalf, rangeIndex, upperHalf } from "../../core/address_space/range_index.ts";
import type { KernelSection } from "./kernel_symbols.ts";
import { NOWHERE, type RawSymbols } from "./symbol_table.ts";

/** A region of memory. */
export interface Region {
  /** Virtual address of its first byte, as linked. */
  readonly address: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/**
 * Creates a function that finds the region which contains an address.
 *
 * @param regions The regions.
 * @returns The function; it returns the region's number, or {@linkcode NOWHERE}.
 */
export function regionFinder(regions: readonly Region[]): (high: number, low: number) => number {
  const index = rangeIndex(regions.map(({ address, size }, number) => {
    return { start: address, end: address + size, number };
  }));
  return (high, low) => {
    const range = index.reaching(high, low);
    if (!range) return NOWHERE;
    const [endHigh, endLow] = [upperHalf(range.end), lowerHalf(range.end)];
    return high < endHigh || (high === endHigh && low < endLow) ? range.number : NOWHERE;
  };
}

/**
 * Merges regions that overlap, which those of sound files do not.
 *
 * @param regions The regions.
 * @returns Regions that have the same addresses, ascending; none overlaps another.
 */
export function merged(regions: readonly Region[]): readonly Region[] {
  const apart: Region[] = [];
  for (
    const { address, size } of regions.toSorted((a, b) => a.address < b.address ? -1 : a.address > b.address ? 1 : 0)
  ) {
    const last = apart.at(-1);
    if (!last || address >= last.address + last.size) apart.push({ address, size });
    else if (address + size > last.address + last.size) {
      apart[apart.length - 1] = { ...last, size: address + size - last.address };
    }
  }
  return apart;
}

/**
 * Creates a function that finds the region of a symbol by its section, if its value is in it.
 *
 * @param sections The sections that are regions.
 * @param count The number of section headers.
 * @returns The function; it returns the number of the section in `sections`, or {@linkcode NOWHERE}.
 */
export function regionsBySection(sections: readonly KernelSection[], count: number): RawSymbols["regionOf"] {
  const numbers = new Int32Array(count).fill(NOWHERE);
  const bounds = new Float64Array(4 * sections.length);
  sections.forEach(({ index, address, size }, number) => {
    const end = address + size;
    numbers[index] = number;
    bounds.set([upperHalf(address), lowerHalf(address), upperHalf(end), lowerHalf(end)], 4 * number);
  });
  return (section, high, low) => {
    const number = section < count ? numbers[section] : NOWHERE;
    if (number === NOWHERE) return NOWHERE;
    const at = 4 * number;
    if (high < bounds[at] || (high === bounds[at] && low < bounds[at + 1])) return NOWHERE;
    return high < bounds[at + 2] || (high === bounds[at + 2] && low < bounds[at + 3]) ? number : NOWHERE;
  };
}
