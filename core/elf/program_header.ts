/**
 * Program headers (gABI, "Program Header"), as they are in the file and as sanity-check passes them on.
 *
 * @module
 */

import { ELFCLASS64 } from "./constants.ts";
import type { ElfReader } from "./reader.ts";

/** An `Elf64_Phdr` or `Elf32_Phdr`, unchecked. */
export interface ProgramHeader {
  /** Index in the program header table. */
  readonly index: number;
  /** Type of the segment, such as 1 (`PT_LOAD`). */
  readonly p_type: number;
  /** Permissions: 1 `PF_X`, 2 `PF_W`, 4 `PF_R`. */
  readonly p_flags: number;
  /** File offset of the segment's first byte. */
  readonly p_offset: bigint;
  /** Virtual address of its first byte. */
  readonly p_vaddr: bigint;
  /** Physical address, if it is relevant. */
  readonly p_paddr: bigint;
  /** Number of bytes in the file. */
  readonly p_filesz: bigint;
  /** Number of bytes in memory. */
  readonly p_memsz: bigint;
  /** Alignment; in valid files 0, 1, or another power of two. */
  readonly p_align: bigint;
}

/** A program header that passed sanity-check. */
export interface Segment extends ProgramHeader {
  /**
   * What to load, as exact numbers; only present for a `PT_LOAD` that is not skipped. Addresses are the low 48 bits,
   * without sign extension.
   */
  readonly load?: {
    /** Low 48 bits of the virtual address of the first byte, including the virtual address offset. */
    readonly start: number;
    /** Number of bytes in memory; at least `fileSize`, unless the rule set accepts less. */
    readonly memSize: number;
    /** File offset of the first byte. */
    readonly fileOffset: number;
    /** Number of bytes in the file. */
    readonly fileSize: number;
  };
  /** How plugins claim it, if any do. */
  readonly claim?: {
    /** Whether a handler reads the header's file bytes, so they must be kept. */
    readonly readsFile: boolean;
  };
}

/** The range that a segment loads. */
export type LoadRange = NonNullable<Segment["load"]>;

/** How plugins claim a program header. */
export type HeaderClaim = NonNullable<Segment["claim"]>;

/**
 * Whether the bytes of a range must be copied because address and offset are at different positions in their pages.
 *
 * @param load The range.
 * @returns True if they are not congruent modulo 4096 and there are file bytes.
 */
export function isMisaligned({ start, fileOffset, fileSize }: LoadRange): boolean {
  return fileSize > 0 && (start - fileOffset) % 4096 !== 0;
}

// Offsets in bytes: gABI, "Program Header", figures of Elf32_Phdr and Elf64_Phdr. p_type is the first field of both.
const ELF64 = { p_flags: 4, p_offset: 8, p_vaddr: 16, p_paddr: 24, p_filesz: 32, p_memsz: 40, p_align: 48 };
const ELF32 = { p_flags: 24, p_offset: 4, p_vaddr: 8, p_paddr: 12, p_filesz: 16, p_memsz: 20, p_align: 28 };

/** The offsets of the fields after `p_type`, by class: 64-bit for {@linkcode ELFCLASS64}, otherwise 32-bit. */
export function programHeaderOffsets(fileClass: number): typeof ELF64 {
  return fileClass === ELFCLASS64 ? ELF64 : ELF32;
}

/**
 * Reads one program header in the layout of the file's class. Nothing is checked.
 *
 * @param reader A reader over the program header table.
 * @param offset Offset of the header in the table.
 * @param index The header's index.
 * @param fileClass The file's `EI_CLASS`.
 * @returns The raw header; 32-bit fields are widened.
 * @throws {LoadError} "file-too-short" if the table ends inside the header.
 */
export function readProgramHeader(reader: ElfReader, offset: number, index: number, fileClass: number): ProgramHeader {
  const wide = fileClass === ELFCLASS64;
  const at = programHeaderOffsets(fileClass);
  return {
    index,
    p_type: reader.u32(offset),
    p_flags: reader.u32(offset + at.p_flags),
    p_offset: reader.word(offset + at.p_offset, wide),
    p_vaddr: reader.word(offset + at.p_vaddr, wide),
    p_paddr: reader.word(offset + at.p_paddr, wide),
    p_filesz: reader.word(offset + at.p_filesz, wide),
    p_memsz: reader.word(offset + at.p_memsz, wide),
    p_align: reader.word(offset + at.p_align, wide),
  };
}
