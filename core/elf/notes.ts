/**
 * Notes (gABI, "Note Section"): records that vendors add to a file, each with an owner's name and a type.
 *
 * The gABI asks for 8-byte alignment in 64-bit files. In practice notes are aligned to 4 bytes, and to 8 only if
 * `p_align` is 8 (binutils, glibc). Linker scripts may also put both kinds into one segment, so each note is read with
 * the alignment that leads to a valid next note.
 *
 * @module
 */

import { elfReader } from "./reader.ts";

/** `type` of a note with owner "GNU": the build ID. */
export const NT_GNU_BUILD_ID = 3;

/** `type` of a note with owner "GNU": program properties. */
export const NT_GNU_PROPERTY_TYPE_0 = 5;

/** The alignment of a note's descriptor and of the next note, in bytes. */
export type NoteAlignment = 4 | 8;

/** A note, as it is in the file. */
export interface RawNote {
  /** File offset of its header. */
  readonly fileOffset: number;
  /** Name of its owner, without the terminating zero byte. */
  readonly owner: string;
  /** The type, whose meaning the owner defines. */
  readonly type: number;
  /** The alignment that it was read with, in bytes. */
  readonly alignment: NoteAlignment;
  /** File offset of the descriptor. */
  readonly descriptorOffset: number;
  /** The descriptor; a copy. */
  readonly descriptor: Uint8Array;
}

/** What is wrong with a note. */
export interface NoteFault {
  /** File offset of the malformed part. */
  readonly fileOffset: number;
  /** What is wrong with it. */
  readonly problem: string;
}

/** The notes of a segment. */
export interface NoteList {
  /** The notes that could be read, in file order. */
  readonly notes: readonly RawNote[];
  /** What is wrong with them, and with a note that could not be read. */
  readonly faults: readonly NoteFault[];
}

/** `n_namesz`, `n_descsz` and `n_type`, four bytes each in both classes. */
const HEADER_SIZE = 12;

/** The alignments of the descriptor and of the next note. */
type Layout = readonly [descriptor: NoteAlignment, next: NoteAlignment];

const BY_FOUR: readonly Layout[] = [[4, 4], [4, 8], [8, 8]];
const BY_EIGHT: readonly Layout[] = [[8, 8], [4, 4]]; // [4, 8] never fits where neither of these does

/**
 * Reads the notes of a segment, up to the first that reaches past its end. Zero bytes at the end are padding.
 *
 * @param bytes The segment.
 * @param fileOffset Its offset in the file.
 * @param p_align The segment's alignment: 8 means notes aligned to 8 bytes, anything else to 4.
 * @returns The notes, and what is wrong with them.
 */
export function readNotes(bytes: Uint8Array, fileOffset: number, p_align: bigint): NoteList {
  const reader = elfReader(bytes, { subject: "the notes", fileOffset });
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const notes: RawNote[] = [];
  const faults: NoteFault[] = [];
  const fault = (at: number, problem: string) => faults.push({ fileOffset: fileOffset + at, problem });

  /** Whether a descriptor may end at `from`, `from` to `at` is padding, and a named note or only padding follows. */
  const leadsOn = (from: number, at: number): boolean => {
    if (from > bytes.length) return false;
    if (bytes.subarray(from, at).some((byte) => byte !== 0)) return false;
    if (at >= end) return true;
    if (at + HEADER_SIZE > bytes.length) return false;
    const name = at + HEADER_SIZE;
    const nameEnd = name + reader.u32(at);
    // Names are text: bytes below a space are fields of another note, read in the wrong layout.
    if (nameEnd === name || nameEnd > bytes.length || bytes[name] < 0x20 || bytes[nameEnd - 1] !== 0) return false;
    return alignUp(nameEnd, 4) + reader.u32(at + 4) <= bytes.length || reader.u32(at + 4) === 0;
  };

  for (let at = 0; at < end;) {
    if (at + HEADER_SIZE > bytes.length) {
      fault(at, "the segment ends inside its header");
      break;
    }
    const [nameSize, size, type] = [reader.u32(at), reader.u32(at + 4), reader.u32(at + 8)];
    const nameEnd = at + HEADER_SIZE + nameSize;
    if (nameEnd > bytes.length) {
      fault(at, `its name of ${nameSize} bytes reaches past the segment's end`);
      break;
    }
    const layouts = p_align === 8n && at % 8 === 0 ? BY_EIGHT : BY_FOUR;
    const place = ([alignment, next]: Layout) => {
      const start = alignUp(nameEnd, alignment);
      return { alignment, start, end: start + size, next: alignUp(start + size, next) };
    };
    const places = layouts.map(place);
    const { alignment, start, next } = places.find((one) => leadsOn(one.end, one.next)) ?? places[0];
    if (size > 0 && start + size > bytes.length) {
      fault(at, `its descriptor of ${size} bytes reaches past the segment's end`);
      break;
    }
    const name = bytes.subarray(at + HEADER_SIZE, nameEnd);
    if (nameSize > 0 && name[nameSize - 1] !== 0) fault(at, "its name does not end in a zero byte");
    notes.push({
      fileOffset: fileOffset + at,
      owner: new TextDecoder().decode(name).split("\0", 1)[0],
      type,
      alignment,
      descriptorOffset: fileOffset + start,
      descriptor: bytes.slice(start, start + size),
    });
    at = next;
  }
  return { notes, faults };
}

function alignUp(offset: number, alignment: NoteAlignment): number {
  return Math.ceil(offset / alignment) * alignment;
}
