/** Headers as `readelf` reads them, against headers as we read them. */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { segmentTypeName } from "../../../core/elf/constants.ts";
import { type FileHeader, readFileHeader } from "../../../core/elf/file_header.ts";
import { type ProgramHeader, readProgramHeader } from "../../../core/elf/program_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { hasTool } from "../../tools.ts";

const ROOT = new URL("../../../", import.meta.url);
const FILES = [
  "examples/hello/hello.elf",
  "examples/hello/hello-pie.elf",
  "tests/fixtures/original/corpus/elf32-higher-va.elf",
];

/** What `readelf -hW` prints for a field, as the number in the file. */
const IN_WORDS: ReadonlyMap<string, number> = new Map([
  ["ELF32", 1],
  ["ELF64", 2],
  ["2's complement, little endian", 1],
  ["UNIX - System V", 0],
  ["EXEC (Executable file)", 2],
  ["DYN (Shared object file)", 3],
  ["DYN (Position-Independent Executable file)", 3],
  ["Intel 80386", 3],
  ["Advanced Micro Devices X86-64", 62],
]);

async function readelf(path: URL): Promise<string> {
  const args = ["-hlW", fromFileUrl(path)];
  const { success, stdout } = await new Deno.Command("readelf", { args, env: { LC_ALL: "C" }, stderr: "null" })
    .output();
  assert(success, "readelf failed");
  return new TextDecoder().decode(stdout);
}

/** The fields of `readelf -h`, under the labels that it prints. */
function printedHeader(text: string): FileHeader {
  const values = (label: string): readonly string[] => {
    return [...text.matchAll(new RegExp(`^  ${label}: +(.*)$`, "gm"))].map((match) => match[1]);
  };
  const number = (label: string, at = 0): number => {
    const value = values(label)[at];
    return IN_WORDS.get(value) ?? parseInt(value);
  };
  const address = (label: string): bigint => BigInt(values(label)[0].split(" ")[0]);
  return {
    EI_CLASS: number("Class"),
    EI_DATA: number("Data"),
    EI_VERSION: number("Version"),
    EI_OSABI: number("OS/ABI"),
    EI_ABIVERSION: number("ABI Version"),
    e_type: number("Type"),
    e_machine: number("Machine"),
    e_version: number("Version", 1),
    e_entry: address("Entry point address"),
    e_phoff: address("Start of program headers"),
    e_shoff: address("Start of section headers"),
    e_flags: number("Flags"),
    e_ehsize: number("Size of this header"),
    e_phentsize: number("Size of program headers"),
    e_phnum: number("Number of program headers"),
    e_shentsize: number("Size of section headers"),
    e_shnum: number("Number of section headers"),
    e_shstrndx: number("Section header string table index"),
  };
}

type Printed = Omit<ProgramHeader, "index" | "p_type" | "p_flags"> & { readonly type: string; readonly flags: string };

/** The rows of `readelf -lW`: Type, Offset, VirtAddr, PhysAddr, FileSiz, MemSiz, Flg, Align. */
function printedProgramHeaders(text: string): readonly Printed[] {
  const hex = "(0x[0-9a-f]+|0)";
  const row = new RegExp(`^  (\\w+) +${Array(5).fill(hex).join(" ")} ([R ][W ][E ]) ${hex}$`, "gm");
  return [...text.matchAll(row)].map(([, type, offset, vaddr, paddr, filesz, memsz, flags, align]) => ({
    type,
    p_offset: BigInt(offset),
    p_vaddr: BigInt(vaddr),
    p_paddr: BigInt(paddr),
    p_filesz: BigInt(filesz),
    p_memsz: BigInt(memsz),
    flags,
    p_align: BigInt(align),
  }));
}

function asPrinted({ index: _, p_type, p_flags, ...rest }: ProgramHeader): Printed {
  const flags = `${p_flags & 4 ? "R" : " "}${p_flags & 2 ? "W" : " "}${p_flags & 1 ? "E" : " "}`;
  return { type: segmentTypeName(p_type), ...rest, flags };
}

const available = hasTool("readelf");
const ignore = !available && !Deno.env.get("KLOAD_REQUIRE_TOOLS");

for (const file of FILES) {
  const name = `the header readers agree with readelf on ${file}`;
  Deno.test({
    name: ignore ? `${name} (skipped: readelf is not installed)` : name,
    ignore,
    fn: async () => {
      assert(available, "KLOAD_REQUIRE_TOOLS is set, and readelf is not installed");
      const path = new URL(file, ROOT);
      const text = await readelf(path);
      const bytes = await Deno.readFile(path);
      const header = readFileHeader(elfReader(bytes, { subject: "the test", fileOffset: 0 }));
      assertEquals(header, printedHeader(text));

      const { EI_CLASS, e_phoff, e_phentsize, e_phnum } = header;
      const table = elfReader(bytes.subarray(Number(e_phoff)), { subject: "the test", fileOffset: Number(e_phoff) });
      const headers = Array.from({ length: e_phnum }, (_, index) => {
        return readProgramHeader(table, index * e_phentsize, index, EI_CLASS);
      });
      assert(headers.length > 0);
      assertEquals(headers.map(({ index }) => index), [...headers.keys()]);
      assertEquals(headers.map(asPrinted), printedProgramHeaders(text));
    },
  });
}
