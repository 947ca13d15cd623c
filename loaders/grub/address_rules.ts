/**
 * GRUB's rules for kernels that are loaded as one piece: by address fields of the header, or because they may be moved.
 *
 * @module
 */

import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Rule } from "../rule.ts";
import { addressRange, imageRange } from "./loading.ts";
import type { GrubView } from "./view.ts";

/** A kernel that may be moved has to fit between its limits. */
export const RELOCATABLE_RANGE: Rule<GrubView> = {
  id: "relocatable-range-invalid",
  outcome: "refuses",
  words: "invalid min/max address and/or load size",
  broken: (view) => {
    const range = imageRange(view);
    if (!view.relocatable || !range) return undefined;
    const { min_addr, max_addr } = view.relocatable;
    if (range.size <= max_addr && min_addr <= max_addr - range.size) return undefined;
    return {
      ...(view.headerOffset === undefined ? {} : { offset: view.headerOffset }),
      message: `The kernel needs ${hexAddr(range.size)} bytes; its relocatable tag allows ` +
        `${hexAddr(min_addr)} to ${hexAddr(max_addr)}, which is too little.`,
    };
  },
  about: "The relocatable tag of the Multiboot 2 header leaves less room than the kernel's segments span.",
  why: "A kernel with this tag is loaded as one piece, from its lowest physical address to its highest.",
  mend: "Widen min_addr and max_addr in the relocatable tag, or leave the tag out.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; multiboot_elfxx.c",
};

/** The machine has to have memory between the limits. */
export const RELOCATABLE_MEMORY: Rule<GrubView> = {
  id: "relocatable-no-memory",
  outcome: "refuses",
  words: "couldn't find suitable memory target",
  broken: (view) => {
    if (!view.relocatable || view.loading().image?.kind !== "no-target") return undefined;
    const { min_addr, max_addr, align } = view.relocatable;
    return {
      ...(view.headerOffset === undefined ? {} : { offset: view.headerOffset }),
      message: `The relocatable tag asks for memory between ${hexAddr(min_addr)} and ${hexAddr(max_addr)} at a ` +
        `multiple of ${hexAddr(align)}, and the machine has no such memory.`,
    };
  },
  about: "The limits of the relocatable tag of the Multiboot 2 header lie outside the machine's memory.",
  why: "GRUB places the kernel in available memory only.",
  mend: "Choose min_addr and max_addr in the relocatable tag so that they include memory of every machine, such as " +
    "0x100000 to 0xffffffff.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, grub_relocator_alloc_chunk_align",
};

/** The range of the address fields has to end below 4 GiB. */
export const ADDRESSES_WRAP: Rule<GrubView> = {
  id: "phys-above-4g",
  outcome: "refuses",
  words: "address is out of range",
  broken: (view) => {
    const { loading, elf, addresses, headerOffset } = view;
    const { image, segments } = loading();
    if (image?.kind === "out-of-range") {
      const range = imageRange(view);
      return {
        ...(headerOffset === undefined ? {} : { offset: headerOffset }),
        message: `The ${addresses ? "address fields of the header ask" : "kernel asks"} for physical memory at ` +
          `${range && hexRange(range.start, range.size)}; its end has to lie below 4 GiB.`,
      };
    }
    const step = segments.find(({ allocation }) => allocation.kind === "out-of-range");
    const header = step && elf?.programHeaders[step.index];
    return header && {
      index: header.index,
      offset: header.at,
      message: `The segment lies at physical ${
        hexRange(header.p_paddr, header.p_memsz)
      }; its end has to lie below 4 GiB.`,
    };
  },
  about: "The memory of a 32-bit kernel, or of one with address fields, reaches 4 GiB.",
  why: "GRUB computes with 32-bit addresses, in which such a range would wrap around.",
  mend: "Load the kernel at a physical address below 4 GiB, such as 1 MiB: AT(…) in the linker script.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, grub_relocator_alloc_chunk_addr",
};

/** The address fields have to point into the file. */
export const ADDRESSES_OUTSIDE_FILE: Rule<GrubView> = {
  id: "address-fields-outside-file",
  outcome: "refuses",
  words: "attempt to seek outside of the file",
  broken: ({ addresses, headerOffset = 0, length }) => {
    if (!addresses) return undefined;
    const { fileOffset } = addressRange(addresses, headerOffset, length);
    if (fileOffset >= 0 && fileOffset <= length) return undefined;
    const { header_addr, load_addr } = addresses;
    return {
      offset: headerOffset,
      message: `The header lies at file offset ${hexAddr(headerOffset)} and says that it is loaded to ` +
        `${hexAddr(header_addr)}; then ${hexAddr(load_addr)}, where loading starts, is file offset ` +
        `${hexAddr(fileOffset)}, outside the file (${hexAddr(length)}).`,
    };
  },
  about: "By the address fields of the Multiboot header, loading starts outside the file.",
  why: "The file offset of the first byte to load follows from the header's own offset and address.",
  mend: "Set header_addr to the address of the header, and load_addr to that of the first byte to load, or leave " +
    "the address fields out: GRUB loads ELF files by their program headers.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; i386/multiboot_mbi.c, load_kernel",
};

/** What is loaded may not end after what is reserved. */
export const ADDRESSES_CONTRADICT: Rule<GrubView> = {
  id: "address-fields-invalid",
  outcome: "fails",
  broken: ({ addresses, headerOffset = 0, length }) => {
    if (!addresses || addresses.bss_end_addr === 0) return undefined;
    const { start, size, loadSize } = addressRange(addresses, headerOffset, length);
    if (size >= loadSize) return undefined;
    return {
      offset: headerOffset,
      message: `The address fields load ${hexAddr(loadSize)} bytes to ${hexAddr(start)}, but end the kernel ` +
        `${hexAddr(size)} bytes from there: GRUB writes past the memory that it reserved, and crashes.`,
    };
  },
  about:
    "The address fields of the Multiboot header contradict each other: what is loaded ends after what is reserved.",
  why: "GRUB does not compare the fields. It overwrites its own memory.",
  mend:
    "Set bss_end_addr to 0 or to at least load_end_addr, or leave the address fields out: GRUB loads ELF files by their " +
    "program headers.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c, grub_multiboot2_load; i386/multiboot_mbi.c, load_kernel",
};
