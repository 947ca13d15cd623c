/**
 * PVH: direct boot by Xen, QEMU and virtual machine monitors (xen/include/public/arch-x86/hvm/start_info.h). A kernel
 * asks for it by a note of owner "Xen" and type 18, which has the physical address of its 32-bit entry.
 *
 * @module
 */

import { hexAddr } from "../core/hex.ts";
import type { Protocol, Recognizer } from "./protocol.ts";
import { readXenNotes, XEN_PHYS32_ENTRY, type XenNote, xenNumber } from "./xen_notes.ts";

/** A kernel for PVH. */
export interface PvhKernel extends Protocol<"pvh"> {
  /** Every note that names an entry, in the order of the program headers; loaders differ on which one counts. */
  readonly entries: readonly PvhEntry[];
  /** The other notes of owner "Xen". */
  readonly otherNotes: readonly OtherXenNote[];
}

/** A note that names an entry, and how it is laid out. */
export interface PvhEntry {
  /** File offset of the note. */
  readonly offset: number;
  /** File offset of its descriptor. */
  readonly descriptorOffset: number;
  /** Size of the descriptor in bytes: 4 or 8 in a valid note. */
  readonly descsz: number;
  /** The physical address of the entry; absent if the descriptor is shorter than 4 bytes. */
  readonly entry?: bigint;
  /** The alignment in bytes to which its descriptor is padded. */
  readonly padding: number;
  /** Index of the `PT_NOTE` that holds it. */
  readonly index: number;
  /** That header's `p_align`. */
  readonly p_align: bigint;
}

/** Another note of owner "Xen". */
export interface OtherXenNote {
  /** The type's name, without the prefix `XEN_ELFNOTE_`, or its number. */
  readonly type: string;
  /** File offset of the note. */
  readonly offset: number;
}

/** Recognizes kernels for PVH. */
export const pvh: Recognizer<PvhKernel> = {
  parts: ["notes"],
  recognize: (file) => {
    const notes = readXenNotes(file);
    const entries = notes.filter(({ type }) => type === XEN_PHYS32_ENTRY).map(pvhEntry);
    if (entries.length === 0) return undefined;
    const otherNotes = notes.filter(({ type }) => type !== XEN_PHYS32_ENTRY)
      .map(({ typeName, offset }) => ({ type: typeName, offset }));
    return { name: "pvh", offset: entries[0].offset, summary: describe(entries), entries, otherNotes };
  },
};

function pvhEntry(note: XenNote): PvhEntry {
  const { offset, descriptorOffset, descriptor, padding, index, p_align } = note;
  const entry = xenNumber(note);
  const descsz = descriptor.length;
  return { offset, descriptorOffset, descsz, ...(entry === undefined ? {} : { entry }), padding, index, p_align };
}

function describe([first, ...more]: readonly PvhEntry[]): string {
  const entry = first.entry === undefined ? "no entry" : `entry ${hexAddr(first.entry)}`;
  const others = more.length === 0 ? "" : `, and ${more.length} more such note${more.length === 1 ? "" : "s"}`;
  return `PVH: ${entry} (Xen note at file offset ${hexAddr(first.offset)}${others})`;
}
