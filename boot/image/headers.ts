/**
 * What stands before the content of an image: the headers that boot loaders look for.
 *
 * @module
 */

import {
  ELF_MAGIC,
  ELFCLASS32,
  ELFDATA2LSB,
  ET_EXEC,
  PT_LOAD,
  PT_NOTE,
  RECORD_SIZES,
} from "../../core/elf/constants.ts";
import { PF_R, PF_W, PF_X } from "../../core/elf/constants.ts";
import { alignUp, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { ImageSegment } from "./segments.ts";

// gABI, "ELF Header": e_machine of the 32-bit architecture, as which boot loaders start a kernel
const EM_386 = 3;

// Multiboot Specification 0.6.96, "The layout of Multiboot header": 12 bytes in the first 8192 of the file
const MULTIBOOT_MAGIC = 0x1bad_b002;
const MULTIBOOT_FLAGS = 0;
const MULTIBOOT_OFFSET = 52;

// Xen public headers, elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY, the 32-bit entry point of "x86/HVM direct boot ABI" (PVH)
const XEN_NAME = new Uint8Array([0x58, 0x65, 0x6e, 0]);
const PHYS32_ENTRY = 18;
const NOTE_SIZE = 20;

const { fileHeader: EHDR_SIZE, programHeader: PHDR_SIZE } = RECORD_SIZES[ELFCLASS32];
const PHDRS_OFFSET = 64;

/**
 * Makes the headers of an image: an `Elf32_Ehdr`, a Multiboot header, a program header for each segment and one for the
 * note, and that note with the PVH entry point.
 *
 * @param segments The segments.
 * @param entry Physical address of the 32-bit entry point.
 * @returns Whole pages; the segments' bytes follow, one behind the other.
 */
export function imageHeaders(segments: readonly ImageSegment[], entry: number): Uint8Array {
  const noteOffset = PHDRS_OFFSET + PHDR_SIZE * (segments.length + 1);
  const bytes = new Uint8Array(alignUp(noteOffset + NOTE_SIZE));
  const view = new DataView(bytes.buffer);
  writeFileHeader(bytes, entry, segments.length + 1);
  writeWords(view, MULTIBOOT_OFFSET, [MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)]);

  // gABI, Elf32_Phdr: p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_flags, p_align
  let at = PHDRS_OFFSET;
  let offset = bytes.length;
  for (const { phys, fileSize, memSize } of segments) {
    writeWords(view, at, [PT_LOAD, offset, phys, phys, fileSize, memSize, PF_R | PF_W | PF_X, PAGE_SIZE]);
    at += PHDR_SIZE;
    offset += fileSize;
  }
  writeWords(view, at, [PT_NOTE, noteOffset, 0, 0, NOTE_SIZE, NOTE_SIZE, PF_R, 4]);

  // gABI, "Note Section": namesz, descsz, type, name, descriptor
  writeWords(view, noteOffset, [XEN_NAME.length, 4, PHYS32_ENTRY]);
  bytes.set(XEN_NAME, noteOffset + 12);
  writeWords(view, noteOffset + 16, [entry]);
  return bytes;
}

/** gABI, "ELF Header", Elf32_Ehdr. */
function writeFileHeader(bytes: Uint8Array, entry: number, e_phnum: number): void {
  const view = new DataView(bytes.buffer);
  bytes.set([...ELF_MAGIC, ELFCLASS32, ELFDATA2LSB, 1]);
  view.setUint16(16, ET_EXEC, true);
  view.setUint16(18, EM_386, true);
  writeWords(view, 20, [1, entry, PHDRS_OFFSET]);
  view.setUint16(40, EHDR_SIZE, true);
  view.setUint16(42, PHDR_SIZE, true);
  view.setUint16(44, e_phnum, true);
}

function writeWords(view: DataView, offset: number, words: readonly number[]): void {
  words.forEach((word, index) => view.setUint32(offset + index * 4, word, true));
}
