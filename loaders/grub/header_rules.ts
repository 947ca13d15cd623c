/**
 * GRUB's rules for the Multiboot header, before it looks at anything else.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { nearMisses } from "../near_miss.ts";
import type { Breach, Rule } from "../rule.ts";
import type { GrubView } from "./view.ts";

/** What either command needs at least. */
const SMALLEST = 32;

/** The file has to be 32 bytes long. */
export const TOO_SHORT: Rule<GrubView> = {
  id: "file-too-short",
  outcome: "refuses",
  words: "premature end of file /k.elf",
  broken: ({ length }) =>
    length >= SMALLEST ? undefined : { message: `The file has ${length} bytes; GRUB reads at least ${SMALLEST}.` },
  about: "The file is shorter than the smallest header that the loader reads.",
  why: "The loader reads a fixed number of bytes before it looks at any of them.",
  mend: "Check that the file was built or copied whole.",
  source:
    "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; i386/multiboot_mbi.c, grub_multiboot_load",
};

/** There has to be a header in reach. */
export const NO_HEADER: Rule<GrubView> = {
  id: "multiboot-header-missing",
  outcome: "refuses",
  words: "no multiboot header found",
  broken: ({ version, headerOffset, otherOffset, bytes }) => {
    if (headerOffset !== undefined) return undefined;
    for (const { breach } of nearMisses(version, bytes)) return breach;
    if (otherOffset !== undefined) return otherVersion(version, otherOffset);
    const [reach, magic, align] = version === 1 ? ["8,192", "0x1badb002", 4] : ["32,768", "0xe85250d6", 8];
    return {
      message: `The first ${reach} bytes of the file hold no Multiboot ${version} header: ${magic} at a multiple of ` +
        `${align}, with a checksum that makes the sum of the header's fields 0.`,
    };
  },
  about:
    "The file has no Multiboot header where the loader looks for it: Multiboot 1 in the first 8,192 bytes of the " +
    "file at a multiple of 4, Multiboot 2 in the first 32,768 bytes at a multiple of 8, with a correct checksum.",
  why: "Loaders recognize a Multiboot kernel by this header. They search the file for it, not memory.",
  mend: "Put the header into a section of its own, and that section first into the first segment: " +
    "KEEP(*(.multiboot*)) in the linker script, and -z max-page-size=0x1000 so that the segment starts early in the file.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c and i386/multiboot_mbi.c, find_header; " +
    "Multiboot2 Specification 2.0, 3.1",
};

/** The kernel is for the other command. */
function otherVersion(version: 1 | 2, offset: number): Breach {
  const [other, command, wrong] = version === 1
    ? [2, "multiboot2", "multiboot"] as const
    : [1, "multiboot", "multiboot2"] as const;
  return {
    offset,
    message: `The file has no Multiboot ${version} header, but one of Multiboot ${other}, at file offset ` +
      `${hexAddr(offset)}: GRUB's command ${wrong} does not look for it.`,
    hint: `Boot the kernel with GRUB's command ${command}: it is for Multiboot ${other}.`,
  };
}
