/**
 * What the rules of virtual machine monitors look at that load kernels by rust-vmm's linux-loader.
 *
 * @module
 */

import { ELF_MAGIC, EM_386, EM_X86_64, PT_LOAD, RECORD_SIZES } from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { fileHeaderAs, type FileModel, programHeadersAs } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { readSetupHeader, SETUP_END, type SetupHeader } from "../../formats/bzimage/setup_header.ts";
import type { Circumstances } from "../loader.ts";
import { type NoteSearch, searchNotes } from "./note_search.ts";

/** A file as linux-loader takes it. */
export interface VmmView {
  /** The file. */
  readonly model: FileModel;
  /** The size of the guest's memory in bytes. */
  readonly memory: number;
  /** Whether it is loaded as an ELF file or as a Linux image. */
  readonly kind: "elf" | "image";
  /** Its setup header, if it is an image. */
  readonly setup: SetupHeader;
  /** Its file header, read as ELF64 whatever its class; absent if the file is too short. */
  readonly header?: FileHeader;
  /** Its program headers, 56 bytes apart, as many as the file has. */
  readonly headers: readonly ProgramHeader[];
  /** What the search for an entry comes to in each `PT_NOTE`. */
  readonly searches: readonly NoteSearch[];
  /** PVH's entry: that of the last `PT_NOTE`. */
  readonly pvhEntry?: bigint;
}

/** Everything at or above 1 MiB is for the kernel. */
export const HIGH_MEMORY = 0x10_0000;

const { fileHeader: FILE_HEADER, programHeader: PROGRAM_HEADER } = RECORD_SIZES[2];

/** Collects what the rules look at. */
export async function vmmView(model: FileModel, { memory }: Circumstances, file: KeptFile): Promise<VmmView> {
  const setup = readSetupHeader(model.bytes(0, SETUP_END));
  const hasMagic = hasElfMagic(model.bytes(0, ELF_MAGIC.length));
  await file.reach(FILE_HEADER);
  const kind = hasMagic || model.length < FILE_HEADER ? "elf" : "image";
  const header = fileHeaderAs(model, true);
  const headers = header ? programHeadersAs(model, { wide: true, stride: PROGRAM_HEADER }) : [];
  const searches = await searchNotes(model, file, headers);
  const ends = headers.filter(isLoaded).map(({ p_offset, p_filesz }) => Number(p_offset + p_filesz));
  await file.reach(kind === "image" ? Infinity : ends.reduce((most, end) => Math.max(most, end), 0));
  const pvhEntry = searches.at(-1)?.entry;
  return {
    ...{ model, memory, kind, setup, headers, searches },
    ...(header ? { header } : {}),
    ...(pvhEntry === undefined ? {} : { pvhEntry }),
  };
}

/** Whether linux-loader loads a segment: one without bytes in the file is left out. */
export function isLoaded({ p_type, p_filesz }: ProgramHeader): boolean {
  return p_type === PT_LOAD && p_filesz > 0n;
}

/** The loaded segment whose bytes of the file are at a physical address. */
export function segmentAt({ headers }: VmmView, address: bigint): ProgramHeader | undefined {
  return headers.find((header) =>
    isLoaded(header) && header.p_paddr <= address && address - header.p_paddr < header.p_filesz
  );
}

/** Whether an x86-64 processor can run code for a machine. */
export function isX86(machine: number): boolean {
  return machine === EM_X86_64 || machine === EM_386;
}
