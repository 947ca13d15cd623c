/**
 * What the rules of OpenVMM's PVH loader look at.
 *
 * @module
 */

import { PT_LOAD, PT_NOTE, RECORD_SIZES } from "../../core/elf/constants.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import {
  type FileBytes,
  fileHeaderAs,
  type FileModel,
  programHeadersAs,
  readerAt,
} from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { XEN_PHYS32_ENTRY } from "../../protocols/xen_notes.ts";
import type { Circumstances } from "../loader.ts";

/** A file as OpenVMM's PVH loader takes it. */
export interface OpenVmmView {
  /** The file. */
  readonly model: FileModel;
  /** The size of the guest's memory in bytes. */
  readonly memory: number;
  /** Its file header as ELF64; absent if it has no ELF magic number or is too short. */
  readonly header?: FileHeader;
  /** Its program headers, as many as the file has; none if `e_phoff` is 0. */
  readonly headers: readonly ProgramHeader[];
  /** Its `PT_LOAD`s. */
  readonly loads: readonly ProgramHeader[];
  /** What is in its notes. */
  readonly notes: NotesResult;
}

/** The entry in the notes, up to the first thing wrong with them. */
export interface NotesResult {
  /** The entry, if there is one. */
  readonly entry?: { readonly address: bigint; readonly index: number; readonly offset: number };
  /** The first thing that is wrong. */
  readonly fault?: { readonly kind: "malformed" | "twice"; readonly index: number; readonly offset: number };
}

const { fileHeader: FILE_HEADER, programHeader: PROGRAM_HEADER } = RECORD_SIZES[2];

/** Larger notes are refused before they are read. */
export const LARGEST_NOTES = 2 ** 20;

/** The most bytes of notes that are read of a file. */
const MOST_NOTES = 2 ** 24;

/** Collects what the rules look at. */
export async function openVmmView(model: FileModel, { memory }: Circumstances, file: KeptFile): Promise<OpenVmmView> {
  await file.reach(FILE_HEADER);
  const header = fileHeaderAs(model, true);
  const headers = header && header.e_phoff > 0n ? programHeadersAs(model, { wide: true, stride: PROGRAM_HEADER }) : [];
  const ends = headers.map(({ p_offset, p_filesz }) => Number(p_offset + p_filesz));
  await file.reach(ends.reduce((most, end) => Math.max(most, end), 0));
  const loads = headers.filter(({ p_type }) => p_type === PT_LOAD);
  const notes = headers.filter(({ p_type, p_offset, p_filesz }) =>
    p_type === PT_NOTE && p_filesz <= LARGEST_NOTES && p_offset + p_filesz <= model.length
  );
  for (const { p_offset, p_filesz } of notes) await file.keep(Number(p_offset), Number(p_filesz));
  return { ...{ model, memory, headers, loads, notes: readNotes(model, notes) }, ...(header ? { header } : {}) };
}

const NOTE_HEADER = 12;

function readNotes(model: FileBytes, headers: readonly ProgramHeader[]): NotesResult {
  let entry: NotesResult["entry"];
  let left = MOST_NOTES;
  for (const { index, p_offset, p_filesz } of headers) {
    const [start, length] = [Number(p_offset), Number(p_filesz)];
    left -= length;
    if (left < 0) break;
    const notes = readerAt(model, "notes", start, length);
    for (let at = 0; at < length;) {
      const fault = (kind: "malformed" | "twice"): NotesResult => ({ fault: { kind, index, offset: start + at } });
      if (at + NOTE_HEADER > length) return fault("malformed");
      const [namesz, descsz, type] = [notes.u32(at), notes.u32(at + 4), notes.u32(at + 8)];
      const name = at + NOTE_HEADER;
      const descriptor = alignUp(name + namesz);
      if (name + namesz > length || descriptor + descsz > length) return fault("malformed");
      if (type === XEN_PHYS32_ENTRY && namesz === XEN.length && XEN.every((byte, i) => notes.u8(name + i) === byte)) {
        if (descsz !== 4 && descsz !== 8) return fault("malformed");
        if (entry) return fault("twice");
        const address = descsz === 4 ? BigInt(notes.u32(descriptor)) : notes.u64(descriptor);
        entry = { address, index, offset: start + at };
      }
      at = alignUp(descriptor + descsz);
    }
  }
  return entry ? { entry } : {};
}

/** `Xen` with its zero byte. */
const XEN: readonly number[] = [0x58, 0x65, 0x6e, 0];

function alignUp(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}
