/**
 * The sections and symbols that have bytes in a range.
 *
 * @module
 */

import { firstWhere } from "../binary_search.ts";
import type { KernelSection, KernelSymbols } from "../symbols/kernel_symbols.ts";
import { linkedAddress, type Moved } from "../symbols/linked_address.ts";
import type { NameRange } from "./address_map.ts";

/** Looks up names by address in the loaded kernel. */
export interface RangeNames {
  /** The sections that have bytes in a range, if there are any. */
  readonly sections: (virt: bigint, size: number) => NameRange | undefined;
  /** The symbols in a range, and the one that reaches into it, if there are any. */
  readonly symbols: (virt: bigint, size: number) => NameRange | undefined;
  /** Whether a section of a name has bytes in a range. */
  readonly hasSection: (name: string, virt: bigint, size: number) => boolean;
}

/** The most sections to step over in search of the last one in a range: only sections that overlap need any steps. */
const MOST_STEPS = 4096;

/**
 * Prepares to look up names.
 *
 * @param symbols The names, as the file was linked.
 * @param moved How far the kernel was moved.
 * @returns The look-up.
 */
export function rangeNames(symbols: KernelSymbols, moved: Moved): RangeNames {
  const sections = sectionsInOrder(symbols.sections);
  const byName = Map.groupBy(symbols.sections, ({ name }) => name);
  return {
    sections: (virt, size) => {
      const start = linkedAddress(moved, virt);
      return sections(start, start + BigInt(size));
    },
    symbols: (virt, size) => {
      const start = linkedAddress(moved, virt);
      return symbolsIn(symbols, start, start + BigInt(size));
    },
    hasSection: (name, virt, size) => {
      const start = linkedAddress(moved, virt);
      const end = start + BigInt(size);
      return (byName.get(name) ?? []).some((section) => {
        return section.size > 0n && section.address < end && section.address + section.size > start;
      });
    },
  };
}

/** Sections may overlap in a malicious file; what is looked for is found all the same. */
function sectionsInOrder(all: readonly KernelSection[]): (start: bigint, end: bigint) => NameRange | undefined {
  const sections = all.filter(({ size }) => size > 0n)
    .sort((one, other) => one.address < other.address ? -1 : Number(one.address > other.address));
  const starts = sections.map(({ address }) => address);
  const ends = sections.map(({ address, size }) => address + size);
  const reached = [...ends]; // the highest end so far
  for (let at = 1; at < reached.length; at++) {
    if (reached[at - 1] > reached[at]) reached[at] = reached[at - 1];
  }
  const sortedEnds = [...ends].sort((one, other) => one < other ? -1 : Number(one > other));
  return (start, end) => {
    const before = countBelow(starts, end);
    const count = before - countBelow(sortedEnds, start + 1n);
    if (count === 0) return undefined;
    const first = countBelow(reached, start + 1n);
    let last = before - 1;
    for (let steps = 0; ends[last] <= start; last--) if (++steps > MOST_STEPS) return undefined;
    return { first: sections[first].name, last: sections[last].name, count };
  };
}

/** How many of ascending numbers are below a value. */
function countBelow(ascending: readonly bigint[], value: bigint): number {
  return firstWhere(ascending.length, (at) => ascending[at] >= value);
}

function symbolsIn({ symbolAt, endsOfRange }: KernelSymbols, start: bigint, end: bigint): NameRange | undefined {
  const inside = endsOfRange(start, end);
  const into = symbolAt(start);
  const reaches = into !== undefined && into.offset > 0 && BigInt(into.offset) < into.symbol.size;
  if (!reaches) return inside && { first: inside.first.name, last: inside.last.name, count: inside.count };
  const { name } = into.symbol;
  return { first: name, last: inside?.last.name ?? name, count: (inside?.count ?? 0) + 1 };
}
