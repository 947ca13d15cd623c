/**
 * Random numbers that follow from a seed.
 *
 * @module
 */

const MASK = (1n << 64n) - 1n;

/**
 * The output of a generator of 64-bit numbers (splitmix64, Steele, Lea and Flood 2014).
 *
 * @param state Any number; its low 64 bits count.
 * @returns The output, 64 bits.
 */
export function mix(state: bigint): bigint {
  let z = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
  return z ^ (z >> 31n);
}

/**
 * A number below a bound; 128 random bits make its bias too small to see.
 *
 * @param bound One more than the largest result, up to 2^64.
 * @param seed What the number follows from.
 * @returns 0 to `bound` - 1.
 */
export function randomBelow(bound: bigint, seed: bigint): bigint {
  const wide = (mix(seed) << 64n) | mix(~seed);
  return (wide * bound) >> 128n;
}
