/**
 * XXH64 with seed 0, as zstd frames have it (xxHash fast digest algorithm, "XXH64 Algorithm Description"). Numbers of 64
 * bits are kept in halves, because bigints would take many times as long as unpacking does.
 *
 * @module
 */

const STRIPE = 32;

/** The five primes, by their halves: high, low. */
const PRIMES: readonly (readonly [high: number, low: number])[] = [
  [0x9e3779b1, 0x85ebca87],
  [0xc2b2ae3d, 0x27d4eb4f],
  [0x165667b1, 0x9e3779f9],
  [0x85ebca77, 0xc2b2ae63],
  [0x27d4eb2f, 0x165667c5],
];
const [[P1_HIGH, P1_LOW], [P2_HIGH, P2_LOW]] = PRIMES;
const [BIG_1, BIG_2, BIG_3, BIG_4, BIG_5] = PRIMES.map(([high, low]) => BigInt(high) << 32n | BigInt(low));

/** An XXH64 of what was added so far. */
export interface Xxh64 {
  /** Adds bytes. */
  readonly add: (bytes: Uint8Array) => void;
  /** The digest of all bytes. */
  readonly value: () => bigint;
}

/**
 * Starts an XXH64.
 *
 * @returns The digest of no bytes.
 */
export function xxh64(): Xxh64 {
  /** Four lanes, each of a low and a high half. */
  const lanes = new Uint32Array(8);
  [BIG_1 + BIG_2, BIG_2, 0n, -BIG_1].forEach((start, lane) => {
    lanes[2 * lane] = Number(BigInt.asUintN(32, start));
    lanes[2 * lane + 1] = Number(BigInt.asUintN(32, start >> 32n));
  });
  const held = new Uint8Array(STRIPE);
  let heldLength = 0;
  let total = 0;
  const addStripes = (bytes: Uint8Array, start: number, end: number): void => {
    for (let at = start; at < end; at += STRIPE) {
      for (let lane = 0; lane < 4; lane++) {
        round(lanes, 2 * lane, word(bytes, at + 8 * lane), word(bytes, at + 8 * lane + 4));
      }
    }
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
  return { add, value: () => finish(lanes, total, held.subarray(0, heldLength)) };
}

/** lane = rotate(lane + input * PRIME_2, 31) * PRIME_1, in halves. */
function round(lanes: Uint32Array, at: number, inputLow: number, inputHigh: number): void {
  const low = lanes[at] + (Math.imul(inputLow, P2_LOW) >>> 0);
  const high = lanes[at + 1] + productHigh(inputLow, P2_LOW) + Math.imul(inputLow, P2_HIGH) +
    Math.imul(inputHigh, P2_LOW) + (low > 0xffff_ffff ? 1 : 0);
  const turnedLow = low << 31 | (high | 0) >>> 1;
  const turnedHigh = (high | 0) << 31 | (low | 0) >>> 1;
  lanes[at] = Math.imul(turnedLow, P1_LOW);
  lanes[at + 1] = productHigh(turnedLow >>> 0, P1_LOW) + Math.imul(turnedLow, P1_HIGH) + Math.imul(turnedHigh, P1_LOW);
}

/** The high half of the product of two unsigned numbers of 32 bits. */
function productHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + (aLow * bLow >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (other >>> 16);
}

/** What follows the stripes is done once, so bigints serve. */
function finish(lanes: Uint32Array, total: number, rest: Uint8Array): bigint {
  const [a, b, c, d] = [0, 2, 4, 6].map((at) => BigInt(lanes[at + 1]) << 32n | BigInt(lanes[at]));
  let hash = BIG_5;
  if (total >= STRIPE) {
    hash = wrap(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
    for (const lane of [a, b, c, d]) hash = wrap((hash ^ mixed(lane)) * BIG_1 + BIG_4);
  }
  hash = wrap(hash + BigInt(total));
  let at = 0;
  for (; at + 8 <= rest.length; at += 8) {
    const lane = BigInt(word(rest, at + 4)) << 32n | BigInt(word(rest, at));
    hash = wrap(rotate(hash ^ mixed(lane), 27n) * BIG_1 + BIG_4);
  }
  if (at + 4 <= rest.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(word(rest, at)) * BIG_1), 23n) * BIG_2 + BIG_3);
    at += 4;
  }
  for (; at < rest.length; at++) hash = wrap(rotate(hash ^ wrap(BigInt(rest[at]) * BIG_5), 11n) * BIG_1);
  hash = wrap((hash ^ hash >> 33n) * BIG_2);
  hash = wrap((hash ^ hash >> 29n) * BIG_3);
  return hash ^ hash >> 32n;
}

function mixed(lane: bigint): bigint {
  return wrap(rotate(wrap(lane * BIG_2), 31n) * BIG_1);
}

function rotate(value: bigint, count: bigint): bigint {
  return wrap(value << count) | value >> (64n - count);
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** Four bytes, unsigned. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
