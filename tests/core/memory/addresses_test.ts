import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { hexAddr } from "../../../core/hex.ts";
import {
  alignUp,
  canonical,
  canonicalLow48,
  checkedLow48,
  isCanonical,
  level4Index,
  low48,
  LOW48_END,
  LOW48_HIGHER_HALF,
  PAGE_SIZE,
  pageStart,
  PHYSICAL_END,
  physicalPages,
  virtAddr,
} from "../../../core/memory/addresses.ts";

const BITS_47_TO_63 = Array.from({ length: 17 }, (_, index) => 47n + BigInt(index));

/** Intel SDM vol. 1, "Canonical Addressing", read bit by bit: 64 bits, of which 47 to 63 are equal. */
function canonicalByDefinition(value: bigint): boolean {
  if (value < 0n || BigInt.asUintN(64, value) !== value) return false;
  const bits = BITS_47_TO_63.map((bit) => (value >> bit) & 1n);
  return bits.every((bit) => bit === bits[0]);
}

const low = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }),
  fc.constantFrom(0n, 2n ** 47n - 1n, 2n ** 47n, 2n ** 48n - 1n),
);
const canonicalAddress = low.map((bits) => bits < 2n ** 47n ? bits : bits + (2n ** 64n - 2n ** 48n));
/** Addresses near the rule's edges: canonical but for one flipped bit, or any bits at all, or outside 64 bits. */
const anyAddress = fc.oneof(
  canonicalAddress,
  fc.tuple(canonicalAddress, fc.bigInt({ min: 40n, max: 66n })).map(([address, bit]) => address ^ (1n << bit)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
);

Deno.test("isCanonical() holds exactly where bits 47 to 63 are equal and no other bit is set", () => {
  fc.assert(fc.property(anyAddress, (value) => isCanonical(value) === canonicalByDefinition(value)), { numRuns: 2000 });
});

Deno.test("isCanonical() knows the edges of both halves", () => {
  const edges: readonly (readonly [bigint, boolean])[] = [
    [-1n, false],
    [0n, true],
    [0x0000_7fff_ffff_ffffn, true],
    [0x0000_8000_0000_0000n, false],
    [0xffff_7fff_ffff_ffffn, false],
    [0xffff_8000_0000_0000n, true],
    [0xffff_ffff_ffff_ffffn, true],
    [0x1_0000_0000_0000_0000n, false],
    [0x1_ffff_ffff_ffff_ffffn, false],
  ];
  for (const [value, expected] of edges) assertStrictEquals(isCanonical(value), expected, hexAddr(value));
});

Deno.test("canonicalLow48() drops the sign extension of canonical addresses alone", () => {
  fc.assert(
    fc.property(anyAddress, (value) => {
      const expected = canonicalByDefinition(value) ? Number(value % 2n ** 48n) : -1;
      assertStrictEquals(canonicalLow48(value), expected);
      if (expected !== -1) assertStrictEquals(checkedLow48(value), expected);
      else assertThrows(() => checkedLow48(value), RangeError, "not canonical");
    }),
    { numRuns: 2000 },
  );
  for (const value of [4096, "4096", undefined, null]) {
    assertThrows(() => checkedLow48(value as unknown as bigint), TypeError, "it must be a bigint");
  }
});

Deno.test("canonical() undoes low48() for every canonical address", () => {
  fc.assert(fc.property(canonicalAddress, (address) => canonical(low48(address)) === address));
});

Deno.test("low48() undoes canonical() for every number of 48 bits, and canonical() gives canonical addresses", () => {
  fc.assert(fc.property(low, (bits) => {
    const number = Number(bits);
    const address = canonical(number);
    return low48(address) === number && canonicalByDefinition(address) && BigInt(number) === bits;
  }));
});

Deno.test("low48() ignores bits 48 to 63", () => {
  fc.assert(
    fc.property(
      low,
      fc.bigInt({ min: 0n, max: 0xffffn }),
      (bits, high) => low48(bits | (high << 48n)) === Number(bits),
    ),
  );
});

Deno.test("low48() keeps the order of addresses within each half and puts the higher half after the lower one", () => {
  fc.assert(fc.property(canonicalAddress, canonicalAddress, (one, other) => {
    return (one < other) === (low48(one) < low48(other));
  }));
  assertEquals(low48(0xffff_8000_0000_0000n), LOW48_HIGHER_HALF);
  assertEquals(low48(0xffff_ffff_ffff_ffffn), LOW48_END - 1);
});

Deno.test("virtAddr() gives back canonical addresses and refuses all others", () => {
  fc.assert(fc.property(anyAddress, (value) => {
    if (canonicalByDefinition(value)) assertStrictEquals(virtAddr(value), value);
    else assertThrows(() => virtAddr(value), RangeError, "not canonical");
  }));
});

Deno.test("virtAddr() refuses what is not a bigint with a TypeError", () => {
  for (const value of [0, 0x40_0000, "0x400000", undefined, null]) {
    assertThrows(() => virtAddr(value as never), TypeError, "must be a bigint");
  }
});

Deno.test("level4Index() gives bits 39 to 47", () => {
  fc.assert(fc.property(low, (bits) => level4Index(Number(bits)) === Number((bits >> 39n) & 0x1ffn)));
});

Deno.test("pageStart() and alignUp() enclose an address up to 2^53 and leave page boundaries alone", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 53n - 4096n }), (address) => {
    const start = BigInt(pageStart(Number(address)));
    const end = BigInt(alignUp(Number(address)));
    return start === address - (address % 4096n) && end === (address + 4095n) / 4096n * 4096n;
  }));
});

Deno.test("physicalPages() gives back multiples of 4096 up to 2^52 and refuses everything else", () => {
  for (const value of [0, PAGE_SIZE, 2 ** 32, PHYSICAL_END - PAGE_SIZE, PHYSICAL_END]) {
    assertStrictEquals(physicalPages(value, "it"), value);
  }
  for (const value of [-PAGE_SIZE, 1, 4095, PHYSICAL_END + PAGE_SIZE, 0.5, NaN, Infinity]) {
    assertThrows(() => physicalPages(value, "the thing"), RangeError, "the thing");
  }
  for (const value of [4096n, "4096", undefined]) {
    assertThrows(() => physicalPages(value as never, "the thing"), TypeError, "the thing");
  }
});

Deno.test("hexAddr() writes lower-case hex, with the sign in front", () => {
  const table: readonly (readonly [bigint | number, string])[] = [
    [0, "0x0"],
    [0xabcdef, "0xabcdef"],
    [0xffff_8000_0000_0000n, "0xffff800000000000"],
    [-16, "-0x10"],
    [-16n, "-0x10"],
  ];
  for (const [address, text] of table) assertStrictEquals(hexAddr(address), text);
});
