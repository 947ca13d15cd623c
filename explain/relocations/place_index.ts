/**
 * Finds relocation entries by the words that they write.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { R_X86_64_NONE } from "../../plugins/relocate/relocation_types.ts";
import { firstWhere } from "../binary_search.ts";
import { ascending } from "../radix_sort.ts";
import type { RelocationList } from "./relocation_list.ts";

/** An index of relocation entries: an order of those that write something, ascending by place. */
export interface PlaceIndex {
  /** Number of entries. */
  readonly count: number;
  /** Finds the entries with a place in a range: the first position in the order, and the one to stop before. */
  readonly range: (start: bigint, end: bigint) => readonly [from: number, to: number];
  /** Returns the number of the entry at a position. Those of one place are in the order of their numbers. */
  readonly entryAt: (position: number) => number;
}

const ADDRESS_END = 1n << 64n;

/**
 * Creates an index. Entries of type `R_X86_64_NONE` write nothing, and are left out.
 *
 * @param list The entries.
 * @returns The index.
 */
export function placeIndex(list: RelocationList): PlaceIndex {
  const { placeHigh, placeLow } = list;
  const order = isAscending(list) ? undefined : sorted(list);
  const count = order ? order.length : list.count;
  const entryAt = (position: number) => order ? order[position] : position;
  /** The number of places below an address. */
  const below = (address: bigint): number => {
    const [high, low] = [upperHalf(address), lowerHalf(address)];
    return firstWhere(count, (position) => {
      const entry = entryAt(position);
      return placeHigh[entry] > high || (placeHigh[entry] === high && placeLow[entry] >= low);
    });
  };
  return {
    count,
    entryAt,
    range: (start, end) => {
      const from = below(start < 0n ? 0n : start);
      return [from, Math.max(from, below(end < ADDRESS_END ? end : ADDRESS_END))];
    },
  };
}

/** Whether all entries write something and ascend, as most linkers sort them. */
function isAscending({ count, types, placeHigh, placeLow }: RelocationList): boolean {
  for (let entry = 0; entry < count; entry++) {
    if (types[entry] === R_X86_64_NONE) return false;
    if (entry === 0 || placeHigh[entry] > placeHigh[entry - 1]) continue;
    if (placeHigh[entry] < placeHigh[entry - 1] || placeLow[entry] < placeLow[entry - 1]) return false;
  }
  return true;
}

/** The entries that write something, ascending. */
function sorted({ count, types, placeHigh, placeLow }: RelocationList): Uint32Array {
  const order = ascending(count, [placeLow, placeHigh]);
  let left = 0;
  for (const entry of order) if (types[entry] !== R_X86_64_NONE) order[left++] = entry;
  return order.subarray(0, left);
}
