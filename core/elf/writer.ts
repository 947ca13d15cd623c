/**
 * Writes ELF headers and notes (gABI, "ELF Header", "Program Header", "Note Section"), little-endian.
 *
 * @module
 */

import { EI_ABIVERSION, EI_CLASS, EI_DATA, EI_OSABI, EI_VERSION, ELF_MAGIC } from "./constants.ts";
import { ELFCLASS64, ELFDATA2LSB, RECORD_SIZES } from "./constants.ts";
import { E_ENTRY, E_MACHINE, E_TYPE, E_VERSION, type FileHeader, fileHeaderOffsets } from "./file_header.ts";
import { type ProgramHeader, programHeaderOffsets } from "./program_header.ts";

/** The class of a file: 1 for `ELFCLASS32`, 2 for `ELFCLASS64`. */
export type FileClass = keyof typeof RECORD_SIZES;

/** `EV_CURRENT`, the only version. */
const EV_CURRENT = 1;

/**
 * Writes an `Elf64_Ehdr` or `Elf32_Ehdr` at the start of a file.
 *
 * @param file The file's bytes.
 * @param fileClass The layout.
 * @param fields The fields. By default `e_ident`, versions and the sizes of the two headers fit the class; all others
 * are 0.
 */
export function writeFileHeader(file: Uint8Array, fileClass: FileClass, fields: Partial<FileHeader>): void {
  const view = viewOf(file);
  const at = fileHeaderOffsets(fileClass);
  const word = wordWriter(view, fileClass);
  const { fileHeader, programHeader } = RECORD_SIZES[fileClass];
  file.set(ELF_MAGIC);
  file[EI_CLASS] = fields.EI_CLASS ?? fileClass;
  file[EI_DATA] = fields.EI_DATA ?? ELFDATA2LSB;
  file[EI_VERSION] = fields.EI_VERSION ?? EV_CURRENT;
  file[EI_OSABI] = fields.EI_OSABI ?? 0;
  file[EI_ABIVERSION] = fields.EI_ABIVERSION ?? 0;
  view.setUint16(E_TYPE, fields.e_type ?? 0, true);
  view.setUint16(E_MACHINE, fields.e_machine ?? 0, true);
  view.setUint32(E_VERSION, fields.e_version ?? EV_CURRENT, true);
  word(E_ENTRY, fields.e_entry ?? 0n);
  word(at.e_phoff, fields.e_phoff ?? 0n);
  word(at.e_shoff, fields.e_shoff ?? 0n);
  view.setUint32(at.e_flags, fields.e_flags ?? 0, true);
  const halves = [
    ...[fields.e_ehsize ?? fileHeader, fields.e_phentsize ?? programHeader, fields.e_phnum ?? 0],
    ...[fields.e_shentsize ?? 0, fields.e_shnum ?? 0, fields.e_shstrndx ?? 0],
  ];
  halves.forEach((half, index) => view.setUint16(at.e_ehsize + index * 2, half, true));
}

/**
 * Writes an `Elf64_Phdr` or `Elf32_Phdr`.
 *
 * @param file The file's bytes.
 * @param offset Offset of the header in the file.
 * @param fileClass The layout.
 * @param fields The fields; 0 by default.
 */
export function writeProgramHeader(
  file: Uint8Array,
  offset: number,
  fileClass: FileClass,
  fields: Partial<Omit<ProgramHeader, "index">>,
): void {
  const view = viewOf(file);
  const at = programHeaderOffsets(fileClass);
  const word = wordWriter(view, fileClass);
  view.setUint32(offset, fields.p_type ?? 0, true);
  view.setUint32(offset + at.p_flags, fields.p_flags ?? 0, true);
  for (const name of ["p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_align"] as const) {
    word(offset + at[name], fields[name] ?? 0n);
  }
}

// gABI, "Section Header", Elf64_Shdr: sh_info of header 0 holds a count of program headers too large for e_phnum
const SH_INFO = 44;

/** Number of bytes of an `Elf64_Shdr`. */
export const SECTION_HEADER_SIZE = 64;

/**
 * Writes the `Elf64_Shdr` of index 0, which holds the number of program headers of a file whose `e_phnum` is `PN_XNUM`.
 *
 * @param file The file's bytes.
 * @param offset Offset of the header in the file.
 * @param count The number of program headers.
 */
export function writeProgramHeaderCount(file: Uint8Array, offset: number, count: number): void {
  viewOf(file).setUint32(offset + SH_INFO, count, true);
}

/** A note. */
export interface NoteContent {
  /** Its name, without the terminating zero byte. */
  readonly name: string;
  /** Its type, whose meaning the owner defines. */
  readonly type: number;
  /** Its descriptor. */
  readonly descriptor: Uint8Array;
}

const NOTE_HEADER = 12;
const NOTE_ALIGN = 4;

/**
 * Encodes a note: three words, then name and descriptor, each padded to a multiple of 4 bytes.
 *
 * @param note The note; its name is ASCII.
 * @returns Its bytes.
 */
export function encodeNote({ name, type, descriptor }: NoteContent): Uint8Array {
  const padded = (size: number): number => Math.ceil(size / NOTE_ALIGN) * NOTE_ALIGN;
  const nameSize = name.length + 1;
  const bytes = new Uint8Array(NOTE_HEADER + padded(nameSize) + padded(descriptor.length));
  const view = viewOf(bytes);
  [nameSize, descriptor.length, type].forEach((value, index) => view.setUint32(index * 4, value, true));
  bytes.set(new TextEncoder().encode(name), NOTE_HEADER);
  bytes.set(descriptor, NOTE_HEADER + padded(nameSize));
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns a writer of 64-bit fields, or of 32-bit fields for that class. */
function wordWriter(view: DataView, fileClass: FileClass): (offset: number, value: bigint) => void {
  return fileClass === ELFCLASS64
    ? (offset, value) => view.setBigUint64(offset, value, true)
    : (offset, value) => view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
}
