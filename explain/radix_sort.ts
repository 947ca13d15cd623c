/**
 * Sorting by numbers of 32 bits, several of which may make one key.
 *
 * @module
 */

/** Up to how many items digits of 8 bits are quicker than digits of 16. */
const FEW = 2 ** 13;

/**
 * Sorts items by keys, and those with equal keys by their own numbers.
 *
 * @param count The number of items.
 * @param keys For each part of the key, from the least significant on, its value for every item.
 * @returns The numbers of the items, 0 to `count` - 1, ascending by key.
 */
export function ascending(count: number, keys: readonly Uint32Array[]): Uint32Array {
  const bits = count <= FEW ? 8 : 16;
  const starts = new Uint32Array(2 ** bits + 1);
  let order = new Uint32Array(count);
  let next = new Uint32Array(count);
  for (let item = 0; item < count; item++) order[item] = item;
  for (const key of keys) {
    for (let shift = 0; shift < 32; shift += bits) {
      if (!distribute(order, next, key, shift, starts)) continue;
      [order, next] = [next, order];
    }
  }
  return order;
}

/** Sorts stably by one digit; false if it is the same for all. */
function distribute(from: Uint32Array, to: Uint32Array, key: Uint32Array, shift: number, starts: Uint32Array): boolean {
  const mask = starts.length - 2;
  starts.fill(0);
  for (let item = 0; item < from.length; item++) starts[((key[item] >>> shift) & mask) + 1]++;
  if (from.length === 0 || starts[((key[0] >>> shift) & mask) + 1] === from.length) return false;
  for (let digit = 1; digit < starts.length; digit++) starts[digit] += starts[digit - 1];
  for (let at = 0; at < from.length; at++) {
    const item = from[at];
    to[starts[(key[item] >>> shift) & mask]++] = item;
  }
  return true;
}
