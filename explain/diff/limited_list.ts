/**
 * Lists that keep their first items and count the others.
 *
 * @module
 */

import type { Limited } from "./kernel_difference.ts";

/** Such a list. */
export interface LimitedList<T> {
  /** Whether another item would only be counted. */
  readonly isFull: () => boolean;
  /** Adds an item, which is made only if it is kept. */
  readonly add: (make: () => T) => void;
  /** The items, and the number of others. */
  readonly result: () => Limited<T>;
}

/**
 * Creates a list.
 *
 * @param limit The most items to keep.
 * @returns The list.
 */
export function limitedList<T>(limit: number): LimitedList<T> {
  const items: T[] = [];
  let more = 0;
  return {
    isFull: () => items.length >= limit,
    add: (make) => {
      if (items.length < limit) items.push(make());
      else more++;
    },
    result: () => ({ items: [...items], more }),
  };
}
