/**
 * Finds out what a file is: its format, its ELF headers, the boot protocols that it is made for.
 *
 * @module
 */

import { ET_REL } from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { type FilePart, HEAD_SIZE } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { FileFormat } from "../../formats/format.ts";
import { LoadError } from "../../core/errors.ts";
import { namedByProtocol, PROTOCOL_PARTS, type RecognizedFile, recognizeFile } from "../../protocols/recognize.ts";
import type { ExaminedFile } from "../report/examined_file.ts";
import { programOf } from "./program_of.ts";

/** What to read of a file: parts, or fewer of them if they are more than may be kept. */
export type Selections = readonly (readonly FilePart[])[];

/** Reads only what lies near the start of most files. */
export const QUICK_LOOK: Selections = [["head", "notes"], ["head"]];

/** Reads all that boot protocols look at. */
const FULL_LOOK: Selections = [
  PROTOCOL_PARTS,
  ["head", "notes", "sections"],
  ["head", "notes", "image"],
  ...QUICK_LOOK,
];

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
  const format = await formatOf(file);
  for (const [left, parts] of selections.entries()) {
    let found = await recognizeParts(file, parts, left === selections.length - 1);
    if (!found) continue;
    // The names of sections tell a module from an object file that is to be linked.
    const isObject = found.model.elf?.fileHeader.e_type === ET_REL && !parts.includes("sections");
    if (isObject) found = await recognizeParts(file, [...parts, "sections"], false) ?? found;
    const { model: { elf }, protocols } = found;
    return {
      format: namedByProtocol(format, protocols),
      protocols,
      unread: selections[0].filter((part) => elf !== undefined && !parts.includes(part)),
      ...(elf &&
        { elf, ...await programOf(file, elf.programHeaders, parts.includes("notes") ? found.model : undefined) }),
    };
  }
  return { format, protocols: [], unread: [] };
}

/** Most files are ELF: for them, the other formats are not even imported. */
async function formatOf(file: KeptFile): Promise<FileFormat> {
  const head = file.bytes(0, HEAD_SIZE);
  if (hasElfMagic(head)) return { name: "elf", description: "ELF file" };
  const { identify } = await import("../../formats/identify.ts");
  return identify(head, file.isWhole ? file.length : undefined);
}

/** Looks at parts of a file; `undefined` if they are more than may be kept, and there is another choice. */
async function recognizeParts(
  file: KeptFile,
  parts: readonly FilePart[],
  isLast: boolean,
): Promise<RecognizedFile | undefined> {
  try {
    return await recognizeFile(file, parts);
  } catch (error) {
    if (!isLast && error instanceof LoadError && error.code === "memory-limit-exceeded") return undefined;
    throw error;
  }
}
