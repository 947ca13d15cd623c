/**
 * Binary search.
 *
 * @module
 */

/**
 * Finds the first place at which something holds that holds at every place after it, too.
 *
 * @param count The number of places.
 * @param holds Whether it holds at a place.
 * @returns The place, from 0 on; `count` if there is none.
 */
export function firstWhere(count: number, holds: (place: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
