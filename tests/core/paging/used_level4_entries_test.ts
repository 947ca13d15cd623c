import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { usedLevel4Entries } from "../../../core/paging/used_level4_entries.ts";

const ENTRY = 1n << 39n; // 512 GiB
const HIGHER_HALF = 0xffff_8000_0000_0000n;

/** Indices first to last inclusive. */
function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

Deno.test("the bookkeeping lists the entries in use, ascending and once", () => {
  assertEquals([...usedLevel4Entries([511, 0, 256, 0])], [0, 256, 511]);
  assertEquals([...usedLevel4Entries([])], []);
});

Deno.test("has() knows the entries in use, and none outside the table", () => {
  const used = usedLevel4Entries([0, 511]);
  assertEquals([0, 1, 510, 511].map(used.has), [true, false, false, true]);
  assertEquals([-1, 512, 0.5, NaN].map(used.has), [false, false, false, false]);
});

Deno.test("mark() marks both ends of its range", () => {
  const used = usedLevel4Entries([]);
  used.mark(3, 5);
  used.mark(5, 5);
  used.mark(510, 511);
  assertEquals([...used], [3, 4, 5, 510, 511]);
});

Deno.test("an index that there is not is refused, and nothing is marked", () => {
  const used = usedLevel4Entries([0]);
  for (const index of [-1, 512, 0.5, NaN]) {
    assertThrows(() => usedLevel4Entries([index]), RangeError);
    assertThrows(() => used.mark(index, 511), RangeError);
    assertThrows(() => used.mark(0, index), RangeError);
  }
  assertEquals([...used], [0]);
});

Deno.test("getFreeEntry() gives the first free entry and marks it", () => {
  const used = usedLevel4Entries([0, 1, 3]);
  assertEquals([used.getFreeEntry(), used.getFreeEntry(), used.getFreeEntry()], [2, 4, 5]);
  assertEquals([...used], [0, 1, 2, 3, 4, 5]);
});

Deno.test("getFreeAddress() gives the canonical start of the first free entries and marks them all", async (t) => {
  const cases = [
    { what: "one byte where nothing is said", taken: [0], size: undefined, address: ENTRY, marks: [1] },
    { what: "a whole entry", taken: [0], size: ENTRY, address: ENTRY, marks: [1] },
    { what: "a byte more than an entry", taken: [0], size: ENTRY + 1n, address: ENTRY, marks: [1, 2] },
    {
      what: "a gap that is too small is passed over",
      taken: [0, 2],
      size: 2n * ENTRY,
      address: 3n * ENTRY,
      marks: [3, 4],
    },
    { what: "the last entry of the lower half", taken: range(0, 254), size: 1n, address: 255n * ENTRY, marks: [255] },
    { what: "the first entry of the higher half", taken: range(0, 255), size: 1n, address: HIGHER_HALF, marks: [256] },
    {
      what: "the last entry",
      taken: range(0, 510),
      size: ENTRY,
      address: 0xffff_ff80_0000_0000n,
      marks: [511],
    },
    {
      what: "a range that would cross the hole goes to the higher half",
      taken: range(0, 254),
      size: 2n * ENTRY,
      address: HIGHER_HALF,
      marks: [256, 257],
    },
    { what: "the whole lower half", taken: [], size: 1n << 47n, address: 0n, marks: range(0, 255) },
    { what: "the whole higher half", taken: [7], size: 1n << 47n, address: HIGHER_HALF, marks: range(256, 511) },
  ];
  for (const { what, taken, size, address, marks } of cases) {
    await t.step(what, () => {
      const used = usedLevel4Entries(taken);
      assertEquals(used.getFreeAddress(size), address);
      assertEquals([...used], [...taken, ...marks].sort((a, b) => a - b));
    });
  }
});

Deno.test("getFreeAddress() keeps an alignment", async (t) => {
  const cases = [
    { what: "one byte", taken: [0], align: 1n, address: ENTRY },
    { what: "2 MiB, which every entry has", taken: [0], align: 1n << 21n, address: ENTRY },
    { what: "512 GiB, which every entry has", taken: [0], align: ENTRY, address: ENTRY },
    { what: "1 TiB", taken: [0], align: 2n * ENTRY, address: 2n * ENTRY },
    { what: "8 TiB, past an entry in use", taken: [0, 16], align: 16n * ENTRY, address: 32n * ENTRY },
    { what: "128 TiB", taken: [0], align: 1n << 47n, address: HIGHER_HALF },
  ];
  for (const { what, taken, align, address } of cases) {
    await t.step(what, () => {
      assertEquals(usedLevel4Entries(taken).getFreeAddress(1n, align), address);
    });
  }
});

