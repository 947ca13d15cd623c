/**
 * Where in the file fields are that break a rule.
 *
 * @module
 */

import { ELFCLASS64 } from "../../core/elf/constants.ts";
import { type ProgramHeader, programHeaderOffsets } from "../../core/elf/program_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { NamedRange } from "../rule.ts";
import type { LimineImage } from "./image.ts";

/**
 * Points to a field of a program header.
 *
 * @param view The file.
 * @param header The program header.
 * @param field The field.
 * @returns Its index, and the file offset of the field.
 */
export function fieldOf(
  { header: { e_phoff, e_phentsize } }: LimineImage,
  { index }: ProgramHeader,
  field: keyof ReturnType<typeof programHeaderOffsets>,
): { readonly index: number; readonly offset: number } {
  const offset = Number(e_phoff) + index * e_phentsize + programHeaderOffsets(ELFCLASS64)[field];
  return { index, offset };
}

/**
 * Names the addresses of a segment.
 *
 * @param header Its program header.
 * @returns The range.
 */
export function memoryRange({ index, p_vaddr, p_memsz }: ProgramHeader): NamedRange {
  return { name: `program header ${index}`, start: p_vaddr, end: p_vaddr + p_memsz };
}

/**
 * Names a segment with its addresses, in a sentence.
 *
 * @param header Its program header.
 * @returns Text such as "program header 1 (0x1000..0x2000)".
 */
export function describeLoad({ index, p_vaddr, p_memsz }: ProgramHeader): string {
  return `program header ${index} (${hexRange(p_vaddr, p_memsz)})`;
}

/**
 * Formats the flags of a segment.
 *
 * @param header Its program header.
 * @returns Text such as "R-X".
 */
export function flagsOf({ p_flags }: ProgramHeader): string {
  return [[4, "R"], [2, "W"], [1, "X"]].map(([bit, letter]) => p_flags & Number(bit) ? letter : "-").join("");
}

/**
 * Says where a tag is.
 *
 * @param place Its address and its file offset, if it has one.
 * @returns Text such as "0xffffffff80002000 (file offset 0x2000)".
 */
export function describePlace({ address, offset }: { readonly address: bigint; readonly offset?: number }): string {
  return hexAddr(address) + (offset === undefined ? "" : ` (file offset ${hexAddr(offset)})`);
}
