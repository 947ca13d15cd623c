import { assert, assertEquals } from "@std/assert";
import { mix, randomBelow } from "../../core/random.ts";

/** The state of splitmix64 grows by this much from one output to the next (2^64 over the golden ratio). */
const STEP = 0x9e37_79b9_7f4a_7c15n;

// The first outputs for the seeds 0 and 1234567, as published with implementations of splitmix64.
const OUTPUTS: ReadonlyMap<bigint, readonly bigint[]> = new Map([
  [0n, [0xe220a8397b1dcdafn, 0x6e789e6aa1b965f4n, 0x06c45d188009454fn, 0xf88bb8a8724c81ecn, 0x1b39896a51a8749bn]],
  [1234567n, [
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ]],
]);

Deno.test("mix() is splitmix64", () => {
  for (const [seed, outputs] of OUTPUTS) {
    assertEquals(outputs.map((_, at) => mix(seed + STEP * BigInt(at))), outputs);
    assertEquals(mix(seed + (1n << 64n)), outputs[0]);
    assertEquals(mix(seed - (1n << 64n)), outputs[0]);
  }
});

Deno.test("randomBelow() scales the outputs for a seed and its complement to the bound", () => {
  for (const [seed, [first]] of OUTPUTS) {
    assertEquals(randomBelow(1n << 64n, seed), first);
    assertEquals(randomBelow(1n << 20n, seed), first >> 44n);
    assertEquals(randomBelow(1n, seed), 0n);
    // The second output decides where the first is on the edge: with this bound, bits 64 to 127 of the product are those
    // of the seed's output times a power of two, and the complement's highest bits.
    assertEquals(randomBelow(1n << 100n, seed), (first << 36n) | (mix(~seed) >> 28n));
  }
});

Deno.test("randomBelow() reaches every number below a small bound, and about as often", () => {
  const counts = new Array<number>(7).fill(0);
  for (let seed = 0n; seed < 7000n; seed++) counts[Number(randomBelow(7n, seed))]++;
  for (const count of counts) assert(Math.abs(count - 1000) < 150, counts.join(" "));
});
