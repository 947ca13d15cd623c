/**
 * The headers of an ELF file, as far as they can be read.
 *
 * @module
 */

import {
  EI_CLASS,
  EI_DATA,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2MSB,
  PN_XNUM,
  RECORD_SIZES,
  type RecordSizes,
  SHN_XINDEX,
} from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { type FileHeader, readFileHeader } from "../../core/elf/file_header.ts";
import { type ProgramHeader, readProgramHeader } from "../../core/elf/program_header.ts";
import { type ElfReader, elfReader } from "../../core/elf/reader.ts";
import { readSectionHeader, type SectionHeader } from "../../core/elf/section_header.ts";
import { readString } from "../../core/elf/strings.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { Pause } from "../../core/intake/pause.ts";

/** The file header and the section headers of a file. */
export interface ElfTables {
  /** The file header. */
  readonly fileHeader: FileHeader;
  /** Whether it is laid out as ELF64. */
  readonly wide: boolean;
  /** Whether it is big-endian. */
  readonly bigEndian: boolean;
  /** The sizes of its records. */
  readonly sizes: RecordSizes;
  /** The section headers with their names; none if the file does not have all of them. */
  readonly sections: readonly SectionHeader[];
}

/** The most headers of a kind to read: more than their 16-bit numbers can count, few enough to take little memory. */
const HEADERS_MAX = 2 ** 17;

/** The most bytes of names to read, of all sections and of one. */
const NAMES_MAX = 2 ** 24;
const NAME_MAX = 2 ** 10;

/** How many names to read between pauses. */
const BATCH = 256;

/**
 * Reads the file header and the section headers with their names, and nothing else of a file.
 *
 * @param file The file.
 * @param pause The pause of the work.
 * @returns The headers; `undefined` if it is not an ELF file of 32 or 64 bits.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function readElfTables(file: KeptFile, pause: Pause): Promise<ElfTables | undefined> {
  await file.keep(0, RECORD_SIZES[ELFCLASS64].fileHeader);
  const head = file.bytes(0, RECORD_SIZES[ELFCLASS64].fileHeader);
  const fileClass = head[EI_CLASS];
  if (!hasElfMagic(head) || (fileClass !== ELFCLASS32 && fileClass !== ELFCLASS64)) return undefined;
  const sizes = RECORD_SIZES[fileClass];
  if (head.length < sizes.fileHeader) return undefined;
  const bigEndian = head[EI_DATA] === ELFDATA2MSB;
  const fileHeader = readFileHeader(elfReader(head, { subject: "the ELF file header", bigEndian }));
  const layout = { fileHeader, wide: fileClass === ELFCLASS64, bigEndian, sizes };
  return { ...layout, sections: await readSections(file, layout, pause) };
}

type Layout = Omit<ElfTables, "sections">;

/** A table of headers, whole ones only. */
interface HeaderTable {
  readonly reader: ElfReader;
  readonly count: number;
}

/** Reads a table of headers; one whose headers are smaller than they must be has none. */
async function readTable(
  file: KeptFile,
  { bigEndian }: Layout,
  { offset, stride, size, count }: Record<"offset" | "stride" | "size" | "count", number>,
): Promise<HeaderTable> {
  const wanted = stride < size || offset === 0 ? 0 : Math.min(count, HEADERS_MAX);
  await file.keep(offset, wanted * stride);
  const bytes = file.bytes(offset, wanted * stride);
  const reader = elfReader(bytes, { subject: "a header table", fileOffset: offset, bigEndian });
  const whole = bytes.length < size ? 0 : Math.floor((bytes.length - size) / stride) + 1;
  return { reader, count: Math.min(wanted, whole) };
}

/**
 * Reads the program headers of a file.
 *
 * @param file The file.
 * @param tables Its other headers: a number of program headers that does not fit in `e_phnum` is in section header 0.
 * @returns The headers, as many as the file has.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function readProgramHeaders(file: KeptFile, tables: ElfTables): Promise<readonly ProgramHeader[]> {
  const { fileHeader: { EI_CLASS: fileClass, e_phoff, e_phentsize: stride, e_phnum }, sizes, sections } = tables;
  const count = e_phnum === PN_XNUM ? sections[0]?.sh_info ?? e_phnum : e_phnum;
  const table = await readTable(file, tables, { offset: Number(e_phoff), stride, size: sizes.programHeader, count });
  return Array.from({ length: table.count }, (_, index) => {
    return readProgramHeader(table.reader, index * stride, index, fileClass);
  });
}

/** Reads the section headers. Numbers that do not fit are in header 0 (gABI, "ELF Header", e_shnum, e_shstrndx). */
async function readSections(file: KeptFile, layout: Layout, pause: Pause): Promise<readonly SectionHeader[]> {
  const { fileHeader: { EI_CLASS: fileClass, e_shoff, e_shentsize: stride, e_shnum, e_shstrndx }, sizes } = layout;
  const place = { offset: Number(e_shoff), stride, size: sizes.sectionHeader };
  const first = await readTable(file, layout, { ...place, count: 1 });
  if (first.count === 0) return [];
  const { sh_size, sh_link } = readSectionHeader(first.reader, 0, 0, fileClass);
  const count = e_shnum === 0 ? Number(sh_size) : e_shnum;
  const table = await readTable(file, layout, { ...place, count });
  // What is cut off, or where there are more headers than sections can be, is no table of section headers.
  if (table.count < count) return [];
  const headers = Array.from({ length: table.count }, (_, index) => {
    return readSectionHeader(table.reader, index * stride, index, fileClass);
  });
  const names = headers[e_shstrndx === SHN_XINDEX ? sh_link : e_shstrndx];
  if (!names) return headers;
  const length = Math.min(Number(names.sh_size), NAMES_MAX);
  await file.keep(Number(names.sh_offset), length);
  const strings = file.bytes(Number(names.sh_offset), length);
  const named: SectionHeader[] = [];
  for (const header of headers) {
    named.push({ ...header, name: readString(strings, header.sh_name, NAME_MAX).text });
    const pausing = named.length % BATCH === 0 ? pause() : undefined;
    if (pausing) await pausing;
  }
  return named;
}
