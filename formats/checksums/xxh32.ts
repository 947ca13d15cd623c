/**
 * XXH32 with seed 0, as lz4 frames have it (xxHash fast digest algorithm, "XXH32 Algorithm Description").
 *
 * @module
 */

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;
const STRIPE = 16;

/** An XXH32 of what was added so far. */
export interface Xxh32 {
  /** Adds bytes. */
  readonly add: (bytes: Uint8Array) => void;
  /** The digest of all bytes, unsigned. */
  readonly value: () => number;
}

/**
 * Computes the XXH32 of bytes.
 *
 * @param bytes The bytes.
 * @returns The digest, unsigned.
 */
export function xxh32Of(bytes: Uint8Array): number {
  const digest = xxh32();
  digest.add(bytes);
  return digest.value();
}

/**
 * Starts an XXH32.
 *
 * @returns The digest of no bytes.
 */
export function xxh32(): Xxh32 {
  const lanes = Int32Array.of(PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1);
  const held = new Uint8Array(STRIPE);
  let heldLength = 0;
  let total = 0;
  const addStripes = (bytes: Uint8Array, start: number, end: number): void => {
    let [a, b, c, d] = lanes;
    for (let at = start; at < end; at += STRIPE) {
      a = round(a, word(bytes, at));
      b = round(b, word(bytes, at + 4));
      c = round(c, word(bytes, at + 8));
      d = round(d, word(bytes, at + 12));
    }
    lanes.set([a, b, c, d]);
  };
  const add = (bytes: Uint8Array): void => {
    total += bytes.length;
    let start = 0;
    if (heldLength > 0) {
      start = Math.min(STRIPE - heldLength, bytes.length);
      held.set(bytes.subarray(0, start), heldLength);
      heldLength += start;
      if (heldLength < STRIPE) return;
      addStripes(held, 0, STRIPE);
    }
    const end = start + Math.floor((bytes.length - start) / STRIPE) * STRIPE;
    addStripes(bytes, start, end);
    held.set(bytes.subarray(end));
    heldLength = bytes.length - end;
  };
  const value = (): number => {
    const [a, b, c, d] = lanes;
    let hash = total < STRIPE ? PRIME_5 : rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    hash = (hash + total) | 0;
    let at = 0;
    for (; at + 4 <= heldLength; at += 4) {
      hash = Math.imul(rotate(hash + Math.imul(word(held, at), PRIME_3), 17), PRIME_4);
    }
    for (; at < heldLength; at++) hash = Math.imul(rotate(hash + Math.imul(held[at], PRIME_5), 11), PRIME_1);
    hash = Math.imul(hash ^ hash >>> 15, PRIME_2);
    hash = Math.imul(hash ^ hash >>> 13, PRIME_3);
    return (hash ^ hash >>> 16) >>> 0;
  };
  return { add, value };
}

function round(lane: number, input: number): number {
  return Math.imul(rotate(lane + Math.imul(input, PRIME_2), 13), PRIME_1);
}

function rotate(value: number, count: number): number {
  return value << count | value >>> (32 - count);
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
}
