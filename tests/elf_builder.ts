/** Builds ELF64 files for tests: a header, a program header table, and segments whose bytes say where they come from. */

import type { FileHeader } from "../core/elf/file_header.ts";
import type { ProgramHeader } from "../core/elf/program_header.ts";
import { PF_R, PF_X, PT_LOAD } from "../core/elf/constants.ts";

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

const EHDR = 64;
const PHDR = 56;

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
  headers.forEach((phdr, index) => writeProgramHeader(file, phoff + index * PHDR, phdr));
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
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  file.set([0x7f, 0x45, 0x4c, 0x46, fields.EI_CLASS ?? 2, fields.EI_DATA ?? 1, fields.EI_VERSION ?? 1]);
  file.set([fields.EI_OSABI ?? 0, fields.EI_ABIVERSION ?? 0], 7);
  view.setUint16(16, fields.e_type ?? 2, true);
  view.setUint16(18, fields.e_machine ?? 62, true);
  view.setUint32(20, fields.e_version ?? 1, true);
  view.setBigUint64(24, fields.e_entry ?? 0x40_0000n, true);
  view.setBigUint64(32, fields.e_phoff ?? BigInt(EHDR), true);
  view.setBigUint64(40, fields.e_shoff ?? 0n, true);
  view.setUint32(48, fields.e_flags ?? 0, true);
  view.setUint16(52, fields.e_ehsize ?? EHDR, true);
  view.setUint16(54, fields.e_phentsize ?? PHDR, true);
  view.setUint16(56, fields.e_phnum ?? 0, true);
  view.setUint16(58, fields.e_shentsize ?? 0, true);
  view.setUint16(60, fields.e_shnum ?? 0, true);
  view.setUint16(62, fields.e_shstrndx ?? 0, true);
}

function writeProgramHeader(file: Uint8Array, offset: number, phdr: Omit<ProgramHeader, "index">): void {
  if (offset + PHDR > file.length) return;
  const view = new DataView(file.buffer, file.byteOffset + offset, PHDR);
  view.setUint32(0, phdr.p_type, true);
  view.setUint32(4, phdr.p_flags, true);
  const words = [phdr.p_offset, phdr.p_vaddr, phdr.p_paddr, phdr.p_filesz, phdr.p_memsz, phdr.p_align];
  words.forEach((word, index) => view.setBigUint64(8 + index * 8, word, true));
}
