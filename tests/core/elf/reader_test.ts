import { assertEquals, assertStrictEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { elfReader } from "../../../core/elf/reader.ts";
import { LoadError } from "../../../core/errors.ts";

const FIELDS = [["u8", 1], ["u16", 2], ["u32", 4], ["u64", 8]] as const;

Deno.test("elfReader() reads little-endian fields at any offset, aligned or not", () => {
  const reader = elfReader(Uint8Array.from({ length: 12 }, (_, index) => 0xf1 + index), {
    subject: "the test",
    fileOffset: 0,
  });
  assertStrictEquals(reader.length, 12);
  assertStrictEquals(reader.u8(3), 0xf4);
  assertStrictEquals(reader.u16(1), 0xf3f2);
  assertStrictEquals(reader.u32(3), 0xf7f6f5f4);
  assertStrictEquals(reader.u64(3), 0xfbfaf9f8f7f6f5f4n);
});

Deno.test("elfReader() reads fields as unsigned numbers", () => {
  const reader = elfReader(new Uint8Array(8).fill(0xff), { subject: "the test", fileOffset: 0 });
  assertEquals([reader.u8(0), reader.u16(0), reader.u32(0)], [0xff, 0xffff, 0xffff_ffff]);
  assertStrictEquals(reader.u64(0), 0xffff_ffff_ffff_ffffn);
});

Deno.test("elfReader() stays within its view of a larger buffer", () => {
  const buffer = new Uint8Array(32).fill(0xee);
  const view = buffer.subarray(5, 13);
  view.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const reader = elfReader(view, { subject: "the test", fileOffset: 0 });
  assertStrictEquals(reader.u64(0), 0x0807060504030201n);
  assertThrows(() => reader.u8(8), LoadError);
});

for (const [name, size] of FIELDS) {
  Deno.test(`${name}() reads up to the last byte and refuses every offset from which a byte is missing`, () => {
    const reader = elfReader(new Uint8Array(16), { subject: "the test", fileOffset: 0x1000 });
    reader[name](16 - size);
    for (const offset of [-1, -size, 16 - size + 1, 16, 17, 2 ** 40]) {
      const error = assertThrows(() => reader[name](offset), LoadError);
      assertEquals([error.code, error.detail], ["file-too-short", {
        subject: "the test",
        field: `the length left at file offset 0x${(0x1000 + offset).toString(16)}`,
        value: Math.max(0, 16 - offset),
        limit: size,
      }]);
    }
  });
}

Deno.test("elfReader() names the file offset of a field that is not there", () => {
  const error = assertThrows(
    () => elfReader(new Uint8Array(56), { subject: "the test", fileOffset: 0x40 }).u64(0x31),
    LoadError,
  );
  assertStringIncludes(error.message, "file offset 0x71");
});
