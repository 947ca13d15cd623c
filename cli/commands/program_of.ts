/**
 * Finds the dynamic linker that a user program names, or the operating system that it is for.
 *
 * @module
 */

import { NO_INTERPRETER, PT_INTERP } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { readString } from "../../core/elf/strings.ts";
import { abiTagOf } from "../../core/file/abi_tag.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";

/** PATH_MAX of Linux: the longest path of an interpreter. */
const PATH_MAX = 4096;

/**
 * Finds what makes a file a user program: the interpreter that it names (gABI, "Program Interpreter"), or the system
 * that a note names.
 *
 * @param file The file.
 * @param programHeaders Its program headers.
 * @param withNotes The same file, if its notes were read.
 * @returns The interpreter or else the system, if the file names one.
 */
export async function programOf(
  file: KeptFile,
  programHeaders: readonly ProgramHeader[],
  withNotes: FileModel | undefined,
): Promise<{ readonly interpreter?: string; readonly system?: string }> {
  const header = programHeaders.find(({ p_type, p_filesz }) => p_type === PT_INTERP && p_filesz > 0n);
  if (!header) return withNotes ? systemOf(withNotes) : {};
  const [offset, size] = [Number(header.p_offset), Math.min(Number(header.p_filesz), PATH_MAX)];
  await file.keep(offset, size);
  const { text } = readString(file.bytes(offset, size));
  return text === "" || text === NO_INTERPRETER ? {} : { interpreter: text };
}

function systemOf(model: FileModel): { readonly system?: string } {
  const tag = abiTagOf(model);
  return tag ? { system: `${tag.system} ${tag.version}` } : {};
}
