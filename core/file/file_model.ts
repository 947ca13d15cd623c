/**
 * One model of a file for everything that looks at it without loading it: its bytes, and its ELF headers as far as they
 * can be read. Nothing is refused, because other loaders accept what this one does not.
 *
 * @module
 */

import { EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2MSB } from "../elf/constants.ts";
import { hasElfMagic } from "../elf/elf_magic.ts";
import { PT_DYNAMIC, PT_LOAD, PT_NOTE, RECORD_SIZES, type RecordSizes, SHT_SYMTAB } from "../elf/constants.ts";
import { type FileHeader, readFileHeader } from "../elf/file_header.ts";
import { type ProgramHeader, readProgramHeader } from "../elf/program_header.ts";
import { type ElfReader, elfReader } from "../elf/reader.ts";
import { readSectionHeader, type SectionHeader } from "../elf/section_header.ts";
import { readString } from "../elf/strings.ts";
import type { KeptFile } from "./kept_file.ts";

/** What is read of a file: boot protocols and loaders name the parts that they look at. */
export type FilePart =
  /** The first {@linkcode HEAD_SIZE} bytes. */
  | "head"
  /** The file bytes of every `PT_NOTE`. */
  | "notes"
  /** The section headers, with their names, and the bytes of those with at most {@linkcode SMALL_SECTION}. */
  | "sections"
  /** The file bytes of every `PT_LOAD`. */
  | "image"
  /** The symbol table with its strings. */
  | "symbols"
  /** The bytes of every `PT_DYNAMIC`. */
  | "dynamic"
  /** Its length, for which a stream is read to its end. */
  | "length";

/** The size of the first part of a file, in which all formats and boot protocols have their magic numbers. */
export const HEAD_SIZE = 0x9000;

/** The most bytes of a section that is read with the section headers: enough for the headers of boot protocols. */
export const SMALL_SECTION = 256;

/** A file as it is looked at. */
export interface FileModel {
  /** The file's length, if it is known; otherwise the number of bytes that have arrived, all that were needed. */
  readonly length: number;
  /** Whether `length` is the file's length. */
  readonly isWhole: boolean;
  /** Returns a view of a part that was read; shorter, or empty, at the end of the file. */
  readonly bytes: (offset: number, length: number) => Uint8Array;
  /** Its ELF headers, if it starts with the ELF magic number and has the first header of its class. */
  readonly elf?: ElfModel;
}

/** The ELF headers of a file, unchecked. */
export interface ElfModel {
  /** The file header. */
  readonly fileHeader: FileHeader;
  /** Whether it is laid out as ELF64: `EI_CLASS` is 2. */
  readonly wide: boolean;
  /** Whether it is big-endian: `EI_DATA` is 2. */
  readonly bigEndian: boolean;
  /** The program headers, `e_phentsize` bytes apart; as many as the file has. */
  readonly programHeaders: readonly ProgramHeader[];
  /** The section headers, if they were read; as many as the file has. */
  readonly sections: readonly SectionHeader[];
}

/**
 * Reads parts of a file, and what they say about it.
 *
 * @param file The file; what is read of it is kept there.
 * @param parts The parts. The headers are always read.
 * @returns The model. It shows what the file had when it was read.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function readModel(file: KeptFile, parts: readonly FilePart[]): Promise<FileModel> {
  const wants = new Set(parts);
  if (wants.has("length")) await file.reach(Infinity);
  await file.keep(0, wants.has("head") ? HEAD_SIZE : RECORD_SIZES[ELFCLASS64].fileHeader);
  const elf = await readElf(file, wants);
  return {
    get length() {
      return file.length;
    },
    get isWhole() {
      return file.isWhole;
    },
    bytes: file.bytes,
    ...(elf === undefined ? {} : { elf }),
  };
}

/** The part of a kept file that models and recognizers use. */
export type FileBytes = Pick<FileModel, "bytes">;

/** Keeps a table of program headers, for every way to step through it. */
async function keepTable(file: KeptFile, { e_phoff, e_phentsize, e_phnum }: FileHeader, wide: boolean): Promise<void> {
  if (e_phnum === 0) return;
  const { programHeader } = sizesOf(wide);
  await file.keep(Number(e_phoff), Math.max(e_phentsize, programHeader) * e_phnum + programHeader);
}

async function readElf(file: KeptFile, wants: ReadonlySet<FilePart>): Promise<ElfModel | undefined> {
  const fileHeader = fileHeaderAs(file);
  if (!fileHeader) return undefined;
  await keepTable(file, fileHeader, fileHeader.EI_CLASS === ELFCLASS64);
  const asWide = fileHeaderAs(file, true); // as loaders see it that ignore the class
  if (asWide) await keepTable(file, asWide, true);
  const programHeaders = programHeadersAs(file);
  const otherHeaders = fileHeader.EI_CLASS === ELFCLASS64 ? [] : programHeadersAs(file, { wide: true });
  const sections = wants.has("sections") || wants.has("symbols") ? await readSections(file, fileHeader) : [];
  const types = [
    ...(wants.has("image") ? [PT_LOAD] : []),
    ...(wants.has("notes") ? [PT_NOTE] : []),
    ...(wants.has("dynamic") ? [PT_DYNAMIC] : []),
  ];
  const ranges = [...programHeaders, ...otherHeaders].filter(({ p_type, p_filesz }) =>
    types.includes(p_type) && p_filesz > 0n
  )
    .map(({ p_offset, p_filesz }) => ({ start: Number(p_offset), end: Number(p_offset) + Number(p_filesz) }));
  const small = sections.filter(({ sh_size }) => sh_size > 0n && sh_size <= SMALL_SECTION);
  const smallRanges = wants.has("sections") ? small.map(sectionRange) : [];
  await keepRanges(file, [...ranges, ...smallRanges, ...(wants.has("symbols") ? symbolRanges(sections) : [])]);
  const { EI_CLASS: fileClass, EI_DATA: encoding } = fileHeader;
  return {
    fileHeader,
    wide: fileClass === ELFCLASS64,
    bigEndian: encoding === ELFDATA2MSB,
    programHeaders,
    sections,
  };
}

