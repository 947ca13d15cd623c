/**
 * GRUB's command `multiboot2`, for kernels of Multiboot 2.
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import { findMultibootHeader } from "../protocols/multiboot/header.ts";
import { findMultiboot2Header } from "../protocols/multiboot2/header.ts";
import { decodeTags, type HeaderRequests } from "../protocols/multiboot2/requests.ts";
import { HEADER_TAG, type HeaderTag, readHeaderTags, TAG_SIZE, type TagList } from "../protocols/multiboot2/tags.ts";
import { rulesLoader } from "./engine.ts";
import { HEAP_MAGIC } from "./grub/kernel_file.ts";
import { ENTRY_NOT_LOADED, NO_MEMORY_TO_ENTER } from "./grub/entry_rules.ts";
import type { HeaderFacts } from "./grub/header_facts.ts";
import { NO_HEADER, TOO_SHORT } from "./grub/header_rules.ts";
import { LOAD_RULES } from "./grub/load_rules.ts";
import { GRUB_UNPACKING } from "./grub/unpacking.ts";
import { type GrubView, grubView } from "./grub/view.ts";
import type { Loader } from "./loader.ts";
import type { Rule } from "./rule.ts";

/** The number of bytes of the file that the command keeps. */
const SEARCH = 32_768;

/** The number of bytes of a header that have to lie among them. */
const HEADER_NEEDED = 12;

/** What starts an allocated block of GRUB's heap. */
const HEAP_HEADER = { size: 16, magicAt: 8, magic: HEAP_MAGIC };

/** The tags that GRUB knows on BIOS. */
const KNOWN_TAGS: ReadonlySet<number> = new Set(
  Object.values(HEADER_TAG).filter((type) => type !== HEADER_TAG.ENTRY_ADDRESS_EFI32),
);

/** Types of information: 0 to 21, without 13 (SMBIOS). */
const LAST_INFORMATION = 21;
const SMBIOS = 13;

interface Facts extends HeaderFacts {
  /** The tags of the header. */
  readonly list: TagList;
  /** What they ask for. */
  readonly requests?: HeaderRequests;
}

type View = GrubView & Facts;

/**
 * What GRUB reads tags from: its buffer, and once the file has filled that, the header of the next block of GRUB's heap.
 * A list of tags that runs out of the buffer mostly ends there, with a tag of an unknown type.
 */
function tagBytes(model: FileModel): Uint8Array {
  const bytes = model.bytes(0, SEARCH);
  if (bytes.length < SEARCH) return bytes;
  const extended = new Uint8Array(SEARCH + HEAP_HEADER.size);
  extended.set(bytes);
  new DataView(extended.buffer).setUint32(SEARCH + HEAP_HEADER.magicAt, HEAP_HEADER.magic, true);
  return extended;
}

function factsOf(model: FileModel): Facts {
  const found = findMultiboot2Header(model, { end: SEARCH, needed: HEADER_NEEDED });
  if (!found) {
    const other = findMultibootHeader(model);
    return {
      version: 2,
      search: SEARCH,
      list: { tags: [], end: "end-tag" },
      ...(other && { otherOffset: other.offset }),
    };
  }
  const bytes = tagBytes(model);
  const list = readHeaderTags(bytes, found.tags);
  const requests = decodeTags(bytes, list.tags);
  const { address, entry, relocatable } = requests;
  return {
    version: 2,
    search: SEARCH,
    headerOffset: found.offset,
    list,
    requests,
    ...(entry !== undefined && { entry }),
    ...(relocatable && { relocatable }),
    ...(address && {
      addresses: {
        ...address,
        size_from: address.load_addr, // even if that is no address
        // 0xffffffff: the file is loaded from its first byte on
        load_addr: address.load_addr === 0xffff_ffff ? (address.header_addr - found.offset) >>> 0 : address.load_addr,
      },
    }),
  };
}

/** The first type of information that a tag demands and GRUB does not have. */
function unknownInformation(bytes: Uint8Array, { offset, size }: HeaderTag): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = Math.floor(((size - TAG_SIZE) >>> 0) / 4); // a size below 8 makes it huge, in GRUB too
  for (let index = 0, at = offset + TAG_SIZE; index < count && at + 4 <= bytes.length; index++, at += 4) {
    const type = view.getUint32(at, true);
    if (type > LAST_INFORMATION || type === SMBIOS) return type;
  }
  return undefined;
}

const INFORMATION: Rule<View> = {
  id: "info-request-unsupported",
  outcome: "refuses",
  broken: ({ list, bytes }) => {
    for (const tag of list.tags) {
      if (tag.type !== HEADER_TAG.INFORMATION_REQUEST || tag.optional) continue;
      const type = unknownInformation(bytes, tag);
      if (type === undefined) continue;
      return {
        offset: tag.offset,
        words: `unsupported information tag: ${hexAddr(type)}`,
        message: `The information request tag demands information of type ${type}` +
          `${type === SMBIOS ? " (SMBIOS tables)" : ""}, which GRUB does not provide.`,
      };
    }
    return undefined;
  },
  about:
    "The information request tag of the Multiboot 2 header demands a type of information that GRUB does not know: " +
    "13 (SMBIOS tables) or 22 and above.",
  why:
    "A loader must not boot a kernel without the information that it demands. Limine provides 13, but refuses 5, 7, 10, 16, " +
    "18 and 21, which GRUB accepts.",
  mend: "Make the request optional: set bit 0 of the tag's flags, and have the kernel work without it.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; Multiboot2 Specification 2.0, 3.1.5",
};

