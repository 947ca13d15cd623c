/**
 * ELF cores of machines, as QEMU's `dump-guest-memory` writes them: physical memory by `p_paddr`, and the processors'
 * registers in notes.
 *
 * @module
 */

import { ELFCLASS64, ELFDATA2LSB, EM_386, EM_X86_64, PN_XNUM, PT_LOAD, PT_NOTE } from "../../../core/elf/constants.ts";
import { RECORD_SIZES } from "../../../core/elf/constants.ts";
import { hasElfMagic } from "../../../core/elf/elf_magic.ts";
import { readFileHeader } from "../../../core/elf/file_header.ts";
import { MACHINES } from "../../../core/elf/machines.ts";
import { readNotes } from "../../../core/elf/notes.ts";
import { type ProgramHeader, readProgramHeader } from "../../../core/elf/program_header.ts";
import { elfReader } from "../../../core/elf/reader.ts";
import { PHYSICAL_END } from "../../../core/memory/addresses.ts";
import { disjointRanges, type ReadAt, readFully, type StoredRange } from "./file_pages.ts";
import type { PagingRegisters } from "./paging_registers.ts";

/** A core of a machine. */
export interface MachineCore {
  /** The physical memory in it. */
  readonly ranges: readonly StoredRange[];
  /** The registers of each processor, if the core has them. */
  readonly processors: readonly PagingRegisters[];
}

// gABI, "ELF Header": e_type of a core file; and offsets in it and in a section header
const ET_CORE = 4;
const E_TYPE = 16;
const SH_INFO = 44;

/** The most program headers that are read. */
const MOST_HEADERS = 2 ** 20;

/** The most bytes of notes that are read in all: those of more than ten thousand processors. */
const MOST_NOTES = 2 ** 24;

// QEMU, target/i386/arch_dump.c: struct QEMUCPUState, as its notes have it: version, size, 18 registers of 64 bits, ten
// segments of 24 bytes, and the control registers 0 to 4.
const QEMU_STATE = { owner: "QEMU", type: 0, cr: 8 + 18 * 8 + 10 * 24, length: 8 + 18 * 8 + 10 * 24 + 5 * 8 };

/**
 * Whether a file is an ELF core. Other ELF files can be the start of a memory dump: kernels are loaded with their
 * headers.
 *
 * @param head The file's first bytes, 18 or more.
 * @returns True if it is.
 */
export function isElfCore(head: Uint8Array): boolean {
  return hasElfMagic(head) && head.length >= E_TYPE + 2 && (head[E_TYPE] | (head[E_TYPE + 1] << 8)) === ET_CORE;
}

/**
 * Reads what is in a core, except for the memory itself.
 *
 * @param readAt Reads the file.
 * @param fileSize Number of bytes in it.
 * @returns The core; or why it cannot be used, as the end of a sentence.
 */
export function readElfCore(readAt: ReadAt, fileSize: number): MachineCore | string {
  const read = (offset: bigint, length: number): Uint8Array => {
    if (offset > BigInt(fileSize)) return new Uint8Array();
    const buffer = new Uint8Array(Math.min(length, fileSize - Number(offset)));
    return buffer.subarray(0, readFully(readAt, Number(offset), buffer));
  };
  const sizes = RECORD_SIZES[ELFCLASS64];
  const head = read(0n, sizes.fileHeader);
  if (head.length < sizes.fileHeader) return "the core ends inside its file header";
  const header = readFileHeader(elfReader(head, { subject: "the file header", fileOffset: 0 }));
  if (header.EI_CLASS !== ELFCLASS64 || header.e_machine === EM_386) {
    return "it is the core of a 32-bit guest, and only 64-bit page tables can be read";
  }
  if (header.EI_DATA !== ELFDATA2LSB || header.e_machine !== EM_X86_64) {
    return `it is the core of a machine of type ${MACHINES.get(header.e_machine) ?? header.e_machine}, not x86-64`;
  }
  if (header.e_phentsize !== sizes.programHeader) {
    return `its e_phentsize is ${header.e_phentsize}, not ${sizes.programHeader}`;
  }
  let count = header.e_phnum;
  if (count === PN_XNUM) {
    const section = read(header.e_shoff, sizes.sectionHeader); // gABI, "ELF Header": its sh_info has the number
    if (section.length === sizes.sectionHeader) {
      count = elfReader(section, { subject: "section header 0" }).u32(SH_INFO);
    }
  }
  if (count > MOST_HEADERS) return `it has ${count} program headers, and the limit is ${MOST_HEADERS}`;
  const table = read(header.e_phoff, count * sizes.programHeader);
  if (table.length < count * sizes.programHeader) return "the core ends inside its program header table";
  const reader = elfReader(table, { subject: "the program header table" });
  const headers = Array.from({ length: count }, (_, index) => {
    return readProgramHeader(reader, index * sizes.programHeader, index, ELFCLASS64);
  });
  const ranges = disjointRanges(headers.flatMap((each) => storedRange(each, fileSize)));
  let left = MOST_NOTES;
  const notes = headers.filter(({ p_type }) => p_type === PT_NOTE).flatMap(({ p_offset, p_filesz, p_align }) => {
    if (left === 0) return [];
    const bytes = read(p_offset, p_filesz > BigInt(left) ? left : Number(p_filesz));
    left -= bytes.length; // many headers can refer to the same bytes
    return readNotes(bytes, 0, p_align).notes;
  });
  const processors = notes.flatMap(({ owner, type, descriptor }): readonly PagingRegisters[] => {
    if (owner !== QEMU_STATE.owner || type !== QEMU_STATE.type || descriptor.length < QEMU_STATE.length) return [];
    const state = elfReader(descriptor, { subject: "a processor's state" });
    const register = (nth: number): bigint => state.u64(QEMU_STATE.cr + nth * 8);
    return [{ cr0: register(0), cr3: register(3), cr4: register(4) }];
  });
  return { ranges, processors };
}

/** The part of memory that a program header stores, as far as the file has it. */
function storedRange({ p_type, p_paddr, p_offset, p_filesz }: ProgramHeader, fileSize: number): readonly StoredRange[] {
  if (p_type !== PT_LOAD || p_paddr >= BigInt(PHYSICAL_END) || p_offset >= BigInt(fileSize)) return [];
  const phys = Number(p_paddr);
  const offset = Number(p_offset);
  const stored = p_filesz > BigInt(fileSize) ? fileSize : Number(p_filesz);
  return [{ phys, size: Math.min(stored, fileSize - offset, PHYSICAL_END - phys), offset }];
}
