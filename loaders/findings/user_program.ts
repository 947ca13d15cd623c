/**
 * Programs for an operating system that are taken for kernels.
 *
 * @module
 */

import { DT_NEEDED, ET_DYN, ET_EXEC, PT_DYNAMIC, PT_INTERP } from "../../core/elf/constants.ts";
import { dynamicEntries } from "../../core/elf/dynamic_table.ts";
import { readString } from "../../core/elf/strings.ts";
import { abiTagOf } from "../../core/file/abi_tag.ts";
import { type ElfModel, type FileModel, HEAD_SIZE } from "../../core/file/file_model.ts";
import type { FindingRule } from "../finding.ts";
import type { Breach } from "../rule.ts";

/** The most bytes of a dynamic table and of a path to look at. */
const TABLE_MAX = 2 ** 16;
const PATH_MAX = 256;

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
    if (isLibrary(model, elf)) {
      const message = "A shared library: its dynamic table has the name that programs ask for it by (DT_SONAME).";
      return [{ message }];
    }
    if (interpreter) return [describeInterpreter(interpreter, libraries)];
    if (libraries > 0) {
      return [{
        message: `A user program or a library: it ${
          needs(libraries)
        }, which an operating system's dynamic linker loads.`,
      }];
    }
    return abiTag(model);
  },
  about:
    "The file names an interpreter (PT_INTERP), needs shared libraries (DT_NEEDED) or is one (DT_SONAME), or has a note " +
    "that says which operating system it is a program for (NT_GNU_ABI_TAG).",
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

function tagsOf(model: FileModel, { programHeaders, wide, bigEndian }: ElfModel): readonly bigint[] {
  const header = programHeaders.find(({ p_type }) => p_type === PT_DYNAMIC);
  if (!header || !wide || bigEndian) return [];
  const offset = Number(header.p_offset);
  const bytes = model.bytes(offset, Math.min(Number(header.p_filesz), TABLE_MAX));
  return [...dynamicEntries(bytes, offset)].map(({ d_tag }) => d_tag);
}

function librariesOf(model: FileModel, elf: ElfModel): number {
  return tagsOf(model, elf).filter((tag) => tag === DT_NEEDED).length;
}

/** gABI, "Dynamic Section": the name of a shared object. Libraries that are also programs have an interpreter too. */
const DT_SONAME = 14n;

function isLibrary(model: FileModel, elf: ElfModel): boolean {
  return elf.fileHeader.e_type === ET_DYN && tagsOf(model, elf).includes(DT_SONAME);
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

function abiTag(model: FileModel): readonly Breach[] {
  const tag = abiTagOf(model);
  if (!tag) return [];
  const { index, offset, system, version } = tag;
  const message = `A user program for ${system} ${version} or later, by a note in program header ${index} ` +
    "(NT_GNU_ABI_TAG).";
  return [{ index, offset, message }];
}
