/**
 * SHA-256 (FIPS 180-4), as xz may have it. The web's own takes all bytes at once, and these are not kept.
 *
 * @module
 */

const BLOCK = 64;
const LENGTH_FIELD = 8;

const PRIMES: readonly number[] = primes(64);
/** The first 32 bits of the fractional parts of roots (4.2.2 and 5.3.3). */
const fraction = (root: number): number => (root - Math.floor(root)) * 2 ** 32;
const CONSTANTS: Uint32Array = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START: Uint32Array = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

function primes(count: number): readonly number[] {
  const found: number[] = [];
  for (let number = 2; found.length < count; number++) {
    if (found.every((prime) => number % prime !== 0)) found.push(number);
  }
  return found;
}

/** A SHA-256 of what was added so far. */
export interface Sha256 {
  /** Adds bytes. */
  readonly add: (bytes: Uint8Array) => void;
  /** The digest of all bytes; nothing can be added afterwards. */
  readonly value: () => Uint8Array;
}

/**
 * Starts a SHA-256.
 *
 * @returns The digest of no bytes.
 */
export function sha256(): Sha256 {
  const state = START.slice();
  const schedule = new Uint32Array(64);
  const held = new Uint8Array(BLOCK);
  let heldLength = 0;
  let total = 0;
  const add = (bytes: Uint8Array): void => {
    total += bytes.length;
    let at = 0;
    if (heldLength > 0) {
      at = Math.min(BLOCK - heldLength, bytes.length);
      held.set(bytes.subarray(0, at), heldLength);
      heldLength += at;
      if (heldLength < BLOCK) return;
      addBlock(state, schedule, held, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) addBlock(state, schedule, bytes, at);
    held.set(bytes.subarray(at));
    heldLength = bytes.length - at;
  };
  const value = (): Uint8Array => {
    const bits = BigInt(total) * 8n;
    const padding = new Uint8Array((2 * BLOCK - LENGTH_FIELD - 1 - heldLength) % BLOCK + 1 + LENGTH_FIELD);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - LENGTH_FIELD, bits);
    add(padding);
    const digest = new Uint8Array(32);
    state.forEach((word, at) => new DataView(digest.buffer).setUint32(4 * at, word));
    return digest;
  };
  return { add, value };
}

/** 6.2.2 "SHA-256 Hash Computation". */
function addBlock(state: Uint32Array, w: Uint32Array, bytes: Uint8Array, start: number): void {
  for (let t = 0, at = start; t < 16; t++, at += 4) {
    w[t] = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  }
  for (let t = 16; t < 64; t++) {
    const [x, y] = [w[t - 15], w[t - 2]];
    const low = rotate(x, 7) ^ rotate(x, 18) ^ x >>> 3;
    const high = rotate(y, 17) ^ rotate(y, 19) ^ y >>> 10;
    w[t] = w[t - 16] + low + w[t - 7] + high;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t++) {
    const first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + CONSTANTS[t] + w[t];
    const second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c);
    h = g;
    g = f;
    f = e;
    e = d + first | 0;
    d = c;
    c = b;
    b = a;
    a = first + second | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => state[at] += word);
}

function rotate(word: number, count: number): number {
  return word >>> count | word << (32 - count);
}
