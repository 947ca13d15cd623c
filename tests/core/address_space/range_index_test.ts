import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { lowerHalf, rangeIndex, upperHalf } from "../../../core/address_space/range_index.ts";

const reaching = (index: ReturnType<typeof rangeIndex>, address: bigint) =>
  index.reaching(upperHalf(address), lowerHalf(address));

Deno.test("reaching() finds the range that ends last of those that start at or before an address", () => {
  const high = 0xffff_ffff_8000_0000n;
  const long = { start: 0n, end: 0x9000n };
  const short = { start: 0x1000n, end: 0x2000n };
  const top = { start: high, end: 1n << 64n };
  const index = rangeIndex([top, short, long]);
  assertEquals(reaching(index, 0x1800n), long);
  assertEquals(reaching(index, high - 1n), long);
  assertEquals(reaching(index, high), top);
  assertEquals(reaching(index, 1n << 64n), top);
  assertEquals(reaching(rangeIndex([short]), 0xfffn), undefined);
  assertEquals(reaching(rangeIndex([]), 0n), undefined);
});

Deno.test("containment and overlap follow from reaching(), whatever the ranges overlap", () => {
  // Around 2^32, so that both halves matter.
  const address = fc.bigInt({ min: (1n << 32n) - 40n, max: (1n << 32n) + 40n });
  const range = fc.tuple(address, fc.bigInt({ min: 0n, max: 30n })).map(([start, size]) => ({
    start,
    end: start + size,
  }));
  fc.assert(fc.property(fc.array(range, { maxLength: 12 }), range, (ranges, { start, end }) => {
    const index = rangeIndex(ranges);
    const contains = ranges.some((each) => each.start <= start && end <= each.end);
    const found = reaching(index, start);
    assertEquals(found !== undefined && end <= found.end, contains);
    if (end === start) return;
    const overlaps = ranges.some((each) => each.start < end && start < each.end);
    const last = reaching(index, end - 1n);
    assertEquals(last !== undefined && last.end > start, overlaps);
  }));
});
