/** Decoded entries have the fields of the Intel SDM's tables, which are written out here by hand. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type DecodedEntry, decodeEntry } from "../../../explain/tables/decode_entry.ts";

/** Bits of every entry that is present: tables 4-14 to 4-20. */
const COMMON = "0 PRESENT, 1 WRITABLE, 2 USER_ACCESSIBLE, 3 WRITE_THROUGH, 4 NO_CACHE, 5 ACCESSED";
/** Bits 9 to 11: ignored in every one. */
const FREE = "9 BIT_9, 10 BIT_10, 11 BIT_11";
/** Bits 6 and 7 of an entry that maps a large page. */
const LARGE = "6 DIRTY, 7 HUGE_PAGE";
/** Bits 52 to 62 where a table is pointed to: ignored. */
const IGNORED = "52 BIT_52, 53 BIT_53, 54 BIT_54, 55 BIT_55, 56 BIT_56, 57 BIT_57, 58 BIT_58, 59 BIT_59, " +
  "60 BIT_60, 61 BIT_61, 62 BIT_62";
/** Bits 52 to 62 where a page is mapped: ignored up to 58, then the protection key. */
const KEYED = "52 BIT_52, 53 BIT_53, 54 BIT_54, 55 BIT_55, 56 BIT_56, 57 BIT_57, 58 BIT_58, 59-62 PROTECTION_KEY";

/** The tables of the SDM, volume 3: levels, the bits that make an entry one of them, what it does, and its fields. */
const TABLES:
  readonly (readonly [name: string, levels: readonly number[], bits: bigint, kind: string, fields: string])[] = [
    [
      "4-14 and 4-15: PML5E and PML4E",
      [5, 4],
      1n,
      "table",
      `${COMMON}, 6 BIT_6, 7 RESERVED, 8 BIT_8, ${FREE}, 12-51 ADDRESS, ${IGNORED}, 63 NO_EXECUTE`,
    ],
    [
      "4-16: PDPTE that maps 1 GiB",
      [3],
      0x81n,
      "page",
      `${COMMON}, ${LARGE}, 8 GLOBAL, ${FREE}, 12 PAT, 13-29 RESERVED, 30-51 ADDRESS, ${KEYED}, 63 NO_EXECUTE`,
    ],
    [
      "4-17 and 4-19: PDPTE and PDE that point to a table",
      [3, 2],
      1n,
      "table",
      `${COMMON}, 6 BIT_6, 7 HUGE_PAGE, 8 BIT_8, ${FREE}, 12-51 ADDRESS, ${IGNORED}, 63 NO_EXECUTE`,
    ],
    [
      "4-18: PDE that maps 2 MiB",
      [2],
      0x81n,
      "page",
      `${COMMON}, ${LARGE}, 8 GLOBAL, ${FREE}, 12 PAT, 13-20 RESERVED, 21-51 ADDRESS, ${KEYED}, 63 NO_EXECUTE`,
    ],
    [
      "4-20: PTE",
      [1],
      1n,
      "page",
      `${COMMON}, 6 DIRTY, 7 PAT, 8 GLOBAL, ${FREE}, 12-51 ADDRESS, ${KEYED}, 63 NO_EXECUTE`,
    ],
  ];

interface Row {
  readonly low: number;
  readonly high: number;
  readonly name: string;
}

function rowsOf(fields: string): readonly Row[] {
  return fields.split(", ").map((field) => {
    const [, low, high, name] = /^([0-9]+)(?:-([0-9]+))? (.*)$/.exec(field)!;
    return { low: Number(low), high: Number(high ?? low), name };
  });
}

