/**
 * The Multiboot 2 header (Multiboot2 Specification version 2.0, 3.1 "OS image format").
 *
 * @module
 */

import type { FileBytes } from "../../core/file/file_model.ts";
import { nextWord } from "../next_word.ts";

/** Identifies the header. */
export const MULTIBOOT2_MAGIC = 0xe852_50d6;

/** The number of bytes at the start of the file in which the whole header has to lie. */
export const MULTIBOOT2_SEARCH = 32_768;

/** Its offset, and that of each tag from it, is a multiple of this. */
export const MULTIBOOT2_ALIGN = 8;

/** The architecture of x86: 32-bit protected mode of i386. */
export const MULTIBOOT2_I386 = 0;

/** Offsets of the fields. */
const FIELDS = { architecture: 4, header_length: 8, checksum: 12, end: 16 };

/** A Multiboot 2 header, without its tags. */
export interface Multiboot2Header {
  /** Its file offset. */
  readonly offset: number;
  /** The architecture: 0 for i386, 4 for MIPS. */
  readonly architecture: number;
  /** Its length with all tags, in bytes. */
  readonly header_length: number;
  /** File offset of its first tag. */
  readonly tags: number;
}

/** What to look for. */
export interface Multiboot2Search {
  /** Where to start, a multiple of 8. Default: 0. */
  readonly start?: number;
  /** Where the part to look at ends. Default: 32,768. */
  readonly end?: number;
  /** How many bytes of a header have to lie in that part. Default: all 16 before its tags. */
  readonly needed?: number;
}

/**
 * Finds the Multiboot 2 header for x86 in a part of a file.
 *
 * @param file The file, with that part read.
 * @param search What to look for.
 * @returns The first header for i386 whose checksum is right; `undefined` if there is none.
 */
export function findMultiboot2Header(file: FileBytes, search: Multiboot2Search = {}): Multiboot2Header | undefined {
  const { start = 0, end = MULTIBOOT2_SEARCH, needed = FIELDS.end } = search;
  const bytes = file.bytes(start, end - start);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number): number => at + 4 <= bytes.length ? view.getUint32(at, true) : 0;
  const next = (from: number): number => nextWord(bytes, MULTIBOOT2_MAGIC, from);
  for (let at = next(0); at + needed <= bytes.length; at = next(at + 4)) {
    if (at % MULTIBOOT2_ALIGN !== 0) continue;
    const [architecture, header_length] = [u32(at + FIELDS.architecture), u32(at + FIELDS.header_length)];
    const sum = MULTIBOOT2_MAGIC + architecture + header_length + u32(at + FIELDS.checksum);
    if (sum % 2 ** 32 !== 0 || architecture !== MULTIBOOT2_I386) continue;
    return { offset: start + at, architecture, header_length, tags: start + at + FIELDS.end };
  }
  return undefined;
}
