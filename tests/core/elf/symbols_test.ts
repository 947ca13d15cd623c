import { assert, assertEquals, assertThrows } from "@std/assert";
import { RECORD_SIZES } from "../../../core/elf/constants.ts";
import { readFileHeader } from "../../../core/elf/file_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { readSectionHeader, type SectionHeader } from "../../../core/elf/section_header.ts";
import { readString } from "../../../core/elf/strings.ts";
import { readSymbol, symbolBinding, symbolType } from "../../../core/elf/symbols.ts";
import { LoadError } from "../../../core/errors.ts";
import { runTool, testWithTools } from "../../tools.ts";

Deno.test("readSymbol() reads the fields of Elf64_Sym and Elf32_Sym", () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, at) => at + 1);
  const reader = elfReader(bytes, { subject: "the symbol table" });
  assertEquals(readSymbol(reader, 0, 2), {
    st_name: 0x04030201,
    st_info: 5,
    st_other: 6,
    st_shndx: 0x0807,
    st_value: 0x100f0e0d0c0b0a09n,
    st_size: 0x1817161514131211n,
  });
  assertEquals(readSymbol(reader, 1, 1), {
    st_name: 0x05040302,
    st_value: 0x09080706n,
    st_size: 0x0d0c0b0an,
    st_info: 0x0e,
    st_other: 0x0f,
    st_shndx: 0x1110,
  });
});

Deno.test("a symbol or section header that is cut off names its table", () => {
  for (const [fileClass, { symbol, sectionHeader }] of Object.entries(RECORD_SIZES)) {
    const records = [
      ["the symbol table", symbol, readSymbol],
      [
        "the section header table",
        sectionHeader,
        (reader: ReturnType<typeof elfReader>, at: number, of: number) => readSectionHeader(reader, at, 0, of),
      ],
    ] as const;
    for (const [subject, size, read] of records) {
      const reader = elfReader(new Uint8Array(2 * size - 1), { subject, fileOffset: 0x100 });
      read(reader, size - 1, Number(fileClass));
      const error = assertThrows(() => read(reader, size, Number(fileClass)), LoadError);
      assertEquals(error.code, "file-too-short");
      assert(error.message.startsWith(`Cannot read ${subject}: `), error.message);
    }
  }
});

const SOURCE = `
int counter = 3; static char small; extern int elsewhere(void) __attribute__((weak));
__thread long local; __attribute__((weak)) int grow(int by) { return by + counter + small + (int) local; }
void _start(void) { grow(elsewhere ? 1 : 2); for (;;); }
`;
const TYPES = ["NOTYPE", "OBJECT", "FUNC", "SECTION", "FILE", "COMMON", "TLS"];
const BINDINGS = ["LOCAL", "GLOBAL", "WEAK"];
const INDEXES: Readonly<Record<number, string>> = { 0: "UND", 0xfff1: "ABS" };

testWithTools(["gcc", "readelf"], "every symbol of a program is what readelf -s prints", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/kernel.c`, SOURCE);
    const path = `${folder}/kernel.elf`;
    await runTool("gcc", ["-O1", "-static", "-nostdlib", "-ffreestanding", `${folder}/kernel.c`, "-o", path]);
    const row = /^ +\d+: ([0-9a-f]{16}) +(\w+) (\w+) +(\w+) +\w+ +(\w+) ?(.*)$/gm;
    const printed = [...(await runTool("readelf", ["-sW", path])).matchAll(row)].map((cells) => cells.slice(1));
    assert(printed.length > 8);

    const file = await Deno.readFile(path);
    const { e_shoff, e_shnum } = readFileHeader(elfReader(file, { subject: "the file" }));
    const sections: readonly SectionHeader[] = Array.from({ length: e_shnum }, (_, index) => {
      return readSectionHeader(elfReader(file, { subject: "the file" }), Number(e_shoff) + index * 64, index, 2);
    });
    const table = sections.find(({ sh_type }) => sh_type === 2)!;
    const strings = sections[table.sh_link];
    const names = file.subarray(Number(strings.sh_offset), Number(strings.sh_offset + strings.sh_size));
    const reader = elfReader(file.subarray(Number(table.sh_offset)), { subject: "the symbol table" });
    const read = Array.from({ length: Number(table.sh_size / table.sh_entsize) }, (_, index) => {
      const symbol = readSymbol(reader, index * 24, 2);
      return [
        symbol.st_value.toString(16).padStart(16, "0"),
        `${symbol.st_size}`,
        TYPES[symbolType(symbol)],
        BINDINGS[symbolBinding(symbol)],
        INDEXES[symbol.st_shndx] ?? `${symbol.st_shndx}`,
        readString(names, symbol.st_name).text,
      ];
    });
    // readelf prints the names of section symbols, which have none of their own.
    const named = printed.map((cells) => cells[2] === "SECTION" ? [...cells.slice(0, 5), ""] : cells);
    assertEquals(read, named);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
