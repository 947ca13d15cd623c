/**
 * Goes from note to note as QEMU does.
 *
 * @module
 */

import type { ElfReader } from "../../core/elf/reader.ts";

/** `n_namesz`, `n_descsz` and `n_type`, four bytes each in both classes. */
const HEADER_SIZE = 12;

/**
 * Lists the notes of a segment, with names and descriptors padded to one alignment, as QEMU's `get_elf_note_type()`
 * takes them.
 *
 * @param reader Reads the segment.
 * @param alignment The alignment in bytes, at least 1.
 * @returns Where each note's descriptor starts; `undefined` if these cannot be the notes: one of them reaches past the
 * end, its name does not end in a zero byte, or its padding is not zero.
 */
export function walkNotes(reader: ElfReader, alignment: number): readonly number[] | undefined {
  const aligned = (size: number): number => Math.ceil(size / alignment) * alignment;
  const end = lastByte(reader) + 1;
  const descriptors: number[] = [];
  for (let at = 0; at < end;) {
    if (at + HEADER_SIZE > reader.length) return undefined;
    const name = at + HEADER_SIZE;
    const nameEnd = name + reader.u32(at);
    const descriptor = name + aligned(reader.u32(at));
    const descriptorEnd = descriptor + reader.u32(at + 4);
    if (nameEnd > reader.length || descriptorEnd > reader.length) return undefined;
    if (nameEnd > name && reader.u8(nameEnd - 1) !== 0) return undefined;
    const next = descriptor + aligned(reader.u32(at + 4));
    if (!isZero(reader, nameEnd, descriptor) || !isZero(reader, descriptorEnd, next)) return undefined;
    descriptors.push(descriptor);
    at = next;
  }
  return descriptors;
}

function lastByte(reader: ElfReader): number {
  for (let at = reader.length - 1; at >= 0; at--) if (reader.u8(at) !== 0) return at;
  return -1;
}

function isZero(reader: ElfReader, from: number, to: number): boolean {
  for (let at = from; at < Math.min(to, reader.length); at++) if (reader.u8(at) !== 0) return false;
  return true;
}
