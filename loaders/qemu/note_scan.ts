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
    /** The place of the entry lies behind the last page of the file, after a name of so many bytes. */
    | {
      readonly end: "astray";
      readonly noteOffset: number;
      readonly entryOffset: number;
      readonly namesz: number;
      readonly fileEnd: number;
    }
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
    const { nameSize, noteSize } = sizes(p_align, wide);
    const size = Number(p_filesz);
    let at = Number(p_offset);
    for (;; left--) {
      if (left === 0 || at >= reader.end()) {
        scans.push({ index, end: "missing" });
        break;
      }
      const loading = reader.load(at);
      if (loading) await loading;
      const [namesz, descsz, type] = [reader.u32(at), reader.u32(at + 4), reader.u32(at + 8)];
      if (type === XEN_PHYS32_ENTRY || p_align === 0n) {
        scans.push(p_align === 0n ? { index, end: "division" } : await found(index, at, namesz, nameSize(namesz)));
        break;
      }
      const step = noteSize(namesz, descsz);
      if (step > size || step === 0) {
        scans.push(step === 0 ? { index, end: "endless", noteOffset: at } : { index, end: "missing" });
        break;
      }
      at += step;
    }
  }
  return scans;

  async function found(index: number, noteOffset: number, namesz: number, nameSize: number): Promise<NoteScan> {
    const entryOffset = noteOffset + NOTE_HEADER + nameSize;
    if (entryOffset >= reader.end()) {
      return { index, end: "astray", noteOffset, entryOffset, namesz, fileEnd: file.length };
    }
    await reader.load(entryOffset);
    const [low, high] = [reader.u32(entryOffset), reader.u32(entryOffset + 4)];
    return { index, end: "found", noteOffset, entryOffset, entry: BigInt(low) | (wide ? BigInt(high) << 32n : 0n) };
  }
}

/** How QEMU computes sizes in a segment. */
interface Sizes {
  readonly nameSize: (namesz: number) => number;
  readonly noteSize: (namesz: number, descsz: number) => number;
}

/** Up to this `p_align`, sizes are exact as numbers. */
const SMALL_ALIGN = 2n ** 20n;

/** Sizes are rounded up to `p_align`, and added up modulo the size of a word, 64 or 32 bits. */
function sizes(p_align: bigint, wide: boolean): Sizes {
  if (p_align <= SMALL_ALIGN) {
    const [align, modulus] = [Number(p_align), wide ? Infinity : 2 ** 32];
    const nameSize = (size: number): number => Math.floor((size + align - 1) % modulus / align) * align;
    return { nameSize, noteSize: (namesz, descsz) => (NOTE_HEADER + nameSize(namesz) + nameSize(descsz)) % modulus };
  }
  const word = (value: bigint): bigint => BigInt.asUintN(wide ? 64 : 32, value);
  const up = (size: number): bigint => word(word(BigInt(size) + p_align - 1n) / p_align * p_align);
  return {
    nameSize: (size) => Number(up(size)),
    noteSize: (namesz, descsz) => Number(word(BigInt(NOTE_HEADER) + up(namesz) + up(descsz))),
  };
}

interface NoteReader {
  /** Where the last page of the file ends: what lies between it and the file's end reads as zeros. */
  readonly end: () => number;
  /** Reads a note's header, or as much, unless it was read before. */
  readonly load: (offset: number) => Promise<void> | undefined;
  /** Four bytes of what was read last. */
  readonly u32: (offset: number) => number;
}

function noteReader(file: KeptFile): NoteReader {
  let start = 0;
  let view = new DataView(new ArrayBuffer(0));
  let next = FIRST_PIECE;
  const read = async (offset: number): Promise<void> => {
    const isNext = offset > start && offset <= start + view.byteLength;
    next = isNext ? Math.min(next * 2, LARGEST_PIECE) : FIRST_PIECE;
    await file.keep(offset, next);
    const piece = new Uint8Array(next);
    piece.set(file.bytes(offset, next));
    view = new DataView(piece.buffer);
    start = offset;
  };
  return {
    end: () => file.isWhole ? Math.ceil(file.length / PAGE) * PAGE : Infinity,
    load: (offset) => offset >= start && offset + NOTE_HEADER <= start + view.byteLength ? undefined : read(offset),
    u32: (offset) => view.getUint32(offset - start, true),
  };
}
