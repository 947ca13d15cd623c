/**
 * Readers of notes with owner "Xen", which also hold the entry point for the PVH boot protocol (Xen,
 * "public/elfnote.h").
 *
 * @module
 */

import { elfReader } from "../../core/elf/reader.ts";
import type { NoteReader } from "./note_reader.ts";

/** Where a kernel that relocates itself may be loaded (XEN_ELFNOTE_PHYS32_RELOC); physical addresses. */
export interface Phys32Reloc {
  /** Alignment of its first byte. */
  readonly align: number;
  /** The lowest address of its first byte. */
  readonly min: number;
  /** The highest address of its last byte. */
  readonly max: number;
}

/** `type` of the note that holds the 32-bit physical entry point. */
export const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/** `type` of the note with the range in which a kernel that relocates itself may be loaded. */
export const XEN_ELFNOTE_PHYS32_RELOC = 19;

const NUMERIC: readonly (readonly [type: number, name: string])[] = [
  [1, "XEN_ELFNOTE_ENTRY"],
  [2, "XEN_ELFNOTE_HYPERCALL_PAGE"],
  [3, "XEN_ELFNOTE_VIRT_BASE"],
  [4, "XEN_ELFNOTE_PADDR_OFFSET"],
];

const TEXT: readonly (readonly [type: number, name: string])[] = [
  [0, "XEN_ELFNOTE_INFO"],
  [5, "XEN_ELFNOTE_XEN_VERSION"],
  [6, "XEN_ELFNOTE_GUEST_OS"],
  [7, "XEN_ELFNOTE_GUEST_VERSION"],
  [8, "XEN_ELFNOTE_LOADER"],
  [9, "XEN_ELFNOTE_PAE_MODE"],
  [10, "XEN_ELFNOTE_FEATURES"],
  [11, "XEN_ELFNOTE_BSD_SYMTAB"],
];

/** Readers for addresses, texts, and the entry and relocation notes of PVH. */
export const XEN_READERS: readonly NoteReader<string | bigint | number | Phys32Reloc>[] = [
  ...NUMERIC.map(([type, name]) => ({ owner: "Xen", type, name, read: numeric })),
  ...TEXT.map(([type, name]) => ({ owner: "Xen", type, name, read: text })),
  { owner: "Xen", type: XEN_ELFNOTE_PHYS32_ENTRY, name: "XEN_ELFNOTE_PHYS32_ENTRY", read: phys32 },
  { owner: "Xen", type: XEN_ELFNOTE_PHYS32_RELOC, name: "XEN_ELFNOTE_PHYS32_RELOC", read: phys32Reloc },
];

/** "Numeric types are either 4 or 8 bytes": the descriptor's size tells which. */
function numeric(descriptor: Uint8Array): bigint | undefined {
  const reader = elfReader(descriptor, { subject: "a Xen note" });
  return descriptor.length === 8 || descriptor.length === 4 ? reader.word(0, descriptor.length === 8) : undefined;
}

/** Text up to the first zero byte, or to the end of the descriptor. */
function text(descriptor: Uint8Array): string {
  return new TextDecoder().decode(descriptor).split("\0", 1)[0];
}

/** Linux writes eight bytes, although the processor enters in 32-bit mode. */
function phys32(descriptor: Uint8Array): number | undefined {
  const value = numeric(descriptor);
  return value === undefined || value > 0xffff_ffffn ? undefined : Number(value);
}

/** Up to three 32-bit words; missing ones get the defaults from elfnote.h. */
function phys32Reloc(descriptor: Uint8Array): Phys32Reloc | undefined {
  if (descriptor.length % 4 !== 0) return undefined;
  const reader = elfReader(descriptor, { subject: "a Xen note" });
  const word = (at: number, otherwise: number): number => at * 4 < reader.length ? reader.u32(at * 4) : otherwise;
  return { align: word(0, 0x20_0000), min: word(1, 0), max: word(2, 0xffff_ffff) };
}
