import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type FileHeader, readFileHeader } from "../../../core/elf/file_header.ts";
import { type ProgramHeader, readProgramHeader } from "../../../core/elf/program_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { encodeNote, writeFileHeader, writeProgramHeader, writeProgramHeaderCount } from "../../../core/elf/writer.ts";
import { runTool, testWithTools } from "../../tools.ts";

const PLACE = { subject: "the test", fileOffset: 0 };

const HEADER: FileHeader = {
  EI_CLASS: 2,
  EI_DATA: 1,
  EI_VERSION: 1,
  EI_OSABI: 9,
  EI_ABIVERSION: 3,
  e_type: 4,
  e_machine: 62,
  e_version: 1,
  e_entry: 0x1234_5678n,
  e_phoff: 0x40n,
  e_shoff: 0x9876_5432n,
  e_flags: 0xdead_beef,
  e_ehsize: 64,
  e_phentsize: 56,
  e_phnum: 3,
  e_shentsize: 64,
  e_shnum: 5,
  e_shstrndx: 4,
};

const PHDR: Omit<ProgramHeader, "index"> = {
  p_type: 0x6474_e551,
  p_flags: 6,
  p_offset: 0x1111_1000n,
  p_vaddr: 0x2222_2000n,
  p_paddr: 0x3333_3000n,
  p_filesz: 0x4444n,
  p_memsz: 0x5555n,
  p_align: 0x1000n,
};

for (const fileClass of [1, 2] as const) {
  Deno.test(`a file header of class ${fileClass} is read as it was written, and nothing else is touched`, () => {
    const file = new Uint8Array(80).fill(0xcc);
    const size = fileClass === 1 ? 52 : 64;
    writeFileHeader(file.subarray(0, size), fileClass, { ...HEADER, EI_CLASS: fileClass });
    assertEquals(readFileHeader(elfReader(file, PLACE)), { ...HEADER, EI_CLASS: fileClass });
    assert(file.subarray(size).every((byte) => byte === 0xcc));
  });

  Deno.test(`a program header of class ${fileClass} is read as it was written`, () => {
    const file = new Uint8Array(100).fill(0xcc);
    writeProgramHeader(file, 8, fileClass, PHDR);
    assertEquals(readProgramHeader(elfReader(file, PLACE), 8, 7, fileClass), { index: 7, ...PHDR });
    assert(file.subarray(8 + (fileClass === 1 ? 32 : 56)).every((byte) => byte === 0xcc));
  });

  testWithTools(["readelf"], `readelf reads headers and a note of class ${fileClass}`, async () => {
    const [ehdr, phdr] = fileClass === 1 ? [52, 32] : [64, 56];
    const note = encodeNote({ name: "Xen", type: 18, descriptor: new Uint8Array([1, 2, 3, 4, 5]) });
    const file = new Uint8Array(ehdr + 2 * phdr + note.length);
    writeFileHeader(file, fileClass, {
      e_type: 2,
      e_machine: fileClass === 1 ? 3 : 62,
      e_entry: 0x10_0020n,
      e_phoff: BigInt(ehdr),
      e_phnum: 2,
    });
    writeProgramHeader(file, ehdr, fileClass, { ...PHDR, p_type: 1, p_offset: 0n });
    const at = ehdr + 2 * phdr;
    const size = BigInt(note.length);
    writeProgramHeader(file, ehdr + phdr, fileClass, { p_type: 4, p_offset: BigInt(at), p_filesz: size, p_align: 4n });
    file.set(note, at);
    const text = await readelf(file, "-h", "-l", "-n");
    assertMatch(text, fileClass === 1 ? /Class: +ELF32/ : /Class: +ELF64/);
    assertMatch(text, /Entry point address: +0x100020/);
    assertMatch(text, /LOAD +0x0+ 0x0*22222000 0x0*33333000 0x0*4444 0x0*5555 RW +0x1000/);
    assertMatch(text, /Xen +0x00000005\s.*0x00000012/);
    assertStringIncludes(text, "description data: 01 02 03 04 05");
  });
}

async function readelf(file: Uint8Array, ...args: string[]): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, file);
    return await runTool("readelf", ["--wide", ...args, path]);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("fields that are left out are those of the class, and 0", () => {
  const file = new Uint8Array(64);
  writeFileHeader(file, 2, {});
  const { EI_CLASS, EI_DATA, EI_VERSION, e_version, e_ehsize, e_phentsize, ...rest } = readFileHeader(
    elfReader(file, PLACE),
  );
  assertEquals([EI_CLASS, EI_DATA, EI_VERSION, e_version, e_ehsize, e_phentsize], [2, 1, 1, 1, 64, 56]);
  assert(Object.values(rest).every((value) => BigInt(value) === 0n));
});

testWithTools(["readelf"], "the first section header holds a count that e_phnum cannot", async () => {
  const file = new Uint8Array(64 + 64);
  writeFileHeader(file, 2, { e_type: 4, e_machine: 62, e_phnum: 0xffff, e_shoff: 64n, e_shentsize: 64, e_shnum: 1 });
  writeProgramHeaderCount(file, 64, 70_000);
  assertMatch(await readelf(file, "-h"), /Number of program headers: +65535 \(70000\)/);
});

const NOTES: readonly (readonly [name: string, descriptor: number[], words: number[], size: number])[] = [
  ["Xen", [], [4, 0, 7], 16],
  ["CORE", [1], [5, 1, 7], 12 + 8 + 4],
  ["GNU", [1, 2, 3, 4], [4, 4, 7], 20],
];

for (const [name, descriptor, words, size] of NOTES) {
  Deno.test(`a note of "${name}" with ${descriptor.length} bytes is padded to 4`, () => {
    const note = encodeNote({ name, type: 7, descriptor: Uint8Array.from(descriptor) });
    assertEquals([...new Uint32Array(note.buffer, 0, 3)], words);
    assertEquals(note.length, size);
    assertEquals(new TextDecoder().decode(note.subarray(12, 12 + name.length + 1)), `${name}\0`);
    const at = 12 + Math.ceil((name.length + 1) / 4) * 4;
    assertEquals([...note.subarray(at, at + descriptor.length)], descriptor);
  });
}
