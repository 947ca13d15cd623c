/**
 * Symbols (gABI, "Symbol Table"), as they are in the file.
 *
 * @module
 */

import { ELFCLASS64 } from "./constants.ts";
import type { ElfReader } from "./reader.ts";

/** An `Elf64_Sym` or `Elf32_Sym`, unchecked. */
export interface ElfSymbol {
  /** Offset of its name in the string table. */
  readonly st_name: number;
  /** Binding in the upper four bits, type in the lower four. */
  readonly st_info: number;
  /** Visibility in the lower two bits. */
  readonly st_other: number;
  /** Index of the section that it is defined in; 0 (`SHN_UNDEF`) if it is undefined. */
  readonly st_shndx: number;
  /** Its value, usually a virtual address. */
  readonly st_value: bigint;
  /** Number of bytes; 0 if unknown. */
  readonly st_size: bigint;
}

// Offsets in bytes: gABI, "Symbol Table", figures of Elf32_Sym and Elf64_Sym. st_name is the first field of both.
const ELF64 = { st_info: 4, st_other: 5, st_shndx: 6, st_value: 8, st_size: 16 };
const ELF32 = { st_info: 12, st_other: 13, st_shndx: 14, st_value: 4, st_size: 8 };

/**
 * Reads one symbol in the layout of the file's class. Nothing is checked.
 *
 * @param reader A reader over the symbol table, or part of it.
 * @param offset Offset of the symbol in it.
 * @param fileClass The file's `EI_CLASS`.
 * @returns The raw symbol; 32-bit fields are widened.
 * @throws {LoadError} "file-too-short" if the table ends inside the symbol.
 */
export function readSymbol(reader: ElfReader, offset: number, fileClass: number): ElfSymbol {
  const wide = fileClass === ELFCLASS64;
  const at = wide ? ELF64 : ELF32;
  return {
    st_name: reader.u32(offset),
    st_info: reader.u8(offset + at.st_info),
    st_other: reader.u8(offset + at.st_other),
    st_shndx: reader.u16(offset + at.st_shndx),
    st_value: reader.word(offset + at.st_value, wide),
    st_size: reader.word(offset + at.st_size, wide),
  };
}

/**
 * Returns the binding of a symbol, such as 2 (`STB_WEAK`).
 *
 * @param symbol The symbol.
 * @returns The upper four bits of its `st_info`.
 */
export function symbolBinding({ st_info }: Pick<ElfSymbol, "st_info">): number {
  return st_info >> 4;
}

/**
 * Returns the type of a symbol, such as 6 (`STT_TLS`).
 *
 * @param symbol The symbol.
 * @returns The lower four bits of its `st_info`.
 */
export function symbolType({ st_info }: Pick<ElfSymbol, "st_info">): number {
  return st_info & 0xf;
}
