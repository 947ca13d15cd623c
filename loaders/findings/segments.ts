/**
 * What findings have in common: the segments of a file that is for the processors that page findings are about.
 *
 * @module
 */

import { EM_386, EM_X86_64, ET_DYN, ET_EXEC, PT_LOAD } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import { hexRange } from "../../core/hex.ts";
import type { NamedRange } from "../rule.ts";

/** Size of a page, and a mask for the offset in it. */
export const PAGE = 0x1000n;

/** A range of addresses. */
export interface AddressRange {
  /** The first address. */
  readonly start: bigint;
  /** The address after its last byte. */
  readonly end: bigint;
}

/**
 * Finds the `PT_LOAD` headers that have memory.
 *
 * @param model The file.
 * @returns The headers; none if the file is not an executable.
 */
export function loadsOf({ elf }: FileModel): readonly ProgramHeader[] {
  if (!elf || ![ET_EXEC, ET_DYN].includes(elf.fileHeader.e_type)) return [];
  return elf.programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
}

/** Whether a file is for x86, whose pages have 4 KiB. */
export function isForX86({ elf }: FileModel): boolean {
  return elf !== undefined && !elf.bigEndian && [EM_386, EM_X86_64].includes(elf.fileHeader.e_machine);
}

/** The virtual addresses of a program header. */
export function virtualRange({ p_vaddr, p_memsz }: ProgramHeader): AddressRange {
  return { start: p_vaddr, end: p_vaddr + p_memsz };
}

/** The physical addresses of a program header. */
export function physicalRange({ p_paddr, p_memsz }: ProgramHeader): AddressRange {
  return { start: p_paddr, end: p_paddr + p_memsz };
}

/** The pages that a range touches. */
export function pagesOf({ start, end }: AddressRange): AddressRange {
  return { start: start - start % PAGE, end: (end + PAGE - 1n) / PAGE * PAGE };
}

/** Whether two ranges have an address in common. */
export function overlap(a: AddressRange, b: AddressRange): boolean {
  return a.start < b.end && b.start < a.end;
}

/** A range in a sentence. */
export function inWords({ start, end }: AddressRange): string {
  return hexRange(start, end - start);
}

/** A program header's range, for a picture. */
export function named({ index }: ProgramHeader, range: AddressRange): NamedRange {
  return { name: `program header ${index}`, ...range };
}
