/**
 * Which entries of the level-4 table are in use, and which are free for a boot loader.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, isPowerOfTwo, LOW48_HIGHER_HALF } from "../memory/addresses.ts";
import { LEVEL_SPAN, TABLE_ENTRIES } from "./entry.ts";

/** Keeps track of the level-4 entries in use. Iterating yields their indices, ascending. */
export interface UsedLevel4Entries extends Iterable<number> {
  /** Whether the entry of this index is in use. */
  readonly has: (index: number) => boolean;
  /** Marks the entries of these indices, `first` to `last` inclusive, as in use. */
  readonly mark: (first: number, last: number) => void;
  /** Finds the first free entry and marks it as used. Throws a `LoadError` "level4-exhausted" if there is none. */
  readonly getFreeEntry: () => number;
  /**
   * Finds consecutive free entries for `size` bytes (default: 1), marks them as used, and returns the first address
   * that they cover. The range never crosses the non-canonical hole. The address is always aligned to 512 GiB; `align`,
   * a power of two, can ask for more. Throws a `LoadError` "level4-exhausted" if there are none, and a `RangeError` if
   * `size` or `align` is out of bounds.
   */
  readonly getFreeAddress: (size?: bigint, align?: bigint) => bigint;
}

/**
 * Creates the error for an address space without room.
 *
 * @param count Number of consecutive free level-4 entries needed.
 * @returns A `LoadError` "level4-exhausted".
 */
export function exhausted(count: number): LoadError {
  const field = count === 1 ? "free level-4 entry" : "consecutive free level-4 entries";
  return new LoadError("level4-exhausted", { field, value: count });
}

const ENTRY_SIZE = BigInt(LEVEL_SPAN[4]);
const HALF = LOW48_HIGHER_HALF / LEVEL_SPAN[4];

/**
 * Creates a record of the level-4 entries in use.
 *
 * @example
 * ```ts
 * import { usedLevel4Entries } from "@kload/kload/paging";
 * import { assertEquals } from "@std/assert";
 *
 * const used = usedLevel4Entries([0, 511]);
 * assertEquals(used.getFreeAddress(), 0x80_0000_0000n);
 * assertEquals([...used], [0, 1, 511]);
 * ```
 *
 * @param indices Indices that are in use from the start.
 * @returns The record.
 * @throws {RangeError} If an index is not 0 to 511; `mark` throws the same.
 */
export function usedLevel4Entries(indices: Iterable<number>): UsedLevel4Entries {
  const bits: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // a typed array takes longer to create
  const has = (index: number): boolean =>
    index === (index & (TABLE_ENTRIES - 1)) && ((bits[index >> 5] >> (index & 31)) & 1) === 1;
  const mark = (first: number, last: number): void => {
    for (let index = first; index <= last; index++) bits[index >> 5] |= 1 << (index & 31);
  };
  const isFree = (first: number, count: number): boolean => {
    for (let index = first; index < first + count; index++) if (has(index)) return false;
    return true;
  };
  const checked = (index: number): number => {
    if (Number.isInteger(index) && index >= 0 && index < TABLE_ENTRIES) return index;
    throw new RangeError(`Cannot mark level-4 entry ${index}: it must be 0 to 511`);
  };
  for (const index of indices) mark(checked(index), index);
  const take = (count: number, stride: number): number => {
    for (let first = 0; first + count <= TABLE_ENTRIES; first += stride) {
      const crossesHole = first < HALF && first + count > HALF;
      if (crossesHole || !isFree(first, count)) continue;
      mark(first, first + count - 1);
      return first;
    }
    throw exhausted(count);
  };
  return Object.freeze({
    has,
    mark: (first: number, last: number) => mark(checked(first), checked(last)),
    getFreeEntry: () => take(1, 1),
    getFreeAddress: (size = 1n, align = 1n) => {
      if (size < 1n || size > ENTRY_SIZE * BigInt(HALF)) {
        throw new RangeError(`Cannot find free addresses for ${size} bytes: the size must be 1 to 2^47`);
      }
      if (!isPowerOfTwo(align) || align > ENTRY_SIZE * BigInt(HALF)) {
        throw new RangeError(`Cannot align to ${align}: it must be a power of two up to 2^47`);
      }
      const count = Number((size + ENTRY_SIZE - 1n) / ENTRY_SIZE);
      const stride = align > ENTRY_SIZE ? Number(align / ENTRY_SIZE) : 1;
      return canonical(take(count, stride) * LEVEL_SPAN[4]);
    },
    *[Symbol.iterator]() {
      for (let index = 0; index < TABLE_ENTRIES; index++) if (has(index)) yield index;
    },
  });
}
