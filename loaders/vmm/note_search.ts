/**
 * How rust-vmm's linux-loader looks for the entry of a PVH kernel: src/loader/elf/mod.rs, `parse_elf_note`.
 *
 * Notes are padded to 4 bytes. Each `PT_NOTE` overrides those before it, also if it has no such note.
 *
 * @module
 */

import { PT_NOTE } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { type FileModel, readerAt } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { XEN_PHYS32_ENTRY } from "../../protocols/xen_notes.ts";

/** What the search of a `PT_NOTE` comes to. */
export interface NoteSearch {
  /** Index of the header. */
  readonly index: number;
  /** Whether there is an entry; if not, whether the notes are malformed, and in the loader's words. */
  readonly end: "found" | "missing" | { readonly words: string; readonly problem: string };
  /** The physical address of the entry, if there is one. */
  readonly entry?: bigint;
  /** File offset of the note with which the search ended. */
  readonly noteOffset: number;
}

const NOTE_HEADER = 12;

/** `Xen` with its zero byte, as a little-endian number. */
const XEN = 0x006e_6558;
const XEN_SIZE = 4;

/** The most notes that are looked at in a file. */
const MOST_NOTES = 2 ** 20;

const LARGEST_SEEK = 1n << 63n;
const LARGEST_SIZE = 0xffff_fffc;

/**
 * Searches all `PT_NOTE`s.
 *
 * @param model The file's model.
 * @param file The file; what is read of it is kept there.
 * @param headers The program headers.
 * @returns What each search comes to, in their order.
 */
export async function searchNotes(
  model: FileModel,
  file: KeptFile,
  headers: readonly ProgramHeader[],
): Promise<readonly NoteSearch[]> {
  const searches: NoteSearch[] = [];
  let left = MOST_NOTES;
  for (const { p_type, index, p_offset, p_filesz } of headers) {
    if (p_type !== PT_NOTE) continue;
    const [start, size] = [Number(p_offset), Number(p_filesz)];
    // A note may begin with the segment's last byte.
    const length = size + NOTE_HEADER + 2 * XEN_SIZE;
    await file.keep(start, length);
    const notes = readerAt(model, "notes", start, length);
    const result = (at: number, end: NoteSearch["end"], entry?: bigint) =>
      searches.push({ index, end, ...(entry === undefined ? {} : { entry }), noteOffset: start + at });
    const fails = (at: number, words: string, problem: string) => result(at, { words, problem });
    if (p_offset >= LARGEST_SEEK) {
      fails(0, "Unable to seek to note header", "starts at a file offset of 2^63 or more");
      continue;
    }
    for (let at = 0;; left--) {
      if (at >= size || left === 0) {
        result(at, "missing");
        break;
      }
      if (at + NOTE_HEADER > notes.length) {
        fails(at, "Unable to read note header", "ends past the end of the file");
        break;
      }
      const [namesz, descsz, type] = [notes.u32(at), notes.u32(at + 4), notes.u32(at + 8)];
      const isEntry = type === XEN_PHYS32_ENTRY && namesz === XEN_SIZE;
      if (isEntry && at + NOTE_HEADER + XEN_SIZE > notes.length) {
        fails(at, "Unable to read note header", "ends past the end of the file");
        break;
      }
      if (isEntry && notes.u32(at + NOTE_HEADER) === XEN) {
        const descriptor = at + NOTE_HEADER + XEN_SIZE;
        if (descsz < 4) fails(at, "Invalid PVH note header", `has an entry of ${descsz} bytes, less than 4`);
        else if (descriptor + 4 > notes.length) {
          fails(at, "Unable to read note header", "ends past the end of the file");
        } else result(at, "found", BigInt(notes.u32(descriptor)));
        break;
      }
      if (namesz > LARGEST_SIZE || descsz > LARGEST_SIZE) {
        fails(at, "Overflow occurred during an arithmetic operation", "has a note of 2^32 bytes");
        break;
      }
      at += NOTE_HEADER + alignUp(namesz) + alignUp(descsz);
    }
  }
  return searches;
}

function alignUp(size: number): number {
  return Math.ceil(size / 4) * 4;
}
