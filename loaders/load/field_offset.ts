/**
 * Where in a file the field lies that an error of a load names.
 *
 * @module
 */

import {
  EI_CLASS,
  EI_DATA,
  EI_OSABI,
  EI_VERSION,
  ELFCLASS32,
  ELFCLASS64,
  RECORD_SIZES,
} from "../../core/elf/constants.ts";
import { E_ENTRY, E_MACHINE, E_TYPE, E_VERSION, fileHeaderOffsets } from "../../core/elf/file_header.ts";
import { programHeaderOffsets } from "../../core/elf/program_header.ts";
import type { FileModel } from "../../core/file/file_model.ts";

/** What an error is about: a field, or a sum of fields, of the file header or of a program header. */
export interface FieldPlace {
  /** Index of the program header, if it is one. */
  readonly index?: number;
  /** The field, such as "p_offset + p_filesz". */
  readonly field: string;
}

/**
 * Finds the first field of a header that an error names.
 *
 * @param model The file, with its headers read.
 * @param place What the error is about.
 * @returns Its file offset; `undefined` if no field of a header is named, or the file does not have it.
 */
export function fieldOffset(model: FileModel, { index, field }: FieldPlace): number | undefined {
  const name = field.match(/\b(?:EI|e|p)_[A-Za-z]+\b/)?.[0];
  const { elf } = model;
  if (!elf || name === undefined) return field === "its magic number" && model.length >= 4 ? 0 : undefined;
  const { e_phoff, e_phentsize } = elf.fileHeader;
  const fileClass = elf.wide ? ELFCLASS64 : ELFCLASS32;
  const inFile = fileHeaderFields(fileClass)[name];
  if (inFile !== undefined) return inFile;
  const offsets: Readonly<Record<string, number>> = { p_type: 0, ...programHeaderOffsets(fileClass) };
  if (index === undefined || !Object.hasOwn(offsets, name)) return undefined;
  const start = Number(e_phoff) + index * e_phentsize;
  return start + RECORD_SIZES[fileClass].programHeader <= model.length ? start + offsets[name] : undefined;
}

/** The offsets of all fields that errors name. */
function fileHeaderFields(fileClass: number): Readonly<Record<string, number | undefined>> {
  const { e_ehsize, ...offsets } = fileHeaderOffsets(fileClass);
  return {
    ...{ EI_CLASS, EI_DATA, EI_VERSION, EI_OSABI, ...offsets, e_ehsize },
    ...{ e_type: E_TYPE, e_machine: E_MACHINE, e_version: E_VERSION, e_entry: E_ENTRY },
    ...{ e_phentsize: e_ehsize + 2, e_phnum: e_ehsize + 4, e_shentsize: e_ehsize + 6, e_shnum: e_ehsize + 8 },
    ...{ e_shstrndx: e_ehsize + 10 },
  };
}
