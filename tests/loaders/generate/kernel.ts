/** Small kernels for asking loaders: described field by field, so that any of them can be made wrong. */

import { ELFCLASS64, EM_386, EM_X86_64, ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD } from "../../../core/elf/constants.ts";
import { RECORD_SIZES } from "../../../core/elf/constants.ts";
import type { FileHeader } from "../../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../../core/elf/program_header.ts";
import { type FileClass, writeFileHeader, writeProgramHeader } from "../../../core/elf/writer.ts";
import type { Choices } from "./random.ts";

/** A program header to write. */
export type SegmentSpec = Omit<ProgramHeader, "index">;

/** A section header to write. */
export interface SectionSpec {
  readonly sh_type: number;
  readonly sh_addr: bigint;
  readonly sh_offset: bigint;
  readonly sh_size: bigint;
  readonly sh_addralign: bigint;
}

/** Bytes at a place in the file: a boot protocol's header, a note, code. */
export interface Piece {
  /** What it is, for those that move or change it. */
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A kernel. */
export interface KernelSpec {
  readonly fileClass: FileClass;
  /** Fields that differ from those that follow from the rest. */
  readonly header: Partial<FileHeader>;
  readonly segments: readonly SegmentSpec[];
  readonly sections: readonly SectionSpec[];
  readonly pieces: readonly Piece[];
  /** The file's length; by default the end of the last thing in it. */
  readonly length?: number;
}

/** A named deviation from a kernel that boots. */
export interface Mutation {
  readonly name: string;
  readonly apply: (kernel: KernelSpec, random: Choices) => KernelSpec;
}

/**
 * Code that reports that it runs, in 32-bit and in 64-bit mode alike: "A" to the first serial port, 0x10 to port 0xf4,
 * and then it halts.
 */
export const GUEST: Uint8Array = new Uint8Array([
  ...[0x66, 0xba, 0xf8, 0x03], // mov dx, 0x3f8
  ...[0xb0, 0x41, 0xee], // mov al, 'A'; out dx, al
  ...[0x66, 0xba, 0xf4, 0x00], // mov dx, 0xf4
  ...[0xb0, 0x10, 0xee], // mov al, 0x10; out dx, al
  ...[0xf4, 0xeb, 0xfd], // hlt; jump back to it
]);

/** File offset of the first segment, the least number of its file bytes, and where in it the entry and the code lie. */
export const TEXT = { offset: 0x1000, size: 0x500, entry: 0x3f0, code: 0x400 } as const;

/** Distance of virtual from physical addresses of kernels in the higher half. */
const HIGHER_HALF = 0xffff_ffff_8000_0000n;

/** A kernel of one segment, or a few, at odd places, whose code reports that it runs. */
export function bareKernel(random: Choices, fileClass: FileClass = ELFCLASS64): KernelSpec {
  const p_paddr = 0x10_0000n + BigInt(random.below(0x80)) * 0x1000n;
  const isHigh = fileClass === ELFCLASS64 && !random.once(3);
  const p_vaddr = p_paddr + (isHigh ? HIGHER_HALF : 0n);
  const p_filesz = BigInt(TEXT.size + random.below(0x40));
  const text = {
    ...{ p_type: PT_LOAD, p_flags: PF_R | PF_X, p_offset: BigInt(TEXT.offset), p_vaddr, p_paddr, p_filesz },
    ...{ p_memsz: p_filesz + BigInt(random.once(2) ? 0 : random.below(0x3000)), p_align: 0x1000n },
  };
  return {
    fileClass,
    header: {
      e_type: ET_EXEC,
      e_machine: fileClass === ELFCLASS64 ? EM_X86_64 : EM_386,
      e_entry: p_vaddr + BigInt(TEXT.entry),
    },
    segments: [text],
    sections: [],
    pieces: [{ name: "code", offset: TEXT.offset + TEXT.code, bytes: GUEST }],
  };
}

/** Adds a writable segment after all others. */
export function withSegment(kernel: KernelSpec, fields: Partial<SegmentSpec> = {}): KernelSpec {
  const { p_vaddr, p_paddr } = kernel.segments[0];
  const distance = BigInt(kernel.segments.length) * 0x10_0000n;
  const segment = {
    ...{ p_type: PT_LOAD, p_flags: PF_R | PF_W, p_offset: 0x2000n, p_vaddr: p_vaddr + distance },
    ...{ p_paddr: p_paddr + distance, p_filesz: 0x100n, p_memsz: 0x200n, p_align: 0x1000n },
    ...fields,
  };
  return { ...kernel, segments: [...kernel.segments, segment] };
}

/** Replaces fields of one segment. */
export function changeSegment(kernel: KernelSpec, index: number, fields: Partial<SegmentSpec>): KernelSpec {
  return { ...kernel, segments: kernel.segments.map((old, at) => at === index ? { ...old, ...fields } : old) };
}

/** Replaces or moves a piece. */
export function changePiece(kernel: KernelSpec, name: string, change: (piece: Piece) => Piece): KernelSpec {
  return { ...kernel, pieces: kernel.pieces.map((piece) => piece.name === name ? change(piece) : piece) };
}

/** An instruction that does nothing, in both modes. */
const NOP = 0x90;

/** Builds the file. What nothing sets in the segments leads to the code, wherever it is entered. */
export function buildKernel({ fileClass, header, segments, sections, pieces, length }: KernelSpec): Uint8Array {
  const sizes = RECORD_SIZES[fileClass];
  const { e_phoff = BigInt(sizes.fileHeader), e_phentsize = sizes.programHeader } = header;
  const ends = [
    ...segments.map(({ p_offset, p_filesz }) => Number(p_offset + p_filesz)).filter((end) => end < 2 ** 20),
    ...pieces.map(({ offset, bytes }) => offset + bytes.length),
    Number(e_phoff) + segments.length * e_phentsize,
  ];
  const bodyEnd = Math.ceil(Math.max(0x2200, ...ends.filter((end) => end < 2 ** 20)) / 8) * 8;
  const shoff = header.e_shoff ?? BigInt(sections.length === 0 ? 0 : bodyEnd);
  const size = bodyEnd + sections.length * Math.max(sizes.sectionHeader, header.e_shentsize ?? 0);
  const file = new Uint8Array(Math.max(size, length ?? 0) + sizes.programHeader);
  file.fill(NOP, 0x180, 0x2200);
  for (const end of [0x500, TEXT.offset + TEXT.size, 0x2100, 0x2200]) file.set(GUEST, end - GUEST.length);
  for (const { offset, bytes } of pieces) file.set(bytes, offset);
  const fileHeader = {
    ...{ e_phoff, e_phnum: segments.length, e_phentsize, e_shoff: shoff, e_shnum: sections.length },
    ...{ e_shentsize: sections.length === 0 ? 0 : sizes.sectionHeader, ...header },
  };
  writeFileHeader(file, fileClass, fileHeader);
  segments.forEach((segment, index) => {
    const at = Number(e_phoff) + index * e_phentsize;
    if (at + sizes.programHeader <= file.length) writeProgramHeader(file, at, fileClass, segment);
  });
  sections.forEach((section, index) => {
    const at = Number(shoff) + index * fileHeader.e_shentsize;
    if (at + sizes.sectionHeader <= file.length) writeSectionHeader(file, at, fileClass === ELFCLASS64, section);
  });
  return file.subarray(0, length ?? size);
}

function writeSectionHeader(file: Uint8Array, at: number, wide: boolean, section: SectionSpec): void {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const word = (offset: number, value: bigint): void =>
    wide
      ? view.setBigUint64(at + offset, value, true)
      : view.setUint32(at + offset, Number(value & 0xffff_ffffn), true);
  view.setUint32(at + 4, section.sh_type, true);
  word(wide ? 16 : 12, section.sh_addr);
  word(wide ? 24 : 16, section.sh_offset);
  word(wide ? 32 : 20, section.sh_size);
  word(wide ? 48 : 32, section.sh_addralign);
}

/** Little-endian words, one after the other. */
export function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(index * 4, value >>> 0, true));
  return bytes;
}
