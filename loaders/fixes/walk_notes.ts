/**
 * Goes from note to note.
 *
 * @module
 */

import type { ElfReader } from "../../core/elf/reader.ts";

/** `n_namesz`, `n_descsz` and `n_type`, four bytes each in both classes. */
const HEADER_SIZE = 12;

/** A note. */
export interface Note {
  /** Its type, whatever its owner. */
  readonly type: number;
  /** Offset of its descriptor in the segment. */
  readonly descriptor: number;
}

/**
 * Lists the notes of a segment, with names and descriptors padded to one alignment.
 *
 * @param reader Reads the segment.
 * @param alignment The alignment in bytes, at least 1.
 * @returns The notes; `undefined` if this cannot be their alignment: one of them reaches past the end, its name does not
 * end in a zero byte, or its padding is not zero.
 */
export function walkNotes(reader: ElfReader, alignment: number): readonly Note[] | undefined {
  const end = lastByte(reader) + 1;
  const notes: Note[] = [];
  for (let at = 0; at < end;) {
    if (at + HEADER_SIZE > reader.length) return undefined;
    const { nameEnd, descriptor, descriptorEnd, next } = placeOf(reader, at, alignment);
    if (nameEnd > reader.length || descriptorEnd > reader.length) return undefined;
    if (nameEnd > at + HEADER_SIZE && reader.u8(nameEnd - 1) !== 0) return undefined;
    if (!isZero(reader, nameEnd, descriptor) || !isZero(reader, descriptorEnd, next)) return undefined;
    notes.push({ type: reader.u32(at + 8), descriptor });
    at = next;
  }
  return notes;
}

/**
 * Finds the first note of a type as QEMU's `get_elf_note_type()` does, which checks nothing on the way.
 *
 * @param reader Reads the segment.
 * @param alignment The alignment in bytes, at least 1.
 * @param type The type.
 * @returns Offset of its descriptor; `undefined` if none is met in the segment.
 */
export function firstNote(reader: ElfReader, alignment: number, type: number): number | undefined {
  for (let at = 0; at + HEADER_SIZE <= reader.length;) {
    const { descriptor, next } = placeOf(reader, at, alignment);
    if (reader.u32(at + 8) === type) return descriptor;
    at = next;
  }
  return undefined;
}

function placeOf(reader: ElfReader, at: number, alignment: number): Readonly<Record<string, number>> {
  const aligned = (size: number): number => Math.ceil(size / alignment) * alignment;
  const [nameSize, size] = [reader.u32(at), reader.u32(at + 4)];
  const descriptor = at + HEADER_SIZE + aligned(nameSize);
  return {
    nameEnd: at + HEADER_SIZE + nameSize,
    descriptor,
    descriptorEnd: descriptor + size,
    next: descriptor + aligned(size),
  };
}

function lastByte(reader: ElfReader): number {
  for (let at = reader.length - 1; at >= 0; at--) if (reader.u8(at) !== 0) return at;
  return -1;
}

function isZero(reader: ElfReader, from: number, to: number): boolean {
  for (let at = from; at < Math.min(to, reader.length); at++) if (reader.u8(at) !== 0) return false;
  return true;
}
