/**
 * The table of program headers, with a remark on each.
 *
 * @module
 */

import type { ProgramHeader } from "../../mod.ts";
import { segmentTypeName } from "../../core/elf/constants.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { hex, hexRange, wrapsAround } from "../output/text.ts";
import { flagLetters } from "../../core/elf/permission_letters.ts";

const TITLES = ["#", "type", "flags", "file range", "virtual range", "align"];

/**
 * Lays out the program headers.
 *
 * @param programHeaders The headers.
 * @param offset What is added to their virtual addresses, modulo 2^64.
 * @param remarkOn Returns the remark on a header; an empty one takes no line.
 * @param paint The colors and the width.
 * @returns The lines, titles first.
 */
export function headersTable(
  programHeaders: readonly ProgramHeader[],
  offset: bigint,
  remarkOn: (phdr: ProgramHeader) => string,
  paint: Paint,
): readonly string[] {
  const toRow = (phdr: ProgramHeader): Row => {
    const { index, p_type, p_flags, p_offset, p_vaddr, p_filesz, p_memsz, p_align } = phdr;
    const cells = [
      `${index}`,
      segmentTypeName(p_type),
      flagLetters(p_flags),
      p_filesz === 0n ? "-" : hexRange(p_offset, p_filesz),
      p_memsz === 0n ? "-" : hexRange(p_vaddr + offset, p_memsz),
      hex(p_align),
    ];
    const wrapping = [
      ...(wrapsAround(p_offset, p_filesz) ? ["its file range wraps around 2^64"] : []),
      ...(wrapsAround(p_vaddr + offset, p_memsz) ? ["its virtual range wraps around 2^64"] : []),
    ];
    return { cells, remark: [remarkOn(phdr), ...wrapping].filter((text) => text !== "").join("; ") };
  };
  return table(TITLES, programHeaders, toRow, paint);
}
