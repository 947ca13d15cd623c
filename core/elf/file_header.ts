/**
 * The ELF file header (gABI, "ELF Header"), as it is in the file.
 *
 * @module
 */

import { EI_ABIVERSION, EI_CLASS, EI_DATA, EI_NIDENT, EI_OSABI, EI_VERSION, ELFCLASS64 } from "./constants.ts";
import type { ElfReader } from "./reader.ts";

/** An `Elf64_Ehdr` or `Elf32_Ehdr`, unchecked. The relevant bytes of `e_ident` are named after their indices. */
export interface FileHeader {
  /** Class: 1 is 32-bit, 2 is 64-bit. */
  readonly EI_CLASS: number;
  /** Data encoding: 1 is little-endian. */
  readonly EI_DATA: number;
  /** Version of the format: 1. */
  readonly EI_VERSION: number;
  /** Operating system or ABI. */
  readonly EI_OSABI: number;
  /** Version of that ABI. */
  readonly EI_ABIVERSION: number;
  /** Type of the file: 2 is `ET_EXEC`, 3 is `ET_DYN`. */
  readonly e_type: number;
  /** Machine: 62 is `EM_X86_64`. */
  readonly e_machine: number;
  /** Version of the format, as in `EI_VERSION`. */
  readonly e_version: number;
  /** Virtual address of the entry point. */
  readonly e_entry: bigint;
  /** File offset of the program header table. */
  readonly e_phoff: bigint;
  /** File offset of the section header table. */
  readonly e_shoff: bigint;
  /** Processor-specific flags. */
  readonly e_flags: number;
  /** Size of this header in bytes. */
  readonly e_ehsize: number;
  /** Size of one program header in bytes. */
  readonly e_phentsize: number;
  /** Number of program headers. */
  readonly e_phnum: number;
  /** Size of one section header in bytes. */
  readonly e_shentsize: number;
  /** Number of section headers. */
  readonly e_shnum: number;
  /** Index of the section that holds the section names. */
  readonly e_shstrndx: number;
}

// Offsets in bytes: gABI, "ELF Header", figures of Elf32_Ehdr and Elf64_Ehdr. The first four fields start at the same
// offsets in both; e_ehsize starts a run of six 16-bit fields.
export const E_TYPE = 16;
export const E_MACHINE = 18;
export const E_VERSION = 20;
export const E_ENTRY = 24;
const ELF64 = { e_phoff: 32, e_shoff: 40, e_flags: 48, e_ehsize: 52 };
const ELF32 = { e_phoff: 28, e_shoff: 32, e_flags: 36, e_ehsize: 40 };

/** The offsets of the other fields, by class: 64-bit for {@linkcode ELFCLASS64}, otherwise 32-bit. */
export function fileHeaderOffsets(fileClass: number): typeof ELF64 {
  return fileClass === ELFCLASS64 ? ELF64 : ELF32;
}

/**
 * Reads the class and the other bytes of `e_ident`, which determine how to read the rest.
 *
 * @param reader A reader over the file's first 16 bytes or more.
 * @returns The bytes of `e_ident`, by name.
 * @throws {LoadError} "file-too-short" if there are fewer than 16 bytes.
 */
export function readIdent(
  reader: ElfReader,
): Pick<FileHeader, "EI_CLASS" | "EI_DATA" | "EI_VERSION" | "EI_OSABI" | "EI_ABIVERSION"> {
  reader.u8(EI_NIDENT - 1);
  return {
    EI_CLASS: reader.u8(EI_CLASS),
    EI_DATA: reader.u8(EI_DATA),
    EI_VERSION: reader.u8(EI_VERSION),
    EI_OSABI: reader.u8(EI_OSABI),
    EI_ABIVERSION: reader.u8(EI_ABIVERSION),
  };
}

/**
 * Reads the file header. Nothing is checked.
 *
 * @param reader A reader over the file's first bytes.
 * @param wide Whether to read it as an `Elf64_Ehdr`. Default: if its class is 2.
 * @returns The raw header; 32-bit addresses and offsets are widened.
 * @throws {LoadError} "file-too-short" if there are fewer bytes than the header of the class has.
 */
export function readFileHeader(reader: ElfReader, wide: boolean = isWide(reader)): FileHeader {
  const ident = readIdent(reader);
  const at = wide ? ELF64 : ELF32;
  return {
    ...ident,
    e_type: reader.u16(E_TYPE),
    e_machine: reader.u16(E_MACHINE),
    e_version: reader.u32(E_VERSION),
    e_entry: reader.word(E_ENTRY, wide),
    e_phoff: reader.word(at.e_phoff, wide),
    e_shoff: reader.word(at.e_shoff, wide),
    e_flags: reader.u32(at.e_flags),
    e_ehsize: reader.u16(at.e_ehsize),
    e_phentsize: reader.u16(at.e_ehsize + 2),
    e_phnum: reader.u16(at.e_ehsize + 4),
    e_shentsize: reader.u16(at.e_ehsize + 6),
    e_shnum: reader.u16(at.e_ehsize + 8),
    e_shstrndx: reader.u16(at.e_ehsize + 10),
  };
}

function isWide(reader: ElfReader): boolean {
  return reader.u8(EI_CLASS) === ELFCLASS64;
}
