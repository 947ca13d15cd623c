/**
 * The section and the symbol of an address.
 *
 * @module
 */

import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import type { AddressExplanation } from "./address_explanation.ts";

/**
 * Finds the section and the symbol of an address.
 *
 * @param symbols The sections and symbols of a file, if they are known.
 * @param linked The address, as the file was linked.
 * @returns The section that contains it, and the symbol that contains it or is before it.
 */
export function namedPlaces(
  symbols: KernelSymbols | undefined,
  linked: bigint,
): Pick<AddressExplanation, "section" | "symbol"> {
  const section = symbols?.sectionAt(linked);
  const place = symbols?.symbolAt(linked);
  return {
    section: section ? { name: section.name, offset: Number(linked - section.address) } : null,
    symbol: place ? { name: place.symbol.name, offset: place.offset, size: place.symbol.size } : null,
  };
}