const TAG: Rule<View> = {
  id: "header-tag-unsupported",
  outcome: "refuses",
  broken: ({ list }) => {
    const tag = list.tags.find(({ type, optional }) => !optional && !KNOWN_TAGS.has(type));
    return tag && {
      offset: tag.offset,
      words: `unsupported tag: ${hexAddr(tag.type)}`,
      message: `The Multiboot 2 header has a tag of type ${tag.type}` +
        `${
          tag.type === HEADER_TAG.ENTRY_ADDRESS_EFI32 ? " (entry on 32-bit EFI)" : ""
        } that is not optional, and GRUB ` +
        "does not know its type.",
    };
  },
  about: "The Multiboot 2 header has a tag that is not optional and that GRUB does not know: type 8 (entry on 32-bit " +
    "EFI), or 11 and above.",
  why: "A tag that is not optional says what the kernel cannot do without.",
  mend: "Make the tag optional: set bit 0 of its flags. If it was not meant to be a tag, check the sizes of the tags " +
    "before it: each starts at a multiple of 8.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; Multiboot2 Specification 2.0, 3.1.3",
};

const ENDLESS: Rule<View> = {
  id: "header-tags-endless",
  outcome: "fails",
  broken: ({ list }) => {
    const tag = list.end === "endless" ? list.tags.at(-1) : undefined;
    return tag && {
      offset: tag.offset,
      message:
        `The tag of type ${tag.type} at file offset ${hexAddr(tag.offset)} has a size (${hexAddr(tag.size)}) that ` +
        "leads to no tag after it: GRUB follows the tags forever.",
    };
  },
  about: "The size of a tag of the Multiboot 2 header is 0, or leads back to an earlier tag, so the list has no end.",
  why: "The next tag starts where its size ends. GRUB stops at the end tag only, not at header_length.",
  mend: "Give each tag its size, at least 8, and end the list with a tag of type 0 and size 8.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; Multiboot2 Specification 2.0, 3.1.3",
};

const ENTRY_TAG: Rule<View> = {
  id: "entry-tag-missing",
  outcome: "refuses",
  words: "load address tag without entry address tag",
  broken: ({ requests, list }) => {
    if (!requests?.address || requests.entry !== undefined) return undefined;
    const tag = list.tags.findLast(({ type }) => type === HEADER_TAG.ADDRESS);
    return tag && {
      offset: tag.offset,
      message:
        "The Multiboot 2 header has an address tag (2), but no entry address tag (3). With the first, GRUB ignores " +
        "the ELF headers, so nothing says where to enter the kernel.",
    };
  },
  about: "The Multiboot 2 header has an address tag (type 2) without an entry address tag (type 3).",
  why: "With an address tag, the kernel is loaded as a flat binary, and its ELF header is ignored.",
  mend: "Add an entry address tag, or leave the address tag out: GRUB loads ELF files by their program headers.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; Multiboot2 Specification 2.0, 3.1.6",
};

const CONSOLE: Rule<View> = {
  id: "console-unavailable",
  outcome: "refuses",
  words: "OS requires a console but none is available",
  broken: ({ requests, list }) => {
    const { console: consoles, framebuffer } = requests ?? {};
    if (!consoles?.required || consoles.egaText || framebuffer) return undefined;
    const tag = list.tags.findLast(({ type }) => type === HEADER_TAG.CONSOLE_FLAGS);
    return tag && {
      offset: tag.offset,
      message:
        "The console flags demand a console, but do not allow EGA text mode, and there is no framebuffer tag: no " +
        "console is left.",
    };
  },
  about:
    "The console flags tag of the Multiboot 2 header demands a console (bit 0), but the kernel allows neither EGA " +
    "text mode (bit 1) nor a framebuffer (tag 5).",
  why: "GRUB on BIOS has these two kinds of console.",
  mend: "Set bit 1 of the console flags if the kernel writes to EGA text memory, or add a framebuffer tag.",
  source: "GRUB 2.06 grub-core/loader/multiboot.c, grub_multiboot_set_console; Multiboot2 Specification 2.0, 3.1.9",
};

/** What GRUB's command `multiboot2` does with a file. */
export const grubMultiboot2: Loader = rulesLoader<View>({
  name: "grub-multiboot2",
  title: "GRUB's multiboot2 command",
  versions: "GRUB 2.06 on BIOS",
  protocols: ["multiboot2"],
  unpacks: GRUB_UNPACKING,
  parts: ["head", "sections", "length"],
  view: (model, circumstances) => grubView(model, circumstances, factsOf(model)),
  rules: [
    TOO_SHORT,
    NO_HEADER,
    [INFORMATION, TAG, ENDLESS],
    ENTRY_TAG,
    ...LOAD_RULES,
    CONSOLE,
    NO_MEMORY_TO_ENTER,
    ENTRY_NOT_LOADED,
  ],
});
