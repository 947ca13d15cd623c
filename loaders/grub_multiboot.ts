/**
 * GRUB's command `multiboot`, for kernels of Multiboot 1.
 *
 * @module
 */

import { hexAddr } from "../core/hex.ts";
import { findMultibootHeader, type MultibootHeader } from "../protocols/multiboot/header.ts";
import { rulesLoader } from "./engine.ts";
import { ENTRY_NOT_LOADED, NO_MEMORY_TO_ENTER } from "./grub/entry_rules.ts";
import type { HeaderFacts } from "./grub/header_facts.ts";
import { NO_HEADER, TOO_SHORT } from "./grub/header_rules.ts";
import { LOAD_RULES } from "./grub/load_rules.ts";
import { GRUB_UNPACKING } from "./grub/unpacking.ts";
import { type GrubView, grubView } from "./grub/view.ts";
import type { Loader } from "./loader.ts";
import type { Rule } from "./rule.ts";

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

function factsOf(found: MultibootHeader | undefined): Facts {
  if (!found) return { version: 1, search: SEARCH };
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

const VIDEO_MODE: Rule<View> = {
  id: "video-mode-unsupported",
  outcome: "refuses",
  broken: ({ header: found }) =>
    !found?.video || found.video.mode_type <= LAST_MODE ? undefined : {
      offset: found.offset + 32,
      words: `unsupported graphical mode type ${found.video.mode_type | 0}`,
      message: `mode_type of the Multiboot header is ${found.video.mode_type}: neither 0 (graphics) nor 1 (text).`,
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
  view: (model, circumstances) => grubView(model, circumstances, factsOf(findMultibootHeader(model))),
  rules: [TOO_SHORT, NO_HEADER, FLAGS, FIELDS_CUT, ...LOAD_RULES, VIDEO_MODE, NO_MEMORY_TO_ENTER, ENTRY_NOT_LOADED],
});
