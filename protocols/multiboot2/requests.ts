/**
 * What the tags of a Multiboot 2 header ask for, decoded (Multiboot2 Specification version 2.0, 3.1.5 to 3.1.13).
 *
 * @module
 */

import { HEADER_TAG, type HeaderTag, TAG_SIZE, tagWord } from "./tags.ts";

/** Where to put a kernel, and what to fill: physical addresses. */
export interface AddressTag {
  /** Where the header itself lies in memory. */
  readonly header_addr: number;
  /** Where the first byte that is loaded lies; 0xffffffff to load the file from its first byte on. */
  readonly load_addr: number;
  /** Where loading ends; 0 if it ends with the file. */
  readonly load_end_addr: number;
  /** Where zeroed memory ends; 0 if there is none. */
  readonly bss_end_addr: number;
}

/** What a kernel says of consoles. */
export interface ConsoleTag {
  /** Whether it needs one. */
  readonly required: boolean;
  /** Whether it knows EGA text mode. */
  readonly egaText: boolean;
}

/** The graphics mode that a kernel prefers; 0 for no preference. */
export interface FramebufferTag {
  /** Columns of pixels, or of characters. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Bits a pixel; 0 also for text. */
  readonly depth: number;
}

/** Where a kernel can be moved to. */
export interface RelocatableTag {
  /** Its lowest physical address. */
  readonly min_addr: number;
  /** The end of its highest one. */
  readonly max_addr: number;
  /** What its address must be a multiple of. */
  readonly align: number;
  /** 0 for no preference, 1 for the lowest address, 2 for the highest. */
  readonly preference: number;
}

/** What the tags ask for. Of tags of one type the last one counts. */
export interface HeaderRequests {
  /** The types of information that a loader must or may pass on. */
  readonly information: readonly InformationRequest[];
  /** The address tag. */
  readonly address?: AddressTag;
  /** The physical address of the entry, in place of that of the ELF header. */
  readonly entry?: number;
  /** The console flags. */
  readonly console?: ConsoleTag;
  /** The framebuffer tag. */
  readonly framebuffer?: FramebufferTag;
  /** Whether modules are to start on page boundaries. */
  readonly modulesAligned: boolean;
  /** Whether EFI boot services are to be left running. */
  readonly efiBootServices: boolean;
  /** The entry on 64-bit EFI, a physical address. */
  readonly efi64Entry?: number;
  /** The relocatable tag. */
  readonly relocatable?: RelocatableTag;
}

/** A request for one type of information. */
export interface InformationRequest {
  /** The type. */
  readonly type: number;
  /** File offset of the request. */
  readonly offset: number;
  /** Whether the kernel boots without. */
  readonly optional: boolean;
}

/**
 * Decodes tags.
 *
 * @param bytes The bytes in which they lie.
 * @param tags The tags.
 * @returns What they ask for.
 */
export function decodeTags(bytes: Uint8Array, tags: readonly HeaderTag[]): HeaderRequests {
  const last = (type: number): HeaderTag | undefined => tags.findLast((tag) => tag.type === type);
  const field = <T>(type: number, decode: (word: (index: number) => number) => T): T | undefined => {
    const tag = last(type);
    return tag && decode((index) => tagWord(bytes, tag.offset + TAG_SIZE + 4 * index));
  };
  const optional = <K extends string, T>(key: K, value: T | undefined): { readonly [_ in K]?: T } =>
    value === undefined ? {} : { [key]: value } as { readonly [_ in K]: T };
  return {
    information: tags.filter(({ type }) => type === HEADER_TAG.INFORMATION_REQUEST)
      .flatMap((tag) => informationRequests(bytes, tag)),
    modulesAligned: last(HEADER_TAG.MODULE_ALIGN) !== undefined,
    efiBootServices: last(HEADER_TAG.EFI_BOOT_SERVICES) !== undefined,
    ...optional(
      "address",
      field(HEADER_TAG.ADDRESS, (word): AddressTag => {
        return { header_addr: word(0), load_addr: word(1), load_end_addr: word(2), bss_end_addr: word(3) };
      }),
    ),
    ...optional("entry", field(HEADER_TAG.ENTRY_ADDRESS, (word) => word(0))),
    ...optional("console", consoleOf(bytes, tags)),
    ...optional(
      "framebuffer",
      field(HEADER_TAG.FRAMEBUFFER, (word): FramebufferTag => {
        return { width: word(0), height: word(1), depth: word(2) };
      }),
    ),
    ...optional("efi64Entry", field(HEADER_TAG.ENTRY_ADDRESS_EFI64, (word) => word(0))),
    ...optional(
      "relocatable",
      field(HEADER_TAG.RELOCATABLE, (word): RelocatableTag => {
        return { min_addr: word(0), max_addr: word(1), align: word(2), preference: word(3) };
      }),
    ),
  };
}

/** Several console tags add up: one that requires a console, or one that does not know text mode, decides. */
function consoleOf(bytes: Uint8Array, tags: readonly HeaderTag[]): ConsoleTag | undefined {
  const flags = tags.filter(({ type }) => type === HEADER_TAG.CONSOLE_FLAGS)
    .map(({ offset }) => tagWord(bytes, offset + TAG_SIZE));
  if (flags.length === 0) return undefined;
  return { required: flags.some((bits) => (bits & 1) !== 0), egaText: flags.every((bits) => (bits & 2) !== 0) };
}

/**
 * The types that an information request asks for.
 *
 * @param bytes The bytes in which it lies.
 * @param tag The tag.
 * @returns The requests, as many as lie in the bytes.
 */
export function informationRequests(bytes: Uint8Array, tag: HeaderTag): readonly InformationRequest[] {
  const { offset, size, optional } = tag;
  const first = offset + TAG_SIZE;
  const count = Math.max(0, Math.floor((Math.min(offset + size, bytes.length) - first) / 4));
  return Array.from({ length: count }, (_, index) => {
    const at = first + 4 * index;
    return { type: tagWord(bytes, at), offset: at, optional };
  });
}
