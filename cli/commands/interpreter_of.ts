/**
 * Finds the dynamic linker that a user program names.
 *
 * @module
 */

import { NO_INTERPRETER, PT_INTERP } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { readString } from "../../core/elf/strings.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";

/** PATH_MAX of Linux: the longest path of an interpreter. */
const PATH_MAX = 4096;

/**
 * Finds the interpreter that makes a file a user program (gABI, "Program Interpreter").
 *
 * @param file The file.
 * @param programHeaders Its program headers.
 * @returns The interpreter, if the file names one.
 */
export async function interpreterOf(
  file: KeptFile,
  programHeaders: readonly ProgramHeader[],
): Promise<{ readonly interpreter?: string }> {
  const header = programHeaders.find(({ p_type, p_filesz }) => p_type === PT_INTERP && p_filesz > 0n);
  if (!header) return {};
  const [offset, size] = [Number(header.p_offset), Math.min(Number(header.p_filesz), PATH_MAX)];
  await file.keep(offset, size);
  const { text } = readString(file.bytes(offset, size));
  return text === "" || text === NO_INTERPRETER ? {} : { interpreter: text };
}
