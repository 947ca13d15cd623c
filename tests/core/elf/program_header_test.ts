import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { isMisaligned, type ProgramHeader, readProgramHeader } from "../../../core/elf/program_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { LoadError } from "../../../core/errors.ts";

// gABI, "Program Header": the figures of Elf64_Phdr and Elf32_Phdr, read off by hand for bytes that count up from 1.
const COUNTED: readonly (readonly [string, number, number, Omit<ProgramHeader, "index">])[] = [
  ["Elf64_Phdr", 56, 2, {
    p_type: 0x04030201,
    p_flags: 0x08070605,
    p_offset: 0x100f0e0d0c0b0a09n,
    p_vaddr: 0x1817161514131211n,
    p_paddr: 0x201f1e1d1c1b1a19n,
    p_filesz: 0x2827262524232221n,
    p_memsz: 0x302f2e2d2c2b2a29n,
    p_align: 0x3837363534333231n,
  }],
  ["Elf32_Phdr", 32, 1, {
    p_type: 0x04030201,
    p_offset: 0x08070605n,
    p_vaddr: 0x0c0b0a09n,
    p_paddr: 0x100f0e0dn,
    p_filesz: 0x14131211n,
    p_memsz: 0x18171615n,
    p_flags: 0x1c1b1a19,
    p_align: 0x201f1e1dn,
  }],
];

for (const [name, size, fileClass, expected] of COUNTED) {
  const counting = Uint8Array.from({ length: size }, (_, index) => index + 1);

  Deno.test(`readProgramHeader() reads every field of an ${name} from its place`, () => {
    assertEquals(readProgramHeader(elfReader(counting, { subject: "the test", fileOffset: 0x40 }), 0, 7, fileClass), {
      index: 7,
      ...expected,
    });
  });

  Deno.test(`readProgramHeader() reads an ${name} in the middle of a table`, () => {
    const table = new Uint8Array(size * 3).fill(0xff);
    table.set(counting, size);
    const reader = elfReader(table, { subject: "the test", fileOffset: 0x40 });
    assertEquals(readProgramHeader(reader, size, 1, fileClass), { index: 1, ...expected });
    const { p_type, p_flags, p_offset, p_align } = readProgramHeader(reader, size * 2, 2, fileClass);
    assertEquals([p_type, p_flags], [0xffff_ffff, 0xffff_ffff]);
    const word = fileClass === 2 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
    assertEquals([p_offset, p_align], [word, word]);
  });

  Deno.test(`readProgramHeader() refuses an ${name} that is cut off anywhere`, () => {
    for (let cut = 0; cut < size; cut++) {
      const reader = elfReader(counting.subarray(0, cut), { subject: "the test", fileOffset: 0x40 });
      const error = assertThrows(() => readProgramHeader(reader, 0, 0, fileClass), LoadError);
      assertEquals(error.code, "file-too-short", `${cut} bytes`);
    }
  });
}

Deno.test("isMisaligned() holds if address and offset differ within their pages and there are bytes", () => {
  const range = { start: 0x40_0123, memSize: 0x1000, fileOffset: 0x2123, fileSize: 0x1000 };
  assertStrictEquals(isMisaligned(range), false);
  assertStrictEquals(isMisaligned({ ...range, fileOffset: 0x123 }), false);
  assertStrictEquals(isMisaligned({ ...range, fileOffset: 0x2124 }), true);
  assertStrictEquals(isMisaligned({ ...range, start: 0x123, fileOffset: 0xf_f124 }), true);
  assertStrictEquals(isMisaligned({ ...range, fileOffset: 0x2124, fileSize: 0 }), false);
});