/**
 * Reads the file header in a given layout, whatever its class says.
 *
 * @param file The file, with its first 64 bytes read.
 * @param wide Whether to read it as ELF64. Default: if `EI_CLASS` is 2.
 * @returns The header; `undefined` if the file does not start with the ELF magic number, or is shorter than a header.
 */
export function fileHeaderAs(file: FileBytes, wide?: boolean): FileHeader | undefined {
  const bytes = file.bytes(0, RECORD_SIZES[ELFCLASS64].fileHeader);
  if (!hasElfMagic(bytes)) return undefined;
  const layout = wide ?? bytes[EI_CLASS] === ELFCLASS64;
  if (bytes.length < sizesOf(layout).fileHeader) return undefined;
  return readFileHeader(readerAt(file, "the ELF file header", 0, bytes.length), layout);
}

/** How to read a table of program headers. */
export interface TableLayout {
  /** Whether headers are laid out as in ELF64. Default: if `EI_CLASS` is 2. */
  readonly wide?: boolean;
  /** How far apart they are, in bytes. Default: `e_phentsize`. */
  readonly stride?: number;
}

/**
 * Reads the program headers in a given layout: loaders disagree on which fields of the file header count.
 *
 * @param file The file, with its headers read.
 * @param layout The layout.
 * @returns The headers, up to the first that the file does not have whole. `e_phnum` is taken literally.
 */
export function programHeadersAs(file: FileBytes, layout: TableLayout = {}): readonly ProgramHeader[] {
  const header = fileHeaderAs(file, layout.wide);
  if (!header || header.e_phnum === 0) return [];
  const wide = layout.wide ?? header.EI_CLASS === ELFCLASS64;
  const { stride = header.e_phentsize } = layout;
  const { programHeader } = sizesOf(wide);
  const count = header.e_phnum;
  const table = readerAt(file, "the program header table", Number(header.e_phoff), stride * count + programHeader);
  const headers: ProgramHeader[] = [];
  for (let index = 0; index < count && index * stride + programHeader <= table.length; index++) {
    headers.push(readProgramHeader(table, index * stride, index, wide ? ELFCLASS64 : ELFCLASS32));
  }
  return headers;
}

/** The most bytes of names to read, of all sections and of one. */
const NAMES_MAX = 2 ** 24;
const NAME_MAX = 2 ** 10;

async function readSections(file: KeptFile, header: FileHeader): Promise<readonly SectionHeader[]> {
  const { e_shoff, e_shnum, e_shentsize, e_shstrndx, EI_CLASS: fileClass } = header;
  const { sectionHeader } = sizesOf(fileClass === ELFCLASS64);
  const start = Number(e_shoff);
  const size = e_shentsize * e_shnum;
  await file.keep(start, size);
  const table = readerAt(file, "the section header table", start, size);
  const sections: SectionHeader[] = [];
  for (let index = 0; index < e_shnum && index * e_shentsize + sectionHeader <= table.length; index++) {
    sections.push(readSectionHeader(table, index * e_shentsize, index, fileClass));
  }
  const names = sections[e_shstrndx];
  if (!names) return sections;
  const length = Math.min(Number(names.sh_size), NAMES_MAX);
  await file.keep(Number(names.sh_offset), length);
  const strings = file.bytes(Number(names.sh_offset), length);
  return sections.map((section) => ({ ...section, name: readString(strings, section.sh_name, NAME_MAX).text }));
}

/** A range of file offsets. */
interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** The largest gap between two ranges that is read too: that costs less than another read. */
const GAP = 4096;

/** Keeps ranges in the order of the file, neighbours as one. */
async function keepRanges(file: KeptFile, ranges: readonly FileRange[]): Promise<void> {
  let run: FileRange | undefined;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (run && start > run.end + GAP) {
      await file.keep(run.start, run.end - run.start);
      run = undefined;
    }
    run = { start: run?.start ?? start, end: Math.max(run?.end ?? 0, end) };
  }
  if (run) await file.keep(run.start, run.end - run.start);
}

function symbolRanges(sections: readonly SectionHeader[]): readonly FileRange[] {
  return sections.filter(({ sh_type }) => sh_type === SHT_SYMTAB)
    .flatMap((table) => [table, sections[table.sh_link]])
    .filter((section) => section !== undefined)
    .map(sectionRange);
}

function sectionRange({ sh_offset, sh_size }: SectionHeader): FileRange {
  return { start: Number(sh_offset), end: Number(sh_offset) + Number(sh_size) };
}

/**
 * Creates a reader of a part of a file, in the file's byte order.
 *
 * @param file The file, with that part read.
 * @param subject The name of the part, for errors.
 * @param offset Its offset in the file.
 * @param length The number of bytes, or more than the file has.
 * @returns The reader.
 */
export function readerAt(file: FileBytes, subject: string, offset: number, length: number): ElfReader {
  const bigEndian = file.bytes(EI_DATA, 1)[0] === ELFDATA2MSB;
  return elfReader(file.bytes(offset, length), { subject, fileOffset: offset, bigEndian });
}

function sizesOf(wide: boolean): RecordSizes {
  return RECORD_SIZES[wide ? ELFCLASS64 : ELFCLASS32];
}
