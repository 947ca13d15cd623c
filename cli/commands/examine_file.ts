/**
 * Finds out what a file is: its format, its ELF headers, the boot protocols that it is made for.
 *
 * @module
 */

import { PT_INTERP } from "../../core/elf/constants.ts";
import { readString } from "../../core/elf/strings.ts";
import { type FileModel, type FilePart, HEAD_SIZE, readModel } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { identify } from "../../formats/identify.ts";
import { LoadError } from "../../mod.ts";
import { PROTOCOL_PARTS, protocolsOf } from "../../protocols/recognize.ts";
import type { ExaminedFile } from "../report/examined_file.ts";

/** What to read of a file: parts, or fewer of them if they are more than may be kept. */
export type Selections = readonly (readonly FilePart[])[];

/** Reads only what lies near the start of most files. */
export const QUICK_LOOK: Selections = [["head", "notes"], ["head"]];

/** Reads all that boot protocols look at. */
const FULL_LOOK: Selections = [
  [...new Set<FilePart>(["head", "notes", "sections", ...PROTOCOL_PARTS])],
  ["head", "notes", "image"],
  ...QUICK_LOOK,
];

/** PATH_MAX of Linux: the longest path of an interpreter. */
const PATH_MAX = 4096;

/** The interpreter that kernels of FreeBSD name, so that nothing runs them as programs. */
const NO_INTERPRETER = "/red/herring";

/**
 * Finds out what a file is.
 *
 * @param file The file. Its first bytes are read; of an ELF file also the headers, notes, section names and the bytes of
 * its segments, as far as they fit into what may be kept.
 * @param selections What to read of an ELF file.
 * @returns What it is.
 * @throws {LoadError} "source-failed" if the source fails.
 */
export async function examineFile(file: KeptFile, selections: Selections = FULL_LOOK): Promise<ExaminedFile> {
  await file.keep(0, HEAD_SIZE);
  const format = identify(file.bytes(0, HEAD_SIZE), file.isWhole ? file.length : undefined);
  for (const [left, parts] of selections.entries()) {
    const model = await readParts(file, parts, left === selections.length - 1);
    if (!model) continue;
    const { elf } = model;
    return {
      format,
      protocols: protocolsOf(model, parts),
      unread: selections[0].filter((part) => elf !== undefined && !parts.includes(part)),
      ...(elf && { elf, interpreter: await interpreterOf(file, elf.programHeaders) }),
    };
  }
  return { format, protocols: [], unread: [] };
}

/** Reads parts of a file; `undefined` if they are more than may be kept, and there is another choice. */
async function readParts(file: KeptFile, parts: readonly FilePart[], isLast: boolean): Promise<FileModel | undefined> {
  try {
    return await readModel(file, parts);
  } catch (error) {
    if (!isLast && error instanceof LoadError && error.code === "memory-limit-exceeded") return undefined;
    throw error;
  }
}

/** The interpreter that makes a file a user program, if it names one. */
async function interpreterOf(
  file: KeptFile,
  programHeaders: readonly { readonly p_type: number; readonly p_offset: bigint; readonly p_filesz: bigint }[],
): Promise<string | undefined> {
  const header = programHeaders.find(({ p_type }) => p_type === PT_INTERP);
  if (!header || header.p_filesz === 0n) return undefined;
  const [offset, size] = [Number(header.p_offset), Math.min(Number(header.p_filesz), PATH_MAX)];
  await file.keep(offset, size);
  const { text } = readString(file.bytes(offset, size), 0, PATH_MAX);
  return text === "" || text === NO_INTERPRETER ? undefined : text;
}