for (const [name, levels, bits, kind, fields] of TABLES) {
  const rows = rowsOf(fields);
  Deno.test(`an entry has the fields of table ${name}`, () => {
    assertEquals(rows.reduce((next, { low, high }) => (assertEquals(low, next), high + 1), 0), 64);
    for (const level of levels) {
      const found = decodeEntry(bits, level);
      assertEquals([found.kind, found.level, found.entry], [kind, level, bits] as typeof found["kind"][]);
      assertEquals<unknown>(found.fields.map(({ low, high, name }) => ({ low, high, name })), rows);
      for (const row of rows) {
        const mask = ((1n << BigInt(row.high - row.low + 1)) - 1n) << BigInt(row.low);
        checkField(decodeEntry(bits | mask, level), row, mask, bits);
      }
    }
  });
}

/** One field has all its bits set: only that one differs from the entry without it. */
function checkField({ fields, flags, kind, level, address }: DecodedEntry, row: Row, mask: bigint, bits: bigint): void {
  if (row.name === "HUGE_PAGE" && (bits & mask) === 0n) {
    assertEquals(kind, "page"); // this bit makes it another table's
    return;
  }
  const field = fields.find(({ low }) => low === row.low)!;
  assertEquals(field.value, mask >> BigInt(row.low));
  for (const { low, high, value } of fields) {
    if (low !== row.low) assertEquals(value, (bits >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
  }
  const expected = ["PRESENT", ...((bits & 0x80n) === 0n ? [] : ["HUGE_PAGE"])];
  const named = row.name === "ADDRESS" || expected.includes(row.name) ? [] : [row.name];
  assertEquals<unknown>([...flags].sort(), [...expected, ...named].sort());
  assertEquals(address, row.name === "ADDRESS" ? Number(mask) : 0);
  assert(field.meaning.length > 0 && level > 0);
}

Deno.test("pages have the size of their level", () => {
  assertEquals([1, 2, 3].map((level) => decodeEntry(0x81n, level).pageSize), [0x1000, 0x20_0000, 0x4000_0000]);
  assertEquals([5, 4, 3, 2].map((level) => decodeEntry(1n, level).pageSize), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("of an entry that is not present, nothing is read but that", () => {
  for (const level of [5, 4, 3, 2, 1]) {
    const { kind, flags, fields, address, pageSize } = decodeEntry(0xffff_ffff_ffff_fffen, level);
    assertEquals([kind, address, pageSize], ["absent", undefined, undefined]);
    assertEquals(flags, []);
    assertEquals(fields.map(({ low, high, name, value }) => [low, high, name, value]), [[0, 0, "PRESENT", 0n]]);
  }
});

Deno.test("the meaning of a field is that of its value and level", () => {
  const meaning = (entry: bigint, level: number, name: string): string | undefined => {
    return decodeEntry(entry, level).fields.find((field) => field.name === name)?.meaning;
  };
  assertEquals(meaning(0x20_3001n, 4, "ADDRESS"), "the level-3 table is at 0x203000");
  assertEquals(meaning(0x20_3001n, 1, "ADDRESS"), "the page is at physical 0x203000");
  assertEquals(meaning(0x7800_0000_0000_0001n, 1, "PROTECTION_KEY"), "protection key 15, if CR4.PKE or CR4.PKS is set");
  assertEquals(meaning(0x81n, 4, "RESERVED"), "must be 0: an access raises a page fault");
  assertEquals(meaning(0x1n, 2, "HUGE_PAGE"), "points to a table");
  assertEquals(meaning(0x1n, 2, "WRITABLE"), "writes are not allowed");
});

Deno.test("decodeEntry() refuses what is no entry and no level", () => {
  assertThrows(() => decodeEntry(1 as unknown as bigint, 1), TypeError, "Cannot decode 1: pass a bigint");
  assertThrows(() => decodeEntry(1n << 64n, 1), RangeError, "an entry has 64 bits");
  assertThrows(() => decodeEntry(-1n, 1), RangeError, "an entry has 64 bits");
  for (const level of [0, 6, 1.5, NaN]) assertThrows(() => decodeEntry(1n, level), RangeError, "it must be 1 to 5");
});
