import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as entry from "../../../core/paging/entry.ts";
import { entryFlags, entryFrame, flagHalves } from "../../../core/paging/entry.ts";

// Intel SDM vol. 3, "4-Level Paging", tables 4-15 to 4-20, written down by hand: constant, lowest bit, highest bit.
const SDM_BITS: readonly (readonly [name: string, lowest: number, highest: number])[] = [
  ["PRESENT", 0, 0], // P
  ["WRITABLE", 1, 1], // R/W
  ["USER_ACCESSIBLE", 2, 2], // U/S
  ["WRITE_THROUGH", 3, 3], // PWT
  ["NO_CACHE", 4, 4], // PCD
  ["ACCESSED", 5, 5], // A
  ["DIRTY", 6, 6], // D
  ["HUGE_PAGE", 7, 7], // PS of a PDPTE or PDE
  ["PAT", 7, 7], // PAT of a PTE
  ["GLOBAL", 8, 8], // G
  ["BIT_9", 9, 9], // ignored
  ["BIT_10", 10, 10], // ignored
  ["BIT_11", 11, 11], // ignored in ordinary paging
  ["HUGE_PAGE_PAT", 12, 12], // PAT of a PDPTE or PDE that maps a page
  ["BITS_52_TO_58", 52, 58], // ignored
  ["PROTECTION_KEY", 59, 62], // protection key, or ignored
  ["NO_EXECUTE", 63, 63], // XD
];

Deno.test("the flag constants are the bits of the manual's tables, each of them", () => {
  const expected = SDM_BITS.map(([name, lowest, highest]) => {
    const bits = Array.from({ length: highest - lowest + 1 }, (_, at) => 2n ** BigInt(lowest + at));
    return [name, bits.reduce((mask, bit) => mask + bit)];
  });
  const flags = Object.entries(entry).filter(([, value]) => typeof value === "bigint");
  assertEquals<unknown>(Object.fromEntries(flags), Object.fromEntries(expected));
});

Deno.test("a level's entry covers 4 KiB, 2 MiB, 1 GiB and 512 GiB", () => {
  assertEquals(entry.LEVEL_SPAN.slice(1), [4096, 2 * 1024 ** 2, 1024 ** 3, 512 * 1024 ** 3]);
});

Deno.test("entryFrame() and entryFlags() take an entry apart", async (t) => {
  const cases = [
    { what: "the lowest frame", bits: 0x0000_0000_0000_1001n, level: 1, frame: 0x1000, flags: 1n },
    {
      what: "a frame above 4 GiB",
      bits: 0x8000_0012_3456_7003n,
      level: 1,
      frame: 0x12_3456_7000,
      flags: 2n ** 63n + 3n,
    },
    { what: "bit 31 of the frame", bits: 0x0000_0000_8000_0001n, level: 1, frame: 0x8000_0000, flags: 1n },
    { what: "the highest frame", bits: 2n ** 64n - 1n, level: 1, frame: 2 ** 52 - 4096, flags: 0xfff0_0000_0000_0fffn },
    {
      what: "all bits at level 2",
      bits: 2n ** 64n - 1n,
      level: 2,
      frame: 2 ** 52 - 2 ** 21,
      flags: 0xfff0_0000_001f_ffffn,
    },
    {
      what: "all bits at level 3",
      bits: 2n ** 64n - 1n,
      level: 3,
      frame: 2 ** 52 - 2 ** 30,
      flags: 0xfff0_0000_3fff_ffffn,
    },
    { what: "the PAT bit of 2 MiB", bits: 0x0000_0000_0020_1083n, level: 2, frame: 0x20_0000, flags: 0x1083n },
  ];
  for (const { what, bits, level, frame, flags } of cases) {
    await t.step(what, () => {
      const all = BigInt.asUintN(64, bits);
      const [lo, hi] = [Number(all & 0xffff_ffffn), Number(all >> 32n)];
      assertEquals(entryFrame(lo, hi, level), frame);
      assertEquals(entryFlags(all, level), flags);
      // The halves may also come as signed numbers, as the bit operators give them.
      assertEquals(entryFrame(lo | 0, hi | 0, level), frame);
    });
  }
});

Deno.test("entryFrame() and entryFlags() together keep every bit", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(1, 2, 3), (bits, level) => {
    const [lo, hi] = [Number(bits & 0xffff_ffffn), Number(bits >> 32n)];
    assertEquals(BigInt(entryFrame(lo, hi, level)) | entryFlags(bits, level), bits);
    assertEquals(BigInt(entryFrame(lo, hi, level)) & entryFlags(bits, level), 0n);
  }));
});

const flagBits = [...Array(12).keys(), ...Array.from({ length: 12 }, (_, bit) => 52 + bit)].map((bit) =>
  2n ** BigInt(bit)
);

Deno.test("flagHalves() puts every flag where the entry has it", () => {
  fc.assert(fc.property(fc.subarray(flagBits), (bits) => {
    const flags = bits.reduce((sum, bit) => sum + bit, 0n);
    const { lo, hi } = flagHalves(flags, 0x1000);
    assertEquals(BigInt(lo >>> 0) | (BigInt(hi >>> 0) << 32n), flags);
  }));
});

Deno.test("flagHalves() adds HUGE_PAGE for pages of 2 MiB and 1 GiB alone", () => {
  assertEquals(flagHalves(1n, 0x1000).lo, 0x01);
  assertEquals(flagHalves(1n, 0x20_0000).lo, 0x81);
  assertEquals(flagHalves(1n, 0x4000_0000).lo, 0x81);
});

Deno.test("flagHalves() refuses bits that belong to the physical address", async (t) => {
  for (const bit of [12n, 13n, 20n, 31n, 32n, 51n, 64n]) {
    await t.step(`bit ${bit} for 4 KiB`, () => void assertThrows(() => flagHalves(2n ** bit, 0x1000), RangeError));
  }
  for (const bit of [13n, 20n, 21n, 51n, 64n]) {
    await t.step(`bit ${bit} for 2 MiB`, () => void assertThrows(() => flagHalves(2n ** bit, 0x20_0000), RangeError));
  }
  await t.step("bit 12 is the PAT of 2 MiB", () => assertEquals(flagHalves(2n ** 12n, 0x20_0000).lo, 0x1080));
  await t.step("a negative number", () => void assertThrows(() => flagHalves(-1n, 0x1000), RangeError));
});

Deno.test("flagHalves() refuses flags that are no bigint", () => {
  assertThrows(() => flagHalves(1 as unknown as bigint, 0x1000), TypeError);
});
