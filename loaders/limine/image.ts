/**
 * A kernel's headers and segments as Limine reads them.
 *
 * @module
 */

import { ELFCLASS64, ET_DYN, PT_DYNAMIC, PT_LOAD, RECORD_SIZES } from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { type FileHeader, readFileHeader } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { type FileModel, programHeadersAs } from "../../core/file/file_model.ts";

/** The start of the part of the address space that Limine loads kernels to. */
export const HIGHER_HALF = 0xffff_ffff_8000_0000n;

/** What differs between the versions of Limine. */
export interface LimineVersion {
  /** The newest base revision that it supports. */
  readonly newestRevision: number;
  /** Whether it checks that sums do not overflow and tables lie in the file. */
  readonly isChecked: boolean;
  /** Whether it moves position-independent kernels by a random distance, without a line in its configuration. */
  readonly randomizes: boolean;
}

/** A file as Limine reads it. */
export interface LimineImage {
  /** What differs between the versions of Limine. */
  readonly version: LimineVersion;
  /** The file. */
  readonly model: FileModel;
  /** The machine's memory in bytes. */
  readonly memory: number;
  /** Whether it starts with the ELF magic number. */
  readonly isElf: boolean;
  /** The file header, as an `Elf64_Ehdr` whatever the class; bytes that the file does not have are 0. */
  readonly header: FileHeader;
  /** The program headers. */
  readonly programHeaders: readonly ProgramHeader[];
  /** Those of type `PT_LOAD` with a `p_memsz` that is not 0. */
  readonly loads: readonly ProgramHeader[];
  /** The first one of type `PT_DYNAMIC`. */
  readonly dynamic?: ProgramHeader;
  /** Whether the file is an `ET_DYN`, which Limine may move. */
  readonly isRelocatable: boolean;
  /** The first address of the loads. */
  readonly start: bigint;
  /** The address after the last of the loads, modulo 2^64. */
  readonly end: bigint;
  /** Reads bytes of the file; shorter, or empty, where the file has none or they belong to no segment. */
  readonly bytes: (offset: bigint, length: number) => Uint8Array;
}

/**
 * Reads a kernel's headers.
 *
 * @param version What differs between the versions of Limine.
 * @param model The file.
 * @param memory The machine's memory in bytes.
 * @returns The headers, with what follows from them.
 */
export function readImage(version: LimineVersion, model: FileModel, memory: number): LimineImage {
  const { fileHeader } = RECORD_SIZES[ELFCLASS64];
  const head = new Uint8Array(fileHeader);
  head.set(model.bytes(0, fileHeader));
  const header = readFileHeader(elfReader(head, { subject: "the ELF file header", fileOffset: 0 }), true);
  const isElf = hasElfMagic(head);
  const programHeaders = programHeadersAs(model, { wide: true });
  const loads = programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
  const dynamic = programHeaders.find(({ p_type }) => p_type === PT_DYNAMIC);
  const ends = loads.map(({ p_vaddr, p_memsz }) => BigInt.asUintN(64, p_vaddr + p_memsz));
  return {
    version,
    model,
    memory,
    isElf,
    header,
    programHeaders,
    loads,
    ...(dynamic ? { dynamic } : {}),
    isRelocatable: header.e_type === ET_DYN,
    start: loads.reduce((least, { p_vaddr }) => p_vaddr < least ? p_vaddr : least, 2n ** 64n - 1n),
    end: ends.reduce((most, end) => end > most ? end : most, 0n),
    bytes: (offset, length) => segmentBytes(model, programHeaders, offset, length),
  };
}

/**
 * How far Limine moves a kernel that is linked below the higher half, at least.
 *
 * @param view The file.
 * @returns The distance; 0 for one that is linked in the higher half.
 */
export function leastSlide({ start }: LimineImage): bigint {
  return start < HIGHER_HALF ? HIGHER_HALF - start : 0n;
}

/** Reads bytes of the file, as far as they belong to a segment: those are kept. */
function segmentBytes(
  model: FileModel,
  headers: readonly ProgramHeader[],
  offset: bigint,
  length: number,
): Uint8Array {
  let most = 0;
  for (const { p_type, p_offset, p_filesz } of headers) {
    if (p_type !== PT_LOAD && p_type !== PT_DYNAMIC) continue;
    if (p_offset <= offset && offset < p_offset + p_filesz) most = Math.max(most, Number(p_offset + p_filesz - offset));
  }
  return model.bytes(Number(offset), Math.min(length, most, Math.max(0, model.length - Number(offset))));
}
