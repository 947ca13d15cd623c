/**
 * How QEMU 7.2 looks for the entry of a PVH kernel: include/hw/elf_ops.h, `get_elf_note_type`, and hw/i386/x86.c,
 * `read_pvh_start_addr`.
 *
 * It differs from the specification in three ways. Names and descriptors are padded to the segment's `p_align`, whatever
 * it is, and the descriptor is looked for that far after the note's header. The owner does not matter. And each note by
 * itself has to be no larger than the segment, so that the search goes on behind the segment's end.
 *
 * @module
 */

import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { XEN_PHYS32_ENTRY } from "../../protocols/xen_notes.ts";

/** What QEMU's search of a `PT_NOTE` comes to. */
export type NoteScan =
  & {
    /** Index of the header. */
    readonly index: number;
  }
  & (
    | { readonly end: "found"; readonly noteOffset: number; readonly entryOffset: number; readonly entry: bigint }
    /** QEMU divides by `p_align`, which is 0. */
    | { readonly end: "division" }
    /** A note whose size is 0 modulo 2^32 is followed by itself. */
    | { readonly end: "endless"; readonly noteOffset: number }
    /** The place of the entry lies behind the last page of the file. */
    | { readonly end: "astray"; readonly noteOffset: number }
    | { readonly end: "missing" }
  );

/** The most notes that are looked at in a file: a search through zero bytes is a note every 12 bytes. */
const MOST_NOTES = 2 ** 20;

const NOTE_HEADER = 12;
const PAGE = 4096;
const FIRST_PIECE = 4096;
const LARGEST_PIECE = 2 ** 20;

/**
 * Searches the notes of an ELF file as QEMU does.
 *
 * @param file The file; what is read of it is kept there.
 * @param headers The program headers.
 * @param wide Whether it is ELF64.
 * @returns What the search of each `PT_NOTE` comes to that has bytes in the file.
 */
export async function scanNotes(
  file: KeptFile,
  headers: readonly ProgramHeader[],
  wide: boolean,
): Promise<readonly NoteScan[]> {
  const scans: NoteScan[] = [];
  const reader = noteReader(file);
  let left = MOST_NOTES;
  for (const { index, p_offset, p_filesz, p_align } of headers) {
    const size = p_filesz;
    const bits = wide ? 64 : 32;
    const up = (value: bigint): bigint =>
      BigInt.asUintN(bits, BigInt.asUintN(bits, value + p_align - 1n) / p_align * p_align);
    let at = Number(p_offset);
    for (;; left--) {
      if (left === 0 || at >= reader.end()) {
        scans.push({ index, end: "missing" });
        break;
      }
      const [namesz, descsz, type] = await reader.words(at, 3);
      if (type === XEN_PHYS32_ENTRY || p_align === 0n) {
        scans.push(p_align === 0n ? { index, end: "division" } : await found(index, at, up(BigInt(namesz))));
        break;
      }
      const step = BigInt.asUintN(bits, BigInt(NOTE_HEADER) + up(BigInt(namesz)) + up(BigInt(descsz)));
      if (step > size || step === 0n) {
        scans.push(step === 0n ? { index, end: "endless", noteOffset: at } : { index, end: "missing" });
        break;
      }
      at += Number(step);
    }
  }
  return scans;

  async function found(index: number, noteOffset: number, nameSize: bigint): Promise<NoteScan> {
    const entryOffset = noteOffset + NOTE_HEADER + Number(nameSize);
    if (entryOffset >= reader.end()) return { index, end: "astray", noteOffset };
    const [low, high] = await reader.words(entryOffset, 2);
    return { index, end: "found", noteOffset, entryOffset, entry: BigInt(low) | (wide ? BigInt(high) << 32n : 0n) };
  }
}

interface NoteReader {
  /** Where the last page of the file ends: what lies between it and the file's end reads as zeros. */
  readonly end: () => number;
  readonly words: (offset: number, count: number) => Promise<readonly number[]>;
}

function noteReader(file: KeptFile): NoteReader {
  let start = 0;
  let piece: Uint8Array = new Uint8Array();
  let next = FIRST_PIECE;
  return {
    end: () => file.isWhole ? Math.ceil(file.length / PAGE) * PAGE : Infinity,
    words: async (offset, count) => {
      const size = count * 4;
      if (offset < start || offset + size > start + piece.length) {
        await file.keep(offset, next);
        piece = file.bytes(offset, next);
        start = offset;
        next = Math.min(next * 2, LARGEST_PIECE);
      }
      const bytes = new Uint8Array(size);
      bytes.set(piece.subarray(offset - start, offset - start + size));
      const view = new DataView(bytes.buffer);
      return Array.from({ length: count }, (_, index) => view.getUint32(index * 4, true));
    },
  };
}
