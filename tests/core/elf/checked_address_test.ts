import { assertEquals, assertObjectMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { addressField, checkedAddress, checkedRange } from "../../../core/elf/checked_address.ts";
import { type ErrorCode, LoadError } from "../../../core/errors.ts";
import type { Rules } from "../../../core/rules.ts";

const HOLE = 1n << 47n;
const UPPER = 0xffff_8000_0000_0000n;
const END = 1n << 64n;
const ALL: readonly Rules["addresses"][] = ["one-half", "sign-extended", "canonical-steps"];

Deno.test("checkedAddress() takes canonical addresses under every rule", () => {
  for (const addresses of ALL) {
    for (const value of [0n, HOLE - 1n, UPPER, END - 1n]) {
      assertStrictEquals(checkedAddress(value, "e_entry", { addresses }), value);
    }
  }
});

Deno.test("checkedAddress() sign-extends addresses with only bit 47 set where the rule says so", () => {
  assertStrictEquals(checkedAddress(HOLE + 5n, "e_entry", { addresses: "sign-extended" }), UPPER + 5n);
  for (const addresses of ["one-half", "canonical-steps"] as const) {
    assertThrows(() => checkedAddress(HOLE + 5n, "e_entry", { addresses }), LoadError);
  }
});

Deno.test("checkedAddress() refuses what is no 64-bit address, or not canonical, with field, value and index", () => {
  const cases: readonly (readonly [bigint, ErrorCode])[] = [
    [-1n, "address-overflow"],
    [END, "address-overflow"],
    [1n << 48n, "address-not-canonical"],
    [UPPER - 1n, "address-not-canonical"],
  ];
  for (const addresses of ALL) {
    for (const [value, code] of cases) {
      const error = assertThrows(() => checkedAddress(value, "p_vaddr", { addresses }, 3), LoadError);
      assertEquals([error.code, error.detail], [code, { index: 3, field: "p_vaddr", value }]);
      const other = assertThrows(() => checkedAddress(value, "e_entry", { addresses }), LoadError);
      assertEquals(other.detail, { field: "e_entry", value });
    }
  }
});

const header = (p_vaddr: bigint, p_memsz: bigint) => ({ index: 2, p_vaddr, p_memsz });

Deno.test("checkedRange() gives the low 48 bits of the first and the last byte, up to the last of the address space", () => {
  const cases: readonly (readonly [start: bigint, size: bigint, offset: bigint, first: number, last: number])[] = [
    [0n, 1n, 0n, 0, 0],
    [0x40_0000n, 0x1000n, 0n, 0x40_0000, 0x40_0fff],
    [HOLE - 0x10n, 0x10n, 0n, 2 ** 47 - 0x10, 2 ** 47 - 1],
    [UPPER, 0x10n, 0n, 2 ** 47, 2 ** 47 + 0xf],
    [END - 0x1000n, 0x1000n, 0n, 2 ** 48 - 0x1000, 2 ** 48 - 1],
    [0xffff_ffff_8000_0000n, 0x1000n, -0xffff_ffff_0000_0000n, 0x8000_0000, 0x8000_0fff],
  ];
  for (const [start, size, offset, first, last] of cases) {
    for (const addresses of ALL) {
      assertEquals(checkedRange(header(start, size), offset, { addresses }), { first, last });
    }
  }
});

Deno.test("checkedRange() lets a range cross the hole only where segments may", () => {
  const across = header(HOLE - 0x1000n, UPPER - HOLE + 0x2000n);
  const error = assertThrows(() => checkedRange(across, 0n, { addresses: "one-half" }), LoadError);
  const detail = { index: 2, field: "p_vaddr + p_memsz - 1", value: UPPER + 0xfffn };
  assertEquals([error.code, error.detail], ["address-not-canonical", detail]);
  const expected = { first: 2 ** 47 - 0x1000, last: 2 ** 47 + 0xfff };
  assertEquals(checkedRange(across, 0n, { addresses: "canonical-steps" }), expected);
  assertEquals(checkedRange(header(HOLE - 0x1000n, 0x2000n), 0n, { addresses: "sign-extended" }), expected);
});

Deno.test("checkedRange() refuses ranges that end past 2^64, start below 0, or have an end in the hole", () => {
  const cases: readonly (readonly [start: bigint, size: bigint, offset: bigint, code: ErrorCode, field: string])[] = [
    [END - 0x1000n, 0x1001n, 0n, "address-overflow", "p_vaddr + p_memsz"],
    [0n, END + 1n, 0n, "address-overflow", "p_vaddr + p_memsz"],
    [END - 1n, 1n, 1n, "address-overflow", "p_vaddr + virtualAddressOffset"],
    [0x1000n, 1n, -0x2000n, "address-overflow", "p_vaddr + virtualAddressOffset"],
    [1n << 48n, 1n, 0n, "address-not-canonical", "p_vaddr"],
    [0n, 1n << 60n, 0n, "address-not-canonical", "p_vaddr + p_memsz - 1"],
    [0n, 1n << 60n, 0x1000n, "address-not-canonical", "p_vaddr + virtualAddressOffset + p_memsz - 1"],
  ];
  for (const [start, size, offset, code, field] of cases) {
    for (const addresses of ALL) {
      const error = assertThrows(() => checkedRange(header(start, size), offset, { addresses }), LoadError);
      assertEquals(error.code, code);
      assertObjectMatch(error.detail, { index: 2, field });
    }
  }
});

Deno.test("addressField() names the sum only if there is one", () => {
  assertEquals([0n, 1n, -1n].map(addressField), [
    "p_vaddr",
    "p_vaddr + virtualAddressOffset",
    "p_vaddr + virtualAddressOffset",
  ]);
});
