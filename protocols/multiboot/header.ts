/**
 * The Multiboot header (Multiboot Specification version 0.6.96, 3.1 "OS image format").
 *
 * @module
 */

import type { FileBytes } from "../../core/file/file_model.ts";
import { nextWord } from "../next_word.ts";

/** Identifies the header. */
export const MULTIBOOT_MAGIC = 0x1bad_b002;

/** The number of bytes at the start of the file in which the whole header has to lie. */
export const MULTIBOOT_SEARCH = 8192;

/** Its offset is a multiple of this. */
export const MULTIBOOT_ALIGN = 4;

/** Flags: a loader that does not know one of bits 0 to 15 must refuse the kernel. */
export const MULTIBOOT_FLAGS = {
  /** Modules start on page boundaries. */
  PAGE_ALIGN: 1 << 0,
  /** The kernel wants to know the memory. */
  MEMORY_INFO: 1 << 1,
  /** The video fields are valid. */
  VIDEO_MODE: 1 << 2,
  /** The address fields are valid. */
  ADDRESSES: 1 << 16,
} as const;

/** Offsets of the fields. */
const FIELDS = { flags: 4, checksum: 8, addresses: 12, video: 32, end: 48 };

/** The length of the fields that every header has. */
const SMALLEST = 12;

/** Where to put a kernel whose address fields are valid, and where to enter it: physical addresses. */
export interface MultibootAddresses {
  /** Where the header itself lies in memory. */
  readonly header_addr: number;
  /** Where the first byte that is loaded lies. */
  readonly load_addr: number;
  /** Where loading ends; 0 if it ends with the file. */
  readonly load_end_addr: number;
  /** Where zeroed memory ends; 0 if there is none. */
  readonly bss_end_addr: number;
  /** The entry. */
  readonly entry_addr: number;
}

/** The video mode that a kernel prefers. */
export interface MultibootVideo {
  /** 0 for graphics, 1 for text. */
  readonly mode_type: number;
  /** Columns; 0 for no preference. */
  readonly width: number;
  /** Rows; 0 for no preference. */
  readonly height: number;
  /** Bits a pixel; 0 in text mode or for no preference. */
  readonly depth: number;
}

/** A Multiboot header. */
export interface MultibootHeader {
  /** Its file offset. */
  readonly offset: number;
  /** Its flags, such as those of {@linkcode MULTIBOOT_FLAGS}. */
  readonly flags: number;
  /** The address fields, if the flags say that they are valid. */
  readonly addresses?: MultibootAddresses;
  /** The video fields, if the flags say that they are valid. */
  readonly video?: MultibootVideo;
}

/**
 * Finds the Multiboot header in a part of a file.
 *
 * @param file The file, with that part read.
 * @param start Where to start, a multiple of 4.
 * @param end Where the part ends. Fields after it count as 0.
 * @returns The first header whose checksum is right; `undefined` if there is none.
 */
export function findMultibootHeader(
  file: FileBytes,
  start = 0,
  end: number = MULTIBOOT_SEARCH,
): MultibootHeader | undefined {
  const bytes = file.bytes(start, end - start);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const next = (from: number): number => nextWord(bytes, MULTIBOOT_MAGIC, from);
  for (let at = next(0); at + SMALLEST <= bytes.length; at = next(at + MULTIBOOT_ALIGN)) {
    const sum = MULTIBOOT_MAGIC + view.getUint32(at + FIELDS.flags, true) + view.getUint32(at + FIELDS.checksum, true);
    if (sum % 2 ** 32 === 0) return decode(bytes.subarray(at), start + at);
  }
  return undefined;
}

function decode(bytes: Uint8Array, offset: number): MultibootHeader {
  const fields = new Uint8Array(FIELDS.end);
  fields.set(bytes.subarray(0, FIELDS.end));
  const view = new DataView(fields.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const flags = u32(FIELDS.flags);
  const { addresses, video } = FIELDS;
  return {
    offset,
    flags,
    ...((flags & MULTIBOOT_FLAGS.ADDRESSES) === 0 ? {} : {
      addresses: {
        header_addr: u32(addresses),
        load_addr: u32(addresses + 4),
        load_end_addr: u32(addresses + 8),
        bss_end_addr: u32(addresses + 12),
        entry_addr: u32(addresses + 16),
      },
    }),
    ...((flags & MULTIBOOT_FLAGS.VIDEO_MODE) === 0 ? {} : {
      video: { mode_type: u32(video), width: u32(video + 4), height: u32(video + 8), depth: u32(video + 12) },
    }),
  };
}
