/**
 * CRC-64 (ECMA-182), as xz has it.
 *
 * @module
 */

/** The halves of the polynomial, its bits reversed. */
const POLYNOMIAL_LOW = 0xd7870f42;
const POLYNOMIAL_HIGH = 0xc96c5795;

/** The halves of the CRC of each byte. */
const LOW = new Uint32Array(256);
const HIGH = new Uint32Array(256);

for (let byte = 0; byte < 256; byte++) {
  let [low, high] = [byte, 0];
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = low & 1;
    low = (low >>> 1 | high << 31) ^ (isOdd ? POLYNOMIAL_LOW : 0);
    high = (high >>> 1) ^ (isOdd ? POLYNOMIAL_HIGH : 0);
  }
  LOW[byte] = low;
  HIGH[byte] = high;
}

/** A CRC-64 of what was added so far. */
export interface Crc64 {
  /** Adds bytes. */
  readonly add: (bytes: Uint8Array) => void;
  /** The CRC of all bytes. */
  readonly value: () => bigint;
}

/**
 * Starts a CRC-64.
 *
 * @returns The CRC of no bytes.
 */
export function crc64(): Crc64 {
  let low = ~0;
  let high = ~0;
  const add = (bytes: Uint8Array): void => {
    let [l, h] = [low, high];
    for (let at = 0; at < bytes.length; at++) {
      const index = (l ^ bytes[at]) & 0xff;
      l = (l >>> 8 | h << 24) ^ LOW[index];
      h = (h >>> 8) ^ HIGH[index];
    }
    [low, high] = [l, h];
  };
  return { add, value: () => BigInt(~high >>> 0) << 32n | BigInt(~low >>> 0) };
}
