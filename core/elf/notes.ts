/**
 * Notes (gABI, "Note Section"): records by which vendors mark a file, each with its owner's name and a type.
 *
 * The gABI wants 8-byte alignment in 64-bit files; what is written in practice has 4, and 8 only if `p_align` says so
 * (binutils, glibc). Linker scripts also put notes of both kinds into one segment, so that each note is read by the
 * alignment that leads to a next one.
 *
 * @module
 */

import { elfReader } from "./reader.ts";

/** `type` of a note of owner "GNU": bytes that identify the build. */
export const NT_GNU_BUILD_ID = 3;

/** `type` of a note of owner "GNU": program properties. */
export const NT_GNU_PROPERTY_TYPE_0 = 5;

/** The alignment of a note's descriptor and of the next note, in bytes. */
export type NoteAlignment = 4 | 8;

/** A note, as it stands in the file. */
export interface RawNote {
  /** File offset of its header. */
  readonly fileOffset: number;
  /** Name of its owner, without the zero byte at its end. */
  readonly owner: string;
  /** What the descriptor means to that owner. */
  readonly type: number;
  /** The alignment that it was read by, in bytes. */
  readonly alignment: NoteAlignment;
  /** File offset of the descriptor. */
  readonly descriptorOffset: number;
  /** The descriptor; a copy. */
  readonly descriptor: Uint8Array;
}

/** What is wrong with a note. */
export interface NoteFault {
  /** File offset of what is malformed. */
  readonly fileOffset: number;
  /** What is wrong with it. */
  readonly problem: string;
}

/** The notes of a segment. */
export interface NoteList {
  /** The notes that could be read, in the order of the file. */
  readonly notes: readonly RawNote[];
  /** What is wrong with them, and with the one that could not be read. */
  readonly faults: readonly NoteFault[];
}

/** `n_namesz`, `n_descsz` and `n_type`, of four bytes each in both classes. */
const HEADER_SIZE = 12;

/** How the descriptor, and how the next note, are aligned. */
type Layout = readonly [descriptor: NoteAlignment, next: NoteAlignment];

const BY_FOUR: readonly Layout[] = [[4, 4], [4, 8], [8, 8]];
const BY_EIGHT: readonly Layout[] = [[8, 8], [4, 4], [4, 8]];

/**
 * Reads the notes of a segment, up to the first whose sizes leave it; zero bytes at its end are padding.
 *
 * @param bytes The segment.
 * @param fileOffset Where in the file it starts.
 * @param p_align The segment's alignment: 8 means notes aligned to 8 bytes, anything else to 4.
 * @returns The notes, and what is wrong with them.
 */
export function readNotes(bytes: Uint8Array, fileOffset: number, p_align: bigint): NoteList {
  const reader = elfReader(bytes, { subject: "the notes", fileOffset });
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const notes: RawNote[] = [];
  const faults: NoteFault[] = [];
  const fault = (at: number, problem: string) => faults.push({ fileOffset: fileOffset + at, problem });

  /** Whether a note with a name starts here, or only padding, and only padding comes before it. */
  const leadsOn = (from: number, at: number): boolean => {
    if (bytes.subarray(from, at).some((byte) => byte !== 0)) return false;
    if (at >= end) return true;
    if (at + HEADER_SIZE > bytes.length) return false;
    const name = at + HEADER_SIZE;
    const nameEnd = name + reader.u32(at);
    if (nameEnd === name || nameEnd > bytes.length || bytes[name] === 0 || bytes[nameEnd - 1] !== 0) return false;
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
