import { assert, assertEquals, assertThrows } from "@std/assert";
import { type FileHeader, readFileHeader } from "../../../core/elf/file_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { readSectionHeader, type SectionHeader } from "../../../core/elf/section_header.ts";
import { readString } from "../../../core/elf/strings.ts";
import { LoadError } from "../../../core/errors.ts";
import { runTool, testWithTools } from "../../tools.ts";

const ELFCLASS32 = 1;
const ELFCLASS64 = 2;

/** The fields in the order of the gABI's figures of Elf32_Shdr and Elf64_Shdr, with their sizes. */
const FIELDS: readonly (readonly [name: keyof SectionHeader, size32: 4, size64: 4 | 8])[] = [
  ["sh_name", 4, 4],
  ["sh_type", 4, 4],
  ["sh_flags", 4, 8],
  ["sh_addr", 4, 8],
  ["sh_offset", 4, 8],
  ["sh_size", 4, 8],
  ["sh_link", 4, 4],
  ["sh_info", 4, 4],
  ["sh_addralign", 4, 8],
  ["sh_entsize", 4, 8],
];

/** Fields that are 32 bits in both classes are numbers. */
const isNumber = (size32: number, size64: number): boolean => size32 === size64;

for (const [name, fileClass, which, length] of [["Elf32", ELFCLASS32, 1, 40], ["Elf64", ELFCLASS64, 2, 64]] as const) {
  Deno.test(`readSectionHeader() reads every field of an ${name}_Shdr, unsigned`, () => {
    const bytes = Uint8Array.from({ length: 8 + length + 8 }, (_, at) => 0x80 + at);
    const view = new DataView(bytes.buffer);
    let at = 8;
    const expected: Record<string, unknown> = { index: 5, name: "" };
    for (const [field, ...sizes] of FIELDS) {
      const size = sizes[which - 1];
      const value = size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
      expected[field] = isNumber(...sizes) ? Number(value) : value;
      at += size;
    }
    assertEquals(at, 8 + length);
    const reader = elfReader(bytes, { subject: "the test" });
    assertEquals<unknown>(readSectionHeader(reader, 8, 5, fileClass), expected);
    const cut = elfReader(bytes.subarray(0, 8 + length - 1), { subject: "the test" });
    assertEquals(assertThrows(() => readSectionHeader(cut, 8, 5, fileClass), LoadError).code, "file-too-short");
  });
}

/** The rows of `readelf -SW`: Nr, Name, Type, Address, Off, Size, ES, Flg, Lk, Inf, Al. */
function printedSections(text: string) {
  const row =
    /^ +\[ *(\d+)\] (\S*) +(\S+) +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +([A-Zp]*) +(\d+) +(\d+) +(\d+)$/gm;
  return [...text.matchAll(row)].map(([, index, name, , addr, offset, size, entsize, , link, info, align]) => ({
    index: Number(index),
    name,
    sh_addr: BigInt(`0x${addr}`),
    sh_offset: BigInt(`0x${offset}`),
    sh_size: BigInt(`0x${size}`),
    sh_entsize: BigInt(`0x${entsize}`),
    sh_link: Number(link),
    sh_info: Number(info),
    sh_addralign: BigInt(align),
  }));
}

for (const flag of ["-m32", "-m64"]) {
  testWithTools(
    ["gcc", "readelf"],
    `section headers are those that readelf prints of an object of gcc ${flag}`,
    async () => {
      const folder = await Deno.makeTempDir();
      try {
        const path = `${folder}/object.o`;
        await Deno.writeTextFile(`${folder}/object.c`, "int data = 7, bss[9]; int get(void) { return data + bss[1]; }");
        await runTool("gcc", [flag, "-c", "-ffreestanding", `${folder}/object.c`, "-o", path]);
        const printed = printedSections(await runTool("readelf", ["-SW", path]));
        const bytes = await Deno.readFile(path);
        const header = readFileHeader(elfReader(bytes, { subject: "the test" }));
        assertEquals(header.EI_CLASS, flag === "-m32" ? ELFCLASS32 : ELFCLASS64);
        assert(printed.length > 5, "readelf printed no sections");
        assertEquals(sectionsOf(bytes, header), printed.filter(({ index }) => index > 0));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

/** The sections of a file after section 0, without their types and flags. */
function sectionsOf(bytes: Uint8Array, { EI_CLASS, e_shoff, e_shentsize, e_shnum, e_shstrndx }: FileHeader) {
  const table = elfReader(bytes.subarray(Number(e_shoff)), { subject: "the test" });
  const headers = Array.from({ length: e_shnum }, (_, at) => readSectionHeader(table, at * e_shentsize, at, EI_CLASS));
  const { sh_offset, sh_size } = headers[e_shstrndx];
  const names = bytes.subarray(Number(sh_offset), Number(sh_offset + sh_size));
  return headers.slice(1).map(({ sh_name, sh_type: _, sh_flags: __, ...rest }) => {
    return { ...rest, name: readString(names, sh_name).text };
  });
}
