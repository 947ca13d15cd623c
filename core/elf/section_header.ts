/**
 * Section headers (gABI, "Section Header Table"), as they are in the file.
 *
 * @module
 */

import { ELFCLASS64 } from "./constants.ts";
import type { ElfReader } from "./reader.ts";

/** An `Elf64_Shdr` or `Elf32_Shdr`, unchecked. */
export interface SectionHeader {
  /** Index in the section header table. */
  readonly index: number;
  /** Its name; empty if it has none or it cannot be read. */
  readonly name: string;
  /** Offset of its name in the section name string table. */
  readonly sh_name: number;
  /** Type of the section, such as 2 (`SHT_SYMTAB`). */
  readonly sh_type: number;
  /** Flags, such as 2 (`SHF_ALLOC`). */
  readonly sh_flags: bigint;
  /** Virtual address, if it is loaded; otherwise 0. */
  readonly sh_addr: bigint;
  /** File offset of its first byte. */
  readonly sh_offset: bigint;
  /** Number of bytes. */
  readonly sh_size: bigint;
  /** Index of a related section: for a symbol table, its string table. */
  readonly sh_link: number;
  /** Extra information: for a symbol table, the index of the first non-local symbol. */
  readonly sh_info: number;
  /** Alignment; in valid files 0, 1, or another power of two. */
  readonly sh_addralign: bigint;
  /** Size of each entry in bytes, if it is a table. */
  readonly sh_entsize: bigint;
}

// Offsets in bytes: gABI, "Section Header Table", figures of Elf32_Shdr and Elf64_Shdr. The first two fields have the
// same offsets in both.
const ELF64 = {
  sh_flags: 8,
  sh_addr: 16,
  sh_offset: 24,
  sh_size: 32,
  sh_link: 40,
  sh_info: 44,
  sh_addralign: 48,
  sh_entsize: 56,
};
const ELF32 = {
  sh_flags: 8,
  sh_addr: 12,
  sh_offset: 16,
  sh_size: 20,
  sh_link: 24,
  sh_info: 28,
  sh_addralign: 32,
  sh_entsize: 36,
};

/**
 * Reads one section header in the layout of the file's class. Nothing is checked.
 *
 * @param reader A reader over the section header table.
 * @param offset Offset of the header in the table.
 * @param index The header's index.
 * @param fileClass The file's `EI_CLASS`.
 * @returns The raw header, without its name; 32-bit fields are widened.
 * @throws {LoadError} "file-too-short" if the table ends inside the header.
 */
export function readSectionHeader(reader: ElfReader, offset: number, index: number, fileClass: number): SectionHeader {
  const wide = fileClass === ELFCLASS64;
  const at = wide ? ELF64 : ELF32;
  return {
    index,
    name: "",
    sh_name: reader.u32(offset),
    sh_type: reader.u32(offset + 4),
    sh_flags: reader.word(offset + at.sh_flags, wide),
    sh_addr: reader.word(offset + at.sh_addr, wide),
    sh_offset: reader.word(offset + at.sh_offset, wide),
    sh_size: reader.word(offset + at.sh_size, wide),
    sh_link: reader.u32(offset + at.sh_link),
    sh_info: reader.u32(offset + at.sh_info),
    sh_addralign: reader.word(offset + at.sh_addralign, wide),
    sh_entsize: reader.word(offset + at.sh_entsize, wide),
  };
}
