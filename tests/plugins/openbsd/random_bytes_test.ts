import { assert, assertEquals } from "@std/assert";
import { mix } from "../../../core/random.ts";
import { fillFromSeed, fillFromSystem } from "../../../plugins/openbsd/random_bytes.ts";

const MASK32 = (1n << 32n) - 1n;
const rotated = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (32n - by))) & MASK32;

/** xoshiro128**, as its authors describe it, on numbers without a limit. */
function* xoshiro(...[a, b, c, d]: readonly bigint[]): Generator<bigint> {
  const s = [a, b, c, d];
  while (true) {
    yield (rotated((s[1] * 5n) & MASK32, 7n) * 9n) & MASK32;
    const shifted = (s[1] << 9n) & MASK32;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 11n);
  }
}

/** The bytes of 32-bit words, lowest first. */
function bytesOf(words: Generator<bigint>, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, Number(words.next().value), true);
  return bytes.subarray(0, length);
}

Deno.test("the model of xoshiro128** gives the outputs of the authors' program for the state 1, 2, 3, 4", () => {
  const outputs = [11520n, 0n, 5927040n, 70819200n, 2031721883n, 1637235492n, 1287239034n, 3734860849n, 3729100597n];
  const model = xoshiro(1n, 2n, 3n, 4n);
  assertEquals(outputs.map(() => model.next().value), outputs);
});

Deno.test("fillFromSeed() is xoshiro128** with the state of two outputs of splitmix64, made odd", () => {
  for (const seed of [0n, 1n, 1234567n, (1n << 64n) - 1n]) {
    for (const stream of [0, 1, 40]) {
      const first = mix(mix(seed) + BigInt(stream));
      const second = mix(first);
      const model = xoshiro((first & MASK32) | 1n, first >> 32n, second & MASK32, second >> 32n);
      const fill = fillFromSeed(seed, stream);
      // A generator goes on from one buffer to the next; the rest of a word is dropped.
      for (const length of [4, 400, 7, 1, 0, 8]) {
        const buffer = new Uint8Array(length + 1).fill(0xaa);
        fill(buffer.subarray(0, length));
        assertEquals(buffer.subarray(0, length), bytesOf(model, length), `${seed}, ${stream}: ${length} bytes`);
        assertEquals(buffer[length], 0xaa);
      }
    }
  }
});

Deno.test("fillFromSystem() fills all of a buffer, of any length, anew each time", () => {
  for (const length of [0, 1, 65535, 65536, 65537, 200_000]) {
    const buffer = new Uint8Array(length + 64);
    fillFromSystem(buffer.subarray(0, length));
    assertEquals(buffer.subarray(length), new Uint8Array(64));
    for (let at = 0; at + 64 <= length; at += 64) assert(buffer.subarray(at, at + 64).some((byte) => byte !== 0));
  }
  const buffers = Array.from({ length: 32 }, () => new Uint8Array(32));
  buffers.forEach(fillFromSystem);
  assertEquals(new Set(buffers.map(String)).size, 32);
  assert(buffers.some(([first]) => first !== 0) && buffers.some((buffer) => buffer[31] !== 0));
});