Deno.test("getFreeEntry() and getFreeAddress() give up where no entries are free, and mark nothing", async (t) => {
  const cases = [
    { what: "an entry", taken: range(0, 511), call: "entry", size: 1n, align: 1n },
    { what: "a byte", taken: range(0, 511), call: "address", size: 1n, align: 1n },
    {
      what: "two entries where each is alone",
      taken: range(0, 255).map((i) => 2 * i),
      call: "address",
      size: ENTRY + 1n,
      align: 1n,
    },
    {
      what: "two entries on both sides of the hole",
      taken: [...range(0, 254), ...range(257, 511)],
      call: "address",
      size: 2n * ENTRY,
      align: 1n,
    },
    { what: "a half where each has one in use", taken: [255, 256], call: "address", size: 1n << 47n, align: 1n },
    { what: "an aligned entry", taken: [0, 256], call: "address", size: 1n, align: 1n << 47n },
  ];
  for (const { what, taken, call, size, align } of cases) {
    await t.step(what, () => {
      const used = usedLevel4Entries(taken);
      const find = () => void (call === "entry" ? used.getFreeEntry() : used.getFreeAddress(size, align));
      const error: LoadError = assertThrows(find, LoadError);
      assertEquals(error.code, "level4-exhausted");
      assertEquals([...used], [...taken]);
    });
  }
});

Deno.test("getFreeAddress() refuses a size or an alignment out of bounds, and marks nothing", async (t) => {
  const cases = [
    { what: "size 0", size: 0n, align: 1n },
    { what: "a negative size", size: -1n, align: 1n },
    { what: "a size above a half", size: (1n << 47n) + 1n, align: 1n },
    { what: "alignment 0", size: 1n, align: 0n },
    { what: "a negative alignment", size: 1n, align: -2n },
    { what: "an alignment that is not a power of two", size: 1n, align: 3n },
    { what: "an alignment above a half", size: 1n, align: 1n << 48n },
  ];
  for (const { what, size, align } of cases) {
    await t.step(what, () => {
      const used = usedLevel4Entries([0]);
      assertThrows(() => used.getFreeAddress(size, align), RangeError);
      assertEquals([...used], [0]);
    });
  }
});

type Request =
  | { readonly do: "mark"; readonly first: number; readonly last: number }
  | { readonly do: "entry" }
  | { readonly do: "address"; readonly size: bigint; readonly align: bigint };

const index = fc.oneof(fc.integer({ min: 0, max: 511 }), fc.integer({ min: 250, max: 261 }));
const request: fc.Arbitrary<Request> = fc.oneof(
  fc.tuple(index, index).map(([a, b]): Request => ({ do: "mark", first: Math.min(a, b), last: Math.max(a, b) })),
  fc.tuple(index, fc.nat(3)).map(([a, more]): Request => ({ do: "mark", first: a, last: Math.min(511, a + more) })),
  fc.constant<Request>({ do: "entry" }),
  fc.record<Request & { do: "address" }>({
    do: fc.constant("address"),
    size: fc.oneof(fc.bigInt({ min: 1n, max: 4n * ENTRY }), fc.bigInt({ min: 1n, max: 1n << 47n })),
    align: fc.nat(47).map((bit) => 1n << BigInt(bit)),
  }),
);

/** The address of an entry, by the rule that bits 48 to 63 repeat bit 47. */
function addressOf(entry: number): bigint {
  return entry < 256 ? BigInt(entry) * ENTRY : BigInt(entry) * ENTRY + 0xffff_0000_0000_0000n;
}

/** The first entries, by trying one after the other, that are free, aligned and in one half. */
function naiveFree(used: ReadonlySet<number>, size: bigint, align: bigint): number | undefined {
  return range(0, 511).find((first) => {
    const last = first + Number((size - 1n) / ENTRY);
    const oneHalf = last < 512 && (first < 256) === (last < 256);
    return oneHalf && addressOf(first) % align === 0n && range(first, last).every((entry) => !used.has(entry));
  });
}

Deno.test("any sequence of requests finds what trying every entry finds", () => {
  fc.assert(fc.property(fc.array(index, { maxLength: 5 }), fc.array(request, { maxLength: 30 }), (taken, requests) => {
    const used = usedLevel4Entries(taken);
    const model = new Set(taken);
    for (const wanted of requests) {
      if (wanted.do === "mark") {
        used.mark(wanted.first, wanted.last);
        range(wanted.first, wanted.last).forEach((entry) => model.add(entry));
      } else {
        const { size, align } = wanted.do === "entry" ? { size: 1n, align: 1n } : wanted;
        const call = () => wanted.do === "entry" ? used.getFreeEntry() : used.getFreeAddress(size, align);
        const first = naiveFree(model, size, align);
        if (first === undefined) {
          assertThrows(call, LoadError);
        } else {
          assertEquals(call(), wanted.do === "entry" ? first : addressOf(first));
          range(first, first + Number((size - 1n) / ENTRY)).forEach((entry) => model.add(entry));
        }
      }
      assertEquals([...used], [...model].sort((a, b) => a - b));
      assert(range(0, 511).every((entry) => used.has(entry) === model.has(entry)));
    }
  }));
});
