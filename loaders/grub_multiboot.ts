/**
 * GRUB's command `multiboot`, for kernels of Multiboot 1.
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import { findMultibootHeader, type MultibootHeader } from "../protocols/multiboot/header.ts";
import { findMultiboot2Header } from "../protocols/multiboot2/header.ts";
import { rulesLoader } from "./engine.ts";
import { ENTRY_NOT_LOADED, NO_MEMORY_TO_ENTER } from "./grub/entry_rules.ts";
import type { HeaderFacts } from "./grub/header_facts.ts";
import { NO_HEADER, TOO_SHORT } from "./grub/header_rules.ts";
import { LOAD_RULES } from "./grub/load_rules.ts";
import { hangsOnUnloading } from "./grub/unloading.ts";
import { GRUB_UNPACKING } from "./grub/unpacking.ts";
import { type GrubView, grubView } from "./grub/view.ts";
import type { Loader } from "./loader.ts";
import type { Breach, Rule } from "./rule.ts";

/** The number of bytes of the file that the command keeps. */
const SEARCH = 8192;

/** Flags that a loader must know, and GRUB does not. */
const UNKNOWN_FLAGS = 0xfff8;

/** Where the address fields of a header end in it. */
const ADDRESSES_END = 32;

/** Video modes: 0 for graphics, 1 for text. */
const LAST_MODE = 1;

interface Facts extends HeaderFacts {
  /** The Multiboot header. */
  readonly header?: MultibootHeader;
}

type View = GrubView & Facts;

function factsOf(model: FileModel): Facts {
  const found = findMultibootHeader(model);
  const other = found ? undefined : findMultiboot2Header(model);
  if (!found) return { version: 1, search: SEARCH, ...(other && { otherOffset: other.offset }) };
  return {
    version: 1,
    search: SEARCH,
    headerOffset: found.offset,
    header: found,
    ...(found.addresses && { addresses: found.addresses, entry: found.addresses.entry_addr }),
  };
}

const FLAGS: Rule<View> = {
  id: "multiboot-flags-unknown",
  outcome: "refuses",
  broken: (view) => {
    const { flags = 0, offset = 0 } = view.header ?? {};
    return (flags & UNKNOWN_FLAGS) === 0 ? undefined : {
      offset: offset + 4,
      words: `unsupported flag: ${hexAddr(flags)}`,
      message: `The flags of the Multiboot header are ${hexAddr(flags)}; GRUB does not know ` +
        `${hexAddr(flags & UNKNOWN_FLAGS)}, and has to refuse what it does not know of bits 0 to 15.`,
    };
  },
  about: "The Multiboot 1 header sets one of the flags 3 to 15, or several.",
  why: "Flags 0 to 15 are for what a kernel cannot do without, and 3 to 15 are not defined.",
  mend: "Set only the flags 0 (page-aligned modules), 1 (memory information), 2 (video mode) and 16 (address fields).",
  source: "GRUB 2.06 grub-core/loader/i386/multiboot_mbi.c, grub_multiboot_load; Multiboot Specification 0.6.96, 3.1.2",
};

const FIELDS_CUT: Rule<View> = {
  id: "address-fields-out-of-reach",
  outcome: "fails",
  broken: ({ header: found }) => {
    if (!found?.addresses || found.offset + ADDRESSES_END <= SEARCH) return undefined;
    return {
      offset: found.offset,
      message:
        `The Multiboot header at file offset ${hexAddr(found.offset)} has address fields that end past file offset ` +
        "0x2000. GRUB does not read them from the file: it takes whatever lies in memory after its buffer.",
    };
  },
  about:
    "The Multiboot 1 header starts within the first 8,192 bytes of the file, but its address fields (flag 16) end " +
    "after them.",
  why: "GRUB checks that the first three fields of the header lie within what it has read, and then reads all of them.",
  mend:
    "Put the header nearer to the start of the file, or clear flag 16: GRUB loads ELF files by their program headers.",
  source: "GRUB 2.06 grub-core/loader/i386/multiboot_mbi.c, find_header and load_kernel",
};

/** A video mode of a type that GRUB does not know. */
function unknownMode({ header: found }: View): Breach | undefined {
  return !found?.video || found.video.mode_type <= LAST_MODE ? undefined : {
    offset: found.offset + 32,
    message: `mode_type of the Multiboot header is ${found.video.mode_type}: neither 0 (graphics) nor 1 (text).`,
  };
}

const VIDEO_MODE_HANGS: Rule<View> = {
  id: "video-mode-hangs",
  outcome: "fails",
  broken: (view) => {
    const breach = unknownMode(view);
    if (!breach || !hangsOnUnloading(view.loading())) return undefined;
    return {
      ...breach,
      message: `${breach.message} GRUB does not come to say so: it hangs as it gives back the memory of what it has ` +
        "loaded of the kernel.",
    };
  },
  about: "The Multiboot 1 header asks for a video mode (flag 2) with a mode_type other than 0 and 1, and a section " +
    "that GRUB has loaded by itself, such as the symbols, starts right after another part, within 16 bytes.",
  why:
    "GRUB finds the unknown type only when all is loaded, gives back the memory, and damages its heap if two parts have " +
    "shared one of its units of 16 bytes.",
  mend:
    "Let mode_type be 0 or 1, or clear flag 2. The video fields lie at offset 32 of the header, after the address " +
    "fields, which have to be there even if they are not used.",
  source: "GRUB 2.06, as measured; grub-core/lib/relocator.c, grub_relocator_unload",
};

const VIDEO_MODE: Rule<View> = {
  id: "video-mode-unsupported",
  outcome: "refuses",
  broken: (view) => {
    const breach = unknownMode(view);
    return breach &&
      { ...breach, words: `unsupported graphical mode type ${(view.header?.video?.mode_type ?? 0) | 0}` };
  },
  about: "The Multiboot 1 header asks for a video mode (flag 2), with a mode_type other than 0 or 1.",
  why: "The specification defines two types of mode.",
  mend:
    "Set mode_type to 0 or 1, or clear flag 2. The video fields lie at offset 32 of the header, after the address " +
    "fields, which have to be there even if they are not used.",
  source: "GRUB 2.06 grub-core/loader/i386/multiboot_mbi.c, grub_multiboot_load",
};

/** What GRUB's command `multiboot` does with a file. */
export const grubMultiboot: Loader = rulesLoader<View>({
  name: "grub-multiboot",
  title: "GRUB's multiboot command",
  versions: "GRUB 2.06 on BIOS",
  protocols: ["multiboot"],
  unpacks: GRUB_UNPACKING,
  parts: ["head", "sections", "length"],
  view: (model, circumstances) => grubView(model, circumstances, factsOf(model)),
  rules: [
    TOO_SHORT,
    NO_HEADER,
    FLAGS,
    FIELDS_CUT,
    ...LOAD_RULES,
    VIDEO_MODE_HANGS,
    VIDEO_MODE,
    NO_MEMORY_TO_ENTER,
    ENTRY_NOT_LOADED,
  ],
});
