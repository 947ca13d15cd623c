/**
 * The notes of owner "Xen" (xen/include/public/elfnote.h), by which PVH kernels and Linux are recognized.
 *
 * @module
 */

import { PT_NOTE } from "../core/elf/constants.ts";
import { type NoteAlignment, type RawNote, readNotes } from "../core/elf/notes.ts";
import type { FileModel } from "../core/file/file_model.ts";

/** `XEN_ELFNOTE_GUEST_OS`: the name of the kernel. */
export const XEN_GUEST_OS = 6;

/** `XEN_ELFNOTE_GUEST_VERSION`: its version. */
export const XEN_GUEST_VERSION = 7;

/** `XEN_ELFNOTE_PHYS32_ENTRY`: the physical address at which PVH enters it. */
export const XEN_PHYS32_ENTRY = 18;

/** The names of the types, without the prefix `XEN_ELFNOTE_`. */
const NAMES = [
  ...["INFO", "ENTRY", "HYPERCALL_PAGE", "VIRT_BASE", "PADDR_OFFSET", "XEN_VERSION", "GUEST_OS", "GUEST_VERSION"],
  ...["LOADER", "PAE_MODE", "FEATURES", "BSD_SYMTAB", "HV_START_LOW", "L1_MFN_VALID", "SUSPEND_CANCEL", "INIT_P2M"],
  ...["MOD_START_PFN", "SUPPORTED_FEATURES", "PHYS32_ENTRY", "PHYS32_RELOC"],
];

/** A note of owner "Xen". */
export interface XenNote {
  /** Its type. */
  readonly type: number;
  /** The name of the type, without the prefix `XEN_ELFNOTE_`; the number if it has none. */
  readonly typeName: string;
  /** Index of the `PT_NOTE` that holds it. */
  readonly index: number;
  /** That header's `p_align`. */
  readonly p_align: bigint;
  /** File offset of the note. */
  readonly offset: number;
  /** The alignment in bytes that its descriptor was found with. */
  readonly padding: NoteAlignment;
  /** File offset of the descriptor. */
  readonly descriptorOffset: number;
  /** The descriptor. */
  readonly descriptor: Uint8Array;
}

/** The most bytes of notes that are read; kernels have a few hundred. */
const MOST = 2 ** 20;

/**
 * Reads the notes of owner "Xen" in all `PT_NOTE`s, of up to 1 MiB in all. Each note is read with the padding that
 * leads to a valid next note.
 *
 * @param file The file, with its notes read.
 * @returns The notes, in the order of the headers; empty if the file is not a little-endian ELF file.
 */
export function readXenNotes(file: FileModel): readonly XenNote[] {
  if (!file.elf || file.elf.bigEndian) return [];
  const found: XenNote[] = [];
  let left = MOST;
  for (const { index, p_type, p_offset, p_filesz, p_align } of file.elf.programHeaders) {
    if (p_type !== PT_NOTE || p_filesz > left) continue;
    left -= Number(p_filesz);
    const offset = Number(p_offset);
    const { notes } = readNotes(file.bytes(offset, Number(p_filesz)), offset, p_align);
    found.push(...notes.filter(({ owner }) => owner === "Xen").map((note) => xenNote(note, index, p_align)));
  }
  return found;
}

function xenNote(note: RawNote, index: number, p_align: bigint): XenNote {
  const { type, fileOffset: offset, alignment: padding, descriptorOffset, descriptor } = note;
  return { type, typeName: NAMES[type] ?? `${type}`, index, p_align, offset, padding, descriptorOffset, descriptor };
}

/**
 * Reads a number from a descriptor.
 *
 * @param note The note.
 * @returns Its first 4 bytes, or 8 if it has exactly 8; `undefined` if it is shorter.
 */
export function xenNumber({ descriptor }: XenNote): bigint | undefined {
  const { buffer, byteOffset, length } = descriptor;
  const view = new DataView(buffer, byteOffset, length);
  if (length === 8) return view.getBigUint64(0, true);
  return length >= 4 ? BigInt(view.getUint32(0, true)) : undefined;
}

/**
 * Reads a text from a descriptor.
 *
 * @param note The note.
 * @returns The text up to the first zero byte.
 */
export function xenText({ descriptor }: XenNote): string {
  return new TextDecoder("latin1").decode(descriptor).split("\0", 1)[0];
}
