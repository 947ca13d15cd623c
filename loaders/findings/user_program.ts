/**
 * Programs for an operating system that are taken for kernels.
 *
 * @module
 */

import { DT_NEEDED, ET_DYN, ET_EXEC, PT_DYNAMIC, PT_INTERP, PT_NOTE } from "../../core/elf/constants.ts";
import { dynamicEntries } from "../../core/elf/dynamic_table.ts";
import { readNotes } from "../../core/elf/notes.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { readString } from "../../core/elf/strings.ts";
import { type ElfModel, type FileModel, HEAD_SIZE } from "../../core/file/file_model.ts";
import type { FindingRule } from "../finding.ts";
import type { Breach } from "../rule.ts";

/** The most bytes of a dynamic table, of notes and of a path to look at. */
const TABLE_MAX = 2 ** 16;
const NOTES_MAX = 2 ** 12;
const PATH_MAX = 256;

/** The most `PT_NOTE` headers to look at. */
const NOTE_HEADERS_MAX = 16;

/** `type` of a note with owner "GNU": the operating system that a program is for, and its oldest version. */
const NT_GNU_ABI_TAG = 1;

/** The first word of that note's descriptor. */
const ABI_SYSTEMS: readonly string[] = ["Linux", "Hurd", "Solaris", "FreeBSD"];

/** The interpreter that FreeBSD's kernel names, which does not exist: the kernel is linked as a program would be. */
const NOT_AN_INTERPRETER = "/red/herring";

/** A program that names an interpreter or needs shared libraries, or that says which system it is for. */
export const userProgram: FindingRule = {
  id: "user-program",
  severity: "warning",
  parts: ["head", "notes", "dynamic"],
  find: ({ model }) => {
    const { elf } = model;
    if (!elf || ![ET_EXEC, ET_DYN].includes(elf.fileHeader.e_type)) return [];
    const interpreter = interpreterOf(model, elf);
    const libraries = librariesOf(model, elf);
    if (interpreter?.path === NOT_AN_INTERPRETER) return [];
    if (interpreter) return [describeInterpreter(interpreter, libraries)];
    if (libraries > 0) {
      return [{
        message: `A user program or a library: it ${
          needs(libraries)
        }, which an operating system's dynamic linker loads.`,
      }];
    }
    return abiTag(model, elf);
  },
  about:
    "The file names an interpreter (PT_INTERP) or needs shared libraries (DT_NEEDED), or has a note that says which " +
    "operating system it is a program for (NT_GNU_ABI_TAG).",
  why:
    "Such a file is a program for an operating system: it makes system calls, which nothing answers before a kernel " +
    "runs, and its libraries are loaded by an interpreter. A kernel gets these headers by mistake if it is linked as a " +
    "program would be.",
  mend:
    "Use the kernel itself. If this file is meant to be one, compile it with -ffreestanding and link it with -nostdlib and " +
    "-static, or -static-pie (ld: --no-dynamic-linker).",
  source: 'gABI, "Program Interpreter" and "Dynamic Section"; Linux Standard Base, "ABI note tag"',
};

interface Interpreter {
  readonly index: number;
  readonly offset: number;
  /** Its path, if it lies among the file's first bytes, as it does in programs. */
  readonly path?: string;
}

function interpreterOf(model: FileModel, { programHeaders }: ElfModel): Interpreter | undefined {
  const header = programHeaders.find(({ p_type, p_filesz }) => p_type === PT_INTERP && p_filesz > 0n);
  if (!header) return undefined;
  const { index } = header;
  const offset = Number(header.p_offset);
  const size = Math.min(Number(header.p_filesz), PATH_MAX);
  const path = offset + size <= HEAD_SIZE ? readString(model.bytes(offset, size)).text : "";
  return { index, offset, ...(/^[\x21-\x7e]+$/.test(path) ? { path } : {}) };
}

function librariesOf(model: FileModel, { programHeaders, wide, bigEndian }: ElfModel): number {
  const header = programHeaders.find(({ p_type }) => p_type === PT_DYNAMIC);
  if (!header || !wide || bigEndian) return 0;
  const offset = Number(header.p_offset);
  const bytes = model.bytes(offset, Math.min(Number(header.p_filesz), TABLE_MAX));
  return [...dynamicEntries(bytes, offset)].filter(({ d_tag }) => d_tag === DT_NEEDED).length;
}

function needs(libraries: number): string {
  return `needs ${libraries} shared ${libraries === 1 ? "library" : "libraries"}`;
}

function describeInterpreter({ index, offset, path }: Interpreter, libraries: number): Breach {
  const names = `names ${path === undefined ? "an interpreter" : `the interpreter ${path}`}`;
  if (libraries > 0) {
    const message = `A user program: program header ${index} ${names}, and it ${needs(libraries)}. Only an operating ` +
      "system can start it.";
    return { index, offset, message };
  }
  const message =
    `Program header ${index} ${names}, which an operating system would run to start the file: it is a user ` +
    "program, or a kernel that was linked as one.";
  return { index, offset, message };
}

function abiTag(model: FileModel, { programHeaders, bigEndian }: ElfModel): readonly Breach[] {
  if (bigEndian) return [];
  const headers = programHeaders.filter(({ p_type }) => p_type === PT_NOTE).slice(0, NOTE_HEADERS_MAX);
  for (const { index, p_offset, p_filesz, p_align } of headers) {
    const start = Number(p_offset);
    const { notes } = readNotes(model.bytes(start, Math.min(Number(p_filesz), NOTES_MAX)), start, p_align);
    const tag = notes.find(({ owner, type, descriptor }) =>
      owner === "GNU" && type === NT_GNU_ABI_TAG && descriptor.length >= 16
    );
    if (!tag) continue;
    const [system, ...version] = words(tag.descriptor);
    if (ABI_SYSTEMS[system] === undefined) continue;
    const message =
      `A user program for ${ABI_SYSTEMS[system]} ${version.join(".")} or later, by a note in program header ` +
      `${index} (NT_GNU_ABI_TAG).`;
    return [{ index, offset: tag.fileOffset, message }];
  }
  return [];
}

function words(descriptor: Uint8Array): readonly number[] {
  const reader = elfReader(descriptor, { subject: "the ABI tag" });
  return [0, 4, 8, 12].map((at) => reader.u32(at));
}
