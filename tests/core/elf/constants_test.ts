import { assertEquals, assertStrictEquals } from "@std/assert";
import { isKnownSegmentType, RECORD_SIZES, segmentTypeName } from "../../../core/elf/constants.ts";

Deno.test("segmentTypeName() names types as readelf prints them, and others by their number", () => {
  // gABI, "Program Header", and elf.h of the GNU C library
  const names: readonly (readonly [number, string])[] = [
    [0, "NULL"],
    [1, "LOAD"],
    [2, "DYNAMIC"],
    [3, "INTERP"],
    [4, "NOTE"],
    [5, "SHLIB"],
    [6, "PHDR"],
    [7, "TLS"],
    [8, "0x8"],
    [0x6474e550, "GNU_EH_FRAME"],
    [0x6474e551, "GNU_STACK"],
    [0x6474e552, "GNU_RELRO"],
    [0x6474e553, "GNU_PROPERTY"],
    [0x6474e554, "GNU_SFRAME"],
    [0x65a3dbe5, "OPENBSD_MUTABLE"],
    [0x65a3dbe6, "OPENBSD_RANDOMIZE"],
    [0x65a3dbe7, "OPENBSD_WXNEEDED"],
    [0x65a41be6, "OPENBSD_BOOTDATA"],
    [0xffffffff, "0xffffffff"],
  ];
  for (const [type, name] of names) assertStrictEquals(segmentTypeName(type), name);
});

Deno.test("isKnownSegmentType() holds for 0 to 7 and for 0x60000000 to 0x7fffffff", () => {
  const known = [0, 1, 7, 0x60000000, 0x6474e551, 0x6fffffff, 0x70000000, 0x7fffffff];
  const unknown = [8, 9, 0x5fffffff, 0x80000000, 0xffffffff];
  assertEquals(known.filter((type) => !isKnownSegmentType(type)), []);
  assertEquals(unknown.filter(isKnownSegmentType), []);
});

Deno.test("RECORD_SIZES has the sizes of Elf32 and Elf64 records", () => {
  assertEquals(RECORD_SIZES, {
    1: { fileHeader: 52, programHeader: 32, sectionHeader: 40, symbol: 16 },
    2: { fileHeader: 64, programHeader: 56, sectionHeader: 64, symbol: 24 },
  });
});
