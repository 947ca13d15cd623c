/** Builds ELF64 files for tests: a header, a program header table, and segments whose bytes say where they come from. */

import type { FileHeader } from "../core/elf/file_header.ts";
import type { ProgramHeader } from "../core/elf/program_header.ts";
import { ELFCLASS64, EM_X86_64, ET_EXEC, PF_R, PF_X, PT_LOAD, RECORD_SIZES } from "../core/elf/constants.ts";
import * as writer from "../core/elf/writer.ts";

/** One program header; what is left out follows from the rest. */
export type SegmentSpec =
  & Partial<Omit<ProgramHeader, "index" | "p_offset" | "p_filesz">>
  & {
    /** File offset of the first byte. */
    readonly offset?: number;
    /** Number of bytes in the file. */
    readonly filesz?: bigint | number;
    /** The bytes themselves; else each is a hash of its file offset, never 0. */
    readonly data?: Uint8Array;
  };

/** A file to build. */
export interface ElfSpec {
  /** Header fields that differ from a well-formed ET_EXEC for x86-64. */
  readonly header?: Partial<FileHeader>;
  /** The program headers. */
  readonly segments?: readonly SegmentSpec[];
  /** Length of the file; else the end of the last segment that has bytes. */
  readonly length?: number;
}

const { fileHeader: EHDR, programHeader: PHDR } = RECORD_SIZES[ELFCLASS64];

/** The byte that the builder puts at a file offset: never 0, and different in neighbouring pages. */
export function fileByte(offset: number): number {
  return 1 + (offset * 7 + Math.floor(offset / 4096) * 13) % 255;
}

/** Builds the file. */
export function buildElf({ header = {}, segments = [], length }: ElfSpec = {}): Uint8Array<ArrayBuffer> {
  const phoff = Number(header.e_phoff ?? BigInt(EHDR));
  const tableEnd = phoff + PHDR * segments.length;
  const headers = segments.map(programHeader);
  const ends = headers.map(({ p_offset, p_filesz }) => Number(p_offset + p_filesz));
  const size = length ?? Math.max(EHDR, tableEnd, ...ends);
  const file = new Uint8Array(size);
  for (const { p_offset, p_filesz } of headers) {
    const end = Math.min(size, Number(p_offset + p_filesz));
    for (let offset = Number(p_offset); offset < end; offset++) file[offset] = fileByte(offset);
  }
  segments.forEach(({ data }, index) => data && file.set(data, Number(headers[index].p_offset)));
  writeFileHeader(file, { e_phnum: segments.length, e_phoff: BigInt(phoff), ...header });
  headers.forEach((phdr, index) => {
    const offset = phoff + index * PHDR;
    if (offset + PHDR <= size) writer.writeProgramHeader(file, offset, ELFCLASS64, phdr);
  });
  return file;
}

function programHeader(spec: SegmentSpec): Omit<ProgramHeader, "index"> {
  const p_filesz = BigInt(spec.filesz ?? spec.data?.length ?? 0);
  const p_vaddr = spec.p_vaddr ?? 0x40_0000n;
  return {
    p_type: spec.p_type ?? PT_LOAD,
    p_flags: spec.p_flags ?? (PF_R | PF_X),
    p_offset: BigInt(spec.offset ?? 0x1000),
    p_vaddr,
    p_paddr: spec.p_paddr ?? p_vaddr,
    p_filesz,
    p_memsz: spec.p_memsz ?? p_filesz,
    p_align: spec.p_align ?? 0x1000n,
  };
}

/** Writes an ELF64 file header; fields that are left out are those of an ET_EXEC for x86-64. */
export function writeFileHeader(file: Uint8Array, fields: Partial<FileHeader>): void {
  const { e_type = ET_EXEC, e_machine = EM_X86_64, e_entry = 0x40_0000n, e_phoff = BigInt(EHDR) } = fields;
  writer.writeFileHeader(file, ELFCLASS64, { ...fields, e_type, e_machine, e_entry, e_phoff });
}
