/**
 * The note that says which operating system a program is for.
 *
 * @module
 */

import { ET_DYN, ET_EXEC, PT_NOTE } from "../elf/constants.ts";
import { readNotes } from "../elf/notes.ts";
import { elfReader } from "../elf/reader.ts";
import type { FileModel } from "./file_model.ts";

/** What the note says. */
export interface AbiTag {
  /** Index of the program header that it is in. */
  readonly index: number;
  /** File offset of the note. */
  readonly offset: number;
  /** The operating system, such as "Linux". */
  readonly system: string;
  /** The oldest version of it, such as "3.2.0". */
  readonly version: string;
}

/** The most `PT_NOTE` headers to look at, and bytes of each. */
const HEADERS_MAX = 16;
const NOTES_MAX = 2 ** 12;

/** `type` of a note with owner "GNU": the operating system that a program is for, and its oldest version. */
const NT_GNU_ABI_TAG = 1;

/** The first word of that note's descriptor. */
const SYSTEMS: readonly string[] = ["Linux", "Hurd", "Solaris", "FreeBSD"];

/**
 * Finds the note of an executable that says which operating system it is a program for (Linux Standard Base, "ABI note
 * tag").
 *
 * @param file The file, with its notes read.
 * @returns What it says; `undefined` if there is none.
 */
export function abiTagOf(file: FileModel): AbiTag | undefined {
  const { elf } = file;
  if (!elf || elf.bigEndian || ![ET_EXEC, ET_DYN].includes(elf.fileHeader.e_type)) return undefined;
  const headers = elf.programHeaders.filter(({ p_type }) => p_type === PT_NOTE).slice(0, HEADERS_MAX);
  for (const { index, p_offset, p_filesz, p_align } of headers) {
    const start = Number(p_offset);
    const { notes } = readNotes(file.bytes(start, Math.min(Number(p_filesz), NOTES_MAX)), start, p_align);
    const tag = notes.find(({ owner, type, descriptor }) =>
      owner === "GNU" && type === NT_GNU_ABI_TAG && descriptor.length >= 16
    );
    if (!tag) continue;
    const reader = elfReader(tag.descriptor, { subject: "the ABI tag" });
    const [system, ...version] = [0, 4, 8, 12].map((at) => reader.u32(at));
    if (SYSTEMS[system] === undefined) continue;
    return { index, offset: tag.fileOffset, system: SYSTEMS[system], version: version.join(".") };
  }
  return undefined;
}
