import { assertEquals, assertThrows } from "@std/assert";
import { type FileHeader, readFileHeader, readIdent } from "../../../core/elf/file_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { LoadError } from "../../../core/errors.ts";
import { writeFileHeader } from "../../elf_builder.ts";

/** A record whose byte at offset n is n + 1, so that every field tells where it was read; but for its class. */
function countingHeader(length: number, fileClass: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, index) => index + 1);
  bytes[4] = fileClass;
  return bytes;
}

// gABI, "ELF Header": the figures of Elf64_Ehdr and Elf32_Ehdr, read off by hand for bytes that count up from 1.
const COUNTED: readonly (readonly [string, number, number, FileHeader])[] = [
  ["Elf64_Ehdr", 64, 2, {
    EI_CLASS: 2,
    EI_DATA: 6,
    EI_VERSION: 7,
    EI_OSABI: 8,
    EI_ABIVERSION: 9,
    e_type: 0x1211,
    e_machine: 0x1413,
    e_version: 0x18171615,
    e_entry: 0x201f1e1d1c1b1a19n,
    e_phoff: 0x2827262524232221n,
    e_shoff: 0x302f2e2d2c2b2a29n,
    e_flags: 0x34333231,
    e_ehsize: 0x3635,
    e_phentsize: 0x3837,
    e_phnum: 0x3a39,
    e_shentsize: 0x3c3b,
    e_shnum: 0x3e3d,
    e_shstrndx: 0x403f,
  }],
  ["Elf32_Ehdr", 52, 1, {
    EI_CLASS: 1,
    EI_DATA: 6,
    EI_VERSION: 7,
    EI_OSABI: 8,
    EI_ABIVERSION: 9,
    e_type: 0x1211,
    e_machine: 0x1413,
    e_version: 0x18171615,
    e_entry: 0x1c1b1a19n,
    e_phoff: 0x201f1e1dn,
    e_shoff: 0x24232221n,
    e_flags: 0x28272625,
    e_ehsize: 0x2a29,
    e_phentsize: 0x2c2b,
    e_phnum: 0x2e2d,
    e_shentsize: 0x302f,
    e_shnum: 0x3231,
    e_shstrndx: 0x3433,
  }],
];

for (const [name, length, fileClass, expected] of COUNTED) {
  Deno.test(`readFileHeader() reads every field of an ${name} from its place`, () => {
    assertEquals(
      readFileHeader(elfReader(countingHeader(length, fileClass), { subject: "the test", fileOffset: 0 })),
      expected,
    );
  });

  Deno.test(`readFileHeader() refuses an ${name} that is cut off anywhere`, () => {
    const bytes = countingHeader(length, fileClass);
    for (let cut = 0; cut < length; cut++) {
      const error = assertThrows(
        () => readFileHeader(elfReader(bytes.subarray(0, cut), { subject: "the test", fileOffset: 0 })),
        LoadError,
      );
      assertEquals(error.code, "file-too-short", `${cut} bytes`);
    }
  });
}

Deno.test("readFileHeader() reads fields whose bits are all set as unsigned numbers", () => {
  const bytes = new Uint8Array(64).fill(0xff);
  bytes[4] = 2;
  const header = readFileHeader(elfReader(bytes, { subject: "the test", fileOffset: 0 }));
  assertEquals([header.e_entry, header.e_phoff, header.e_shoff], Array(3).fill(0xffff_ffff_ffff_ffffn));
  assertEquals([header.e_version, header.e_flags], [0xffff_ffff, 0xffff_ffff]);
  assertEquals([header.e_type, header.e_phnum, header.e_shstrndx], [0xffff, 0xffff, 0xffff]);
});

Deno.test("readFileHeader() gives back what a header was written with, unchecked", () => {
  const written: FileHeader = {
    EI_CLASS: 2,
    EI_DATA: 2,
    EI_VERSION: 0,
    EI_OSABI: 255,
    EI_ABIVERSION: 3,
    e_type: 0xfe00,
    e_machine: 0xb7,
    e_version: 2,
    e_entry: 0xffff_ffff_8000_1000n,
    e_phoff: 0xffff_ffff_ffff_fff0n,
    e_shoff: 1n,
    e_flags: 5,
    e_ehsize: 63,
    e_phentsize: 57,
    e_phnum: 0xffff,
    e_shentsize: 1,
    e_shnum: 2,
    e_shstrndx: 3,
  };
  const bytes = new Uint8Array(80);
  writeFileHeader(bytes, written);
  assertEquals(readFileHeader(elfReader(bytes, { subject: "the test", fileOffset: 0 })), written);
});

Deno.test("readIdent() reads e_ident of 16 bytes and refuses 15", () => {
  const bytes = countingHeader(16, 2);
  const expected = { EI_CLASS: 2, EI_DATA: 6, EI_VERSION: 7, EI_OSABI: 8, EI_ABIVERSION: 9 };
  assertEquals(readIdent(elfReader(bytes, { subject: "the test", fileOffset: 0 })), expected);
  assertEquals(
    assertThrows(() => readIdent(elfReader(bytes.subarray(0, 15), { subject: "the test", fileOffset: 0 })), LoadError)
      .code,
    "file-too-short",
  );
});
