/** Which symbol names an address, found without any order or index in what readelf prints. */

import { addressSymbols, allocated, type Printed, type SymbolLine } from "../readelf_names.ts";

/** The symbols that name bytes, and where their sections end. */
export interface SlowNames {
  readonly naming: readonly (SymbolLine & { readonly end: bigint; readonly sectionEnd: bigint })[];
  readonly printed: Printed;
}

/** Prepares what readelf printed. */
export function slowNames(printed: Printed): SlowNames {
  const sections = new Map(allocated(printed).map((section) => [`${section.index}`, section]));
  const naming = addressSymbols(printed).flatMap((symbol) => {
    const section = sections.get(symbol.section);
    if (!section || symbol.value < section.address || symbol.value >= section.address + section.size) return [];
    const sectionEnd = section.address + section.size;
    const end = symbol.value + symbol.size;
    return [{ ...symbol, end: end < sectionEnd ? end : sectionEnd, sectionEnd }];
  });
  return { naming, printed };
}

/** What makes a name better, the most important first. */
const BETTER: readonly ((symbol: SymbolLine) => boolean)[] = [
  ({ type }) => type === "FUNC" || type === "IFUNC",
  ({ type }) => type === "OBJECT",
  ({ size }) => size > 0n,
  ({ binding }) => binding !== "WEAK" && binding !== "LOCAL",
  ({ binding }) => binding !== "WEAK",
];

/** The index of the symbol that is to be found at an address, and the offset in it. */
export function slowSymbolAt({ naming }: SlowNames, address: bigint): number[] | undefined {
  const inside = naming.filter(({ value, end }) => value <= address && address < end);
  const before = naming.filter(({ value, sectionEnd }) => value <= address && address < sectionEnd);
  const all = inside.length > 0 ? inside : before;
  const nearest = all.map(({ value }) => value).reduce((a, b) => a > b ? a : b, -1n);
  // Of those that do not contain it, what has no size may go on to there.
  const better = inside.length > 0 ? BETTER : [({ size }: SymbolLine) => size === 0n, ...BETTER];
  const [best] = all.filter(({ value }) => value === nearest).sort((a, b) => {
    const decisive = better.find((isBetter) => isBetter(a) !== isBetter(b));
    return decisive ? (decisive(a) ? -1 : 1) : a.index - b.index;
  });
  return best && [best.index, Number(address - best.value)];
}
