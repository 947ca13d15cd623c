/**
 * A kernel as GRUB's Multiboot commands read it: the first bytes into a buffer, and fields as they are.
 *
 * @module
 */

import { EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64 } from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { ELFDATA2LSB, PT_LOAD, RECORD_SIZES } from "../../core/elf/constants.ts";
import { type FileHeader, readFileHeader } from "../../core/elf/file_header.ts";
import { type ProgramHeader, readProgramHeader } from "../../core/elf/program_header.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { readSectionHeader } from "../../core/elf/section_header.ts";
import type { FileModel } from "../../core/file/file_model.ts";

/** The ELF headers as GRUB reads them: little-endian, in the layout of `EI_CLASS`. */
export interface GrubElf {
  /** Whether the file starts with the ELF magic number. */
  readonly hasMagic: boolean;
  /** Whether `EI_DATA` says little-endian. */
  readonly isLittleEndian: boolean;
  /** The file header. */
  readonly fileHeader: FileHeader;
  /** Whether it is laid out as ELF64. */
  readonly wide: boolean;
  /** Where the program header table ends. */
  readonly tableEnd: bigint;
  /** The program headers; none if their table ends too far from the start. */
  readonly programHeaders: readonly GrubProgramHeader[];
  /** Those of them that are loaded: `PT_LOAD`. */
  readonly loads: readonly GrubProgramHeader[];
}

/** A program header, and where it lies. */
export interface GrubProgramHeader extends ProgramHeader {
  /** Its file offset. */
  readonly at: number;
}

/** A section that GRUB looks at. */
export interface GrubSection {
  /** Its index. */
  readonly index: number;
  /** File offset of its header. */
  readonly at: number;
  /** Its type. */
  readonly sh_type: number;
  /** Its address; 0 if no segment loads it. */
  readonly sh_addr: bigint;
  /** File offset of its first byte. */
  readonly sh_offset: bigint;
  /** Its size in bytes. */
  readonly sh_size: bigint;
  /** Its alignment. */
  readonly sh_addralign: bigint;
}

/** What marks an allocated block of GRUB's heap, eight bytes into its header of 16. */
export const HEAP_MAGIC = 0x6db0_8fa4;

const MASK = { narrow: 2n ** 32n - 1n, wide: 2n ** 64n - 1n };

/**
 * Reads the ELF headers out of the bytes that GRUB has in its buffer.
 *
 * @param bytes These bytes; what follows them counts as 0.
 * @param search The size of the buffer.
 * @returns The headers; `undefined` if the class is neither 32-bit nor 64-bit.
 */
export function readGrubElf(bytes: Uint8Array, search: number): GrubElf | undefined {
  const fileClass = bytes[EI_CLASS];
  if (fileClass !== ELFCLASS32 && fileClass !== ELFCLASS64) return undefined;
  const wide = fileClass === ELFCLASS64;
  const { programHeader } = RECORD_SIZES[fileClass];
  const buffer = new Uint8Array(search + programHeader);
  buffer.set(bytes);
  const reader = elfReader(buffer, { subject: "the first bytes", fileOffset: 0 });
  const fileHeader = readFileHeader(reader, wide);
  const { e_phoff, e_phnum, e_phentsize } = fileHeader;
  const tableEnd = (e_phoff + BigInt(e_phnum * e_phentsize)) & (wide ? MASK.wide : MASK.narrow);
  const isReadable = tableEnd <= BigInt(search) && e_phoff <= BigInt(search);
  const programHeaders = Array.from({ length: isReadable ? e_phnum : 0 }, (_, index): GrubProgramHeader => {
    const at = Number(e_phoff) + index * e_phentsize;
    return { ...readProgramHeader(reader, at, index, fileClass), at };
  });
  return {
    hasMagic: hasElfMagic(bytes),
    isLittleEndian: bytes[EI_DATA] === ELFDATA2LSB,
    fileHeader,
    wide,
    tableEnd,
    programHeaders,
    loads: programHeaders.filter(({ p_type }) => p_type === PT_LOAD),
  };
}

/**
 * Whether the file has the section header table whole.
 *
 * @param elf The ELF headers.
 * @param length The file's length.
 * @returns Whether the table ends in it.
 */
export function hasSectionTable({ fileHeader: { e_shoff, e_shnum, e_shentsize } }: GrubElf, length: number): boolean {
  return e_shoff + BigInt(e_shnum * e_shentsize) <= BigInt(length);
}

/**
 * Reads the section headers.
 *
 * @param model The file, with its section headers read.
 * @param elf Its ELF headers.
 * @returns The sections; none if the file does not have their table whole.
 */
export function readGrubSections(model: FileModel, elf: GrubElf): readonly GrubSection[] {
  const { e_shoff, e_shnum, e_shentsize } = elf.fileHeader;
  if (e_shnum === 0 || !hasSectionTable(elf, model.length)) return [];
  const fileClass = elf.wide ? ELFCLASS64 : ELFCLASS32;
  const start = Number(e_shoff);
  const table = new Uint8Array(e_shnum * e_shentsize + RECORD_SIZES[fileClass].sectionHeader);
  table.set(model.bytes(start, e_shnum * e_shentsize));
  // Headers that are told to be closer together than they are long end in the header of the heap's next block.
  new DataView(table.buffer).setUint32(Math.ceil(e_shnum * e_shentsize / 16) * 16 + 8, HEAP_MAGIC, true);
  const reader = elfReader(table, { subject: "the section header table", fileOffset: start });
  return Array.from({ length: e_shnum }, (_, index) => {
    const offset = index * e_shentsize;
    const { sh_type, sh_addr, sh_offset, sh_size, sh_addralign } = readSectionHeader(reader, offset, index, fileClass);
    return { index, at: start + offset, sh_type, sh_addr, sh_offset, sh_size, sh_addralign };
  });
}

/**
 * Whether GRUB loads a section in addition to the segments: it has a size, and no address.
 *
 * @param section A section.
 * @returns Whether GRUB loads it.
 */
export function isLoadedByItself({ sh_addr, sh_size }: Pick<GrubSection, "sh_addr" | "sh_size">): boolean {
  return sh_addr === 0n && sh_size > 0n;
}
