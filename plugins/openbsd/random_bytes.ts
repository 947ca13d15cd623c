/**
 * Random bytes, from the system or from a seed.
 *
 * @module
 */

import { mix } from "../../core/random.ts";

/** The most bytes that `crypto.getRandomValues` fills at once. */
const SYSTEM_MAX = 65536;

/** Fills a buffer with the next bytes. */
export type FillRandom = (buffer: Uint8Array<ArrayBuffer>) => void;

/** Random bytes from the system. */
export const fillFromSystem: FillRandom = (buffer) => {
  for (let at = 0; at < buffer.length; at += SYSTEM_MAX) crypto.getRandomValues(buffer.subarray(at, at + SYSTEM_MAX));
};

/**
 * Creates a generator of bytes that are determined by a seed (xoshiro128**, Blackman and Vigna 2018, with a state from
 * splitmix64).
 *
 * @param seed A 64-bit number.
 * @param stream Distinguishes generators with the same seed.
 * @returns A function that fills buffers. Each 32-bit number yields four bytes, lowest first; unused bytes are dropped.
 */
export function fillFromSeed(seed: bigint, stream: number): FillRandom {
  const first = mix(mix(seed) + BigInt(stream));
  const second = mix(first);
  // A state of all zeros would never change.
  let a = Number(first & 0xffff_ffffn) | 1;
  let b = Number(first >> 32n) | 0;
  let c = Number(second & 0xffff_ffffn) | 0;
  let d = Number(second >> 32n) | 0;
  const next = (): number => {
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return (buffer) => {
    for (let at = 0; at < buffer.length; at += 4) {
      const word = next();
      // Writes past the end of the buffer are ignored.
      for (let byte = 0; byte < 4; byte++) buffer[at + byte] = word >>> (8 * byte);
    }
  };
}
