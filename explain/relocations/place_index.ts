/**
 * Finds relocation entries by the words that they write.
 *
 * @module
 */

import { lowerHalf, upperHalf } from "../../core/address_space/range_index.ts";
import { R_X86_64_NONE } from "../../plugins/relocate/relocation_types.ts";
import { ascending } from "../radix_sort.ts";
import type { RelocationList } from "./relocation_list.ts";

/** An index of relocation entries by place. */
export interface PlaceIndex {
  /** Number of entries that write something. */
  readonly count: number;
  /** Lists the numbers of the entries with a place in a range, ascending by place; of one place, in their order. */
  readonly inRange: (start: bigint, end: bigint) => Uint32Array;
}

const ADDRESS_END = 1n << 64n;

/**
 * Creates an index. Entries of type `R_X86_64_NONE` write nothing, and are left out.
 *
 * @param list The entries.
 * @returns The index.
 */
export function placeIndex(list: RelocationList): PlaceIndex {
  const { order, high, low } = sortPlaces(list);
  /** The number of places below an address. */
  const below = (address: bigint): number => {
    const [upper, lower] = [upperHalf(address), lowerHalf(address)];
    let [before, after] = [-1, order.length];
    while (after - before > 1) {
      const middle = (before + after) >> 1;
      if (high[middle] < upper || (high[middle] === upper && low[middle] < lower)) before = middle;
      else after = middle;
    }
    return after;
  };
  return {
    count: order.length,
    inRange: (start, end) => {
      const from = start < 0n ? 0n : start;
      const to = end > ADDRESS_END ? ADDRESS_END : end;
      return from >= to ? new Uint32Array() : order.subarray(below(from), below(to));
    },
  };
}

/** The entries that write something, ascending by place. */
interface SortedPlaces {
  readonly order: Uint32Array;
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

function sortPlaces({ count, types, placeHigh, placeLow }: RelocationList): SortedPlaces {
  const writing = new Uint32Array(count);
  const [high, low] = [new Uint32Array(count), new Uint32Array(count)];
  let length = 0;
  let isSorted = true;
  for (let entry = 0; entry < count; entry++) {
    if (types[entry] === R_X86_64_NONE) continue;
    writing[length] = entry;
    high[length] = placeHigh[entry];
    low[length] = placeLow[entry];
    if (length > 0 && isSorted) {
      isSorted = high[length] > high[length - 1] ||
        (high[length] === high[length - 1] && low[length] >= low[length - 1]);
    }
    length++;
  }
  const [entries, upper, lower] = [writing, high, low].map((numbers) => numbers.subarray(0, length));
  if (isSorted) return { order: entries, high: upper, low: lower }; // as most linkers write them
  const order = ascending(length, [lower, upper]);
  return {
    order: order.map((at) => entries[at]),
    high: order.map((at) => upper[at]),
    low: order.map((at) => lower[at]),
  };
}
