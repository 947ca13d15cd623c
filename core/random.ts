/**
 * Pseudorandom numbers that are determined by a seed.
 *
 * @module
 */

const MASK = (1n << 64n) - 1n;

/**
 * One output of the generator splitmix64 (Steele, Lea and Flood 2014).
 *
 * @param state The state; only its low 64 bits count.
 * @returns A 64-bit number.
 */
export function mix(state: bigint): bigint {
  let z = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
  return z ^ (z >> 31n);
}

/**
 * Picks a number below a bound. It uses 128 random bits, so the bias is negligible.
 *
 * @param bound One more than the largest result, up to 2^64.
 * @param seed Determines the number.
 * @returns 0 to `bound` - 1.
 */
export function randomBelow(bound: bigint, seed: bigint): bigint {
  const wide = (mix(seed) << 64n) | mix(~seed);
  return (wide * bound) >> 128n;
}
