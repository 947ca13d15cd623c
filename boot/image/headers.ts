/**
 * The start of an image: the headers that boot loaders look for.
 *
 * @module
 */

import { ELFCLASS32, ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE, RECORD_SIZES } from "../../core/elf/constants.ts";
import { encodeNote, writeFileHeader, writeProgramHeader } from "../../core/elf/writer.ts";
import { alignUp, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { ImageSegment } from "./segments.ts";

// gABI, "ELF Header": e_machine of the 32-bit mode in which boot loaders start a kernel
const EM_386 = 3;

// Multiboot Specification 0.6.96, "The layout of Multiboot header": 12 bytes within the first 8192 of the file
const MULTIBOOT_MAGIC = 0x1bad_b002;
const MULTIBOOT_FLAGS = 0;

// Xen public headers, elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY, the 32-bit entry point of "x86/HVM direct boot ABI" (PVH)
const XEN_NAME = "Xen";
const PHYS32_ENTRY = 18;

const { fileHeader: MULTIBOOT_OFFSET, programHeader: PHDR_SIZE } = RECORD_SIZES[ELFCLASS32];
const PHDRS_OFFSET = MULTIBOOT_OFFSET + 12;

/**
 * Lays out the headers of an image: an `Elf32_Ehdr`, a Multiboot header, a program header for each segment and one for
 * the note, and the note with the PVH entry point.
 *
 * @param segments The segments.
 * @param entry Physical address of the 32-bit entry point.
 * @returns Whole pages; the bytes of the segments follow in order.
 */
export function imageHeaders(segments: readonly ImageSegment[], entry: number): Uint8Array {
  const note = encodeNote({ name: XEN_NAME, type: PHYS32_ENTRY, descriptor: words([entry]) });
  const noteOffset = PHDRS_OFFSET + PHDR_SIZE * (segments.length + 1);
  const bytes = new Uint8Array(alignUp(noteOffset + note.length));
  writeFileHeader(bytes, ELFCLASS32, {
    e_type: ET_EXEC,
    e_machine: EM_386,
    e_entry: BigInt(entry),
    e_phoff: BigInt(PHDRS_OFFSET),
    e_phnum: segments.length + 1,
  });
  bytes.set(words([MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)]), MULTIBOOT_OFFSET);
  let at = PHDRS_OFFSET;
  let offset = bytes.length;
  for (const { phys, fileSize, memSize } of segments) {
    writeProgramHeader(bytes, at, ELFCLASS32, {
      p_type: PT_LOAD,
      p_flags: PF_R | PF_W | PF_X,
      p_offset: BigInt(offset),
      p_vaddr: BigInt(phys),
      p_paddr: BigInt(phys),
      p_filesz: BigInt(fileSize),
      p_memsz: BigInt(memSize),
      p_align: BigInt(PAGE_SIZE),
    });
    at += PHDR_SIZE;
    offset += fileSize;
  }
  const noteSize = BigInt(note.length);
  writeProgramHeader(bytes, at, ELFCLASS32, {
    p_type: PT_NOTE,
    p_flags: PF_R,
    p_offset: BigInt(noteOffset),
    p_filesz: noteSize,
    p_memsz: noteSize,
    p_align: 4n,
  });
  bytes.set(note, noteOffset);
  return bytes;
}

/** Encodes little-endian 32-bit numbers. */
function words(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(index * 4, value, true));
  return bytes;
}
