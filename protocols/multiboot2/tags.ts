/**
 * The tags of a Multiboot 2 header (Multiboot2 Specification version 2.0, 3.1.4 to 3.1.13).
 *
 * @module
 */

import { MULTIBOOT2_ALIGN } from "./header.ts";

/** The types of tags. */
export const HEADER_TAG = {
  END: 0,
  INFORMATION_REQUEST: 1,
  ADDRESS: 2,
  ENTRY_ADDRESS: 3,
  CONSOLE_FLAGS: 4,
  FRAMEBUFFER: 5,
  MODULE_ALIGN: 6,
  EFI_BOOT_SERVICES: 7,
  ENTRY_ADDRESS_EFI32: 8,
  ENTRY_ADDRESS_EFI64: 9,
  RELOCATABLE: 10,
} as const;

/** The size of a tag's fields that every tag has, in bytes. */
export const TAG_SIZE = 8;

/** Bit 0 of a tag's flags: a loader that does not know the tag may ignore it. */
const OPTIONAL = 1;

/** A tag of a Multiboot 2 header. */
export interface HeaderTag {
  /** Its file offset. */
  readonly offset: number;
  /** Its type, such as one of {@linkcode HEADER_TAG}. */
  readonly type: number;
  /** Whether a loader that does not know it may ignore it. */
  readonly optional: boolean;
  /** Its size in bytes, with the fields that every tag has. */
  readonly size: number;
}

/** The tags of a header, as far as they can be followed. */
export interface TagList {
  /** The tags in file order, without the end tag. */
  readonly tags: readonly HeaderTag[];
  /** How the list ends: with an end tag, never (the last tag leads to itself or back), or out of the bytes at hand. */
  readonly end: "end-tag" | "endless" | "out-of-reach";
}

/**
 * Follows the tags of a header up to the end tag, as loaders do: `header_length` is not looked at.
 *
 * @param bytes The bytes in which tags are looked for; fields after them count as 0.
 * @param first Where the first tag starts in them.
 * @returns The tags. A size is rounded up to a multiple of 8, as tags are aligned.
 */
export function readHeaderTags(bytes: Uint8Array, first: number): TagList {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u16 = (at: number): number => at + 2 <= bytes.length ? view.getUint16(at, true) : 0;
  const u32 = (at: number): number => tagWord(bytes, at);
  const tags: HeaderTag[] = [];
  const seen = new Set<number>();
  for (let offset = first; offset >= 0 && offset < bytes.length;) {
    if (seen.has(offset)) return { tags, end: "endless" };
    seen.add(offset);
    const type = u16(offset);
    if (type === HEADER_TAG.END) return { tags, end: "end-tag" };
    const size = u32(offset + 4);
    tags.push({ offset, type, optional: (u16(offset + 2) & OPTIONAL) !== 0, size });
    offset += (Math.ceil(size / MULTIBOOT2_ALIGN) * MULTIBOOT2_ALIGN) | 0; // 32-bit arithmetic, as in loaders
  }
  return { tags, end: "out-of-reach" };
}

/**
 * Reads one of the four-byte fields of a tag.
 *
 * @param bytes The bytes in which the tag lies.
 * @param offset Where the field lies in them.
 * @returns Its value; 0 if it does not lie in them whole.
 */
export function tagWord(bytes: Uint8Array, offset: number): number {
  if (offset + 4 > bytes.length) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(offset, true);
}
