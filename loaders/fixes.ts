/**
 * What can safely be fixed in a file itself: fields of program headers whose value makes a loader refuse or misread a
 * kernel, and that nothing else depends on.
 *
 * @module
 */

import { ELFCLASS32, ELFCLASS64, ELFDATA2MSB, PT_LOAD, PT_NOTE, RECORD_SIZES } from "../core/elf/constants.ts";
import { type ProgramHeader, programHeaderOffsets } from "../core/elf/program_header.ts";
import { fileHeaderAs, programHeadersAs, readerAt } from "../core/file/file_model.ts";
import { firstNote, walkNotes } from "./fixes/walk_notes.ts";

/** One field to change. */
export interface Fix {
  /** The rule that the file breaks without it. */
  readonly rule: string;
  /** Index of the program header. */
  readonly index: number;
  /** File offset of the field. */
  readonly offset: number;
  /** The bytes of the field as they are. */
  readonly before: Uint8Array;
  /** The bytes to put there. */
  readonly after: Uint8Array;
  /** What is wrong with the field, and why the new value is right. */
  readonly why: string;
}

const PAGE = 0x1000n;

/** The note that has the PVH entry (Xen, "xen/include/public/elfnote.h"). QEMU does not look at its owner. */
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/** The most bytes of notes to look at, of all program headers together. */
const NOTES_MAX = 2 ** 24;

/** A new value of `p_align`. */
interface NewAlign extends Pick<Fix, "rule" | "why"> {
  readonly p_align: bigint;
}

/**
 * Finds what can be fixed in a file. It is always a change of `p_align`, to a value that the addresses and file
 * offsets already keep, so that nothing moves:
 *
 * - 0 of a `PT_LOAD` becomes 4096: Limine 8 refuses 0.
 * - Any value of a `PT_NOTE` but 4, if its notes can be read with an alignment of 4, and QEMU, which goes by `p_align`,
 *   misses the PVH entry among them or divides by 0.
 *
 * @param file The whole file.
 * @returns The changes, in the order of the program headers; none for what is not an ELF file.
 */
export function findFixes(file: Uint8Array): readonly Fix[] {
  const bytes = (offset: number, length: number): Uint8Array => file.subarray(offset, offset + length);
  const header = fileHeaderAs({ bytes });
  if (!header) return [];
  const elfClass = header.EI_CLASS === ELFCLASS64 ? ELFCLASS64 : ELFCLASS32;
  const { fileHeader, programHeader } = RECORD_SIZES[elfClass];
  // In a table of overlapping entries, a field is part of two.
  if (header.e_phentsize !== programHeader || header.e_phoff < fileHeader) return [];
  const headers = programHeadersAs({ bytes });
  const loads = headers.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
  const startsOnPage = startOnPage(loads);
  const areAllZero = loads.every(({ p_align }) => p_align === 0n);
  const isBigEndian = header.EI_DATA === ELFDATA2MSB;
  let notesLeft = NOTES_MAX;
  return headers.flatMap((phdr): readonly Fix[] => {
    if (phdr.p_type === PT_NOTE) notesLeft -= Number(phdr.p_filesz);
    const changed = phdr.p_type === PT_LOAD && startsOnPage
      ? loadAlign(phdr, areAllZero ? "align-zero-only" : "align-zero")
      : phdr.p_type === PT_NOTE && notesLeft >= 0
      ? noteAlign(phdr, (offset, length) => readerAt({ bytes }, "the notes", offset, length))
      : undefined;
    if (!changed) return [];
    const { p_align, ...reason } = changed;
    const size = elfClass === ELFCLASS64 ? 8 : 4;
    const offset = Number(header.e_phoff) + phdr.index * programHeader + programHeaderOffsets(elfClass).p_align;
    const before = bytes(offset, size).slice();
    return [{ ...reason, index: phdr.index, offset, before, after: encoded(p_align, size, isBigEndian) }];
  });
}

/**
 * Fixes a file.
 *
 * @param file The whole file, which stays as it is.
 * @param fixes What to change.
 * @returns A copy of the file with the changes.
 */
export function applyFixes(file: Uint8Array, fixes: readonly Fix[]): Uint8Array<ArrayBuffer> {
  const mended = new Uint8Array(file);
  for (const { offset, after } of fixes) mended.set(after, offset);
  return mended;
}

/** Limine fails where the lowest segment does not start on a page, whatever its alignment. */
function startOnPage(loads: readonly ProgramHeader[]): boolean {
  const starts = loads.map(({ p_vaddr }) => p_vaddr);
  return starts.length > 0 && starts.reduce((one, other) => one < other ? one : other) % PAGE === 0n;
}

function loadAlign(
  { p_align, p_vaddr, p_offset, p_memsz }: ProgramHeader,
  rule: string,
): NewAlign | undefined {
  if (p_align !== 0n || p_memsz === 0n || (p_vaddr - p_offset) % PAGE !== 0n) return undefined;
  const why = "p_align is 0, which Limine 8 refuses; p_vaddr and p_offset are congruent modulo 4096 already.";
  return { rule, p_align: PAGE, why };
}

function noteAlign(
  { p_align, p_vaddr, p_offset, p_filesz }: ProgramHeader,
  read: (offset: number, length: number) => ReturnType<typeof readerAt>,
): NewAlign | undefined {
  if (p_align === 4n || p_filesz === 0n || (p_vaddr - p_offset) % 4n !== 0n) return undefined;
  const reader = read(Number(p_offset), Number(p_filesz));
  if (reader.length < Number(p_filesz)) return undefined;
  const notes = walkNotes(reader, 4);
  if (!notes || notes.length === 0) return undefined;
  if (p_align === 0n) {
    if (notes[0].type === XEN_ELFNOTE_PHYS32_ENTRY) return undefined;
    const why = "p_align is 0, and QEMU divides by it; all notes can be read with an alignment of 4.";
    return { rule: "note-align-zero", p_align: 4n, why };
  }
  const entry = notes.find(({ type }) => type === XEN_ELFNOTE_PHYS32_ENTRY);
  // Of more than a note can be long, the next note is out of reach in any case.
  const alignment = Number(p_align < 2n ** 32n ? p_align : 2n ** 32n);
  if (!entry || firstNote(reader, alignment, XEN_ELFNOTE_PHYS32_ENTRY) === entry.descriptor) return undefined;
  const why = `p_align is 0x${p_align.toString(16)}: QEMU pads the notes to that, and misses the PVH entry; ` +
    "with an alignment of 4, all notes can be read.";
  return { rule: "note-align-mismatch", p_align: 4n, why };
}

function encoded(value: bigint, size: 4 | 8, bigEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 8) view.setBigUint64(0, value, !bigEndian);
  else view.setUint32(0, Number(value), !bigEndian);
  return bytes;
}
