/**
 * GRUB's rules for the entry, and for what has to be there when it is entered.
 *
 * @module
 */

import { E_ENTRY } from "../../core/elf/file_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Rule } from "../rule.ts";
import type { GrubElf, GrubProgramHeader } from "./kernel_file.ts";
import { addressRange, type ImageRange, imageRange, lowMemory } from "./loading.ts";
import type { GrubView } from "./view.ts";

const SOURCE = "GRUB 2.06 grub-core/loader/multiboot_elfxx.c, grub_multiboot_load_elf";

/** The program header, of any type, through which GRUB makes `e_entry` a physical address. */
function entryHeader({ programHeaders, wide, fileHeader: { e_entry } }: GrubElf): GrubProgramHeader | undefined {
  return programHeaders.find(({ p_vaddr, p_memsz }) => {
    return p_vaddr <= e_entry && BigInt.asUintN(wide ? 64 : 32, p_vaddr + p_memsz) > e_entry;
  });
}

function physicalEntry(elf: GrubElf): bigint | undefined {
  const header = entryHeader(elf);
  const { wide, fileHeader: { e_entry } } = elf;
  return header && BigInt.asUintN(wide ? 64 : 32, e_entry - header.p_vaddr + header.p_paddr);
}

/** The entry has to lie in a segment. */
export const ENTRY_OUTSIDE: Rule<GrubView> = {
  id: "entry-not-in-segment",
  outcome: "refuses",
  words: "entry point isn't in a segment",
  broken: ({ addresses, elf, entry }) => {
    if (addresses || !elf || entryHeader(elf)) return undefined;
    const { e_entry } = elf.fileHeader;
    const isPhysical = elf.loads.some(({ p_paddr, p_memsz }) => p_paddr <= e_entry && e_entry - p_paddr < p_memsz);
    return {
      offset: E_ENTRY,
      message: `e_entry is ${hexAddr(e_entry)}, which lies in no program header's virtual range (p_vaddr, p_memsz).` +
        (isPhysical ? " It is a physical address: it lies in the physical range of one." : "") +
        (entry === undefined ? "" : " GRUB requires this even if the header has an entry address tag."),
    };
  },
  about: "e_entry lies in no program header's virtual range (p_vaddr, p_memsz).",
  why: "GRUB computes the physical address of the entry from the program header that holds it.",
  mend: "Name a symbol of a loaded section in ENTRY(…) of the linker script; its address is the virtual one.",
  source: SOURCE,
};

/** The entry has to be an address of 32 bits. */
export const ENTRY_ABOVE_4G: Rule<GrubView> = {
  id: "entry-above-4g",
  outcome: "refuses",
  words: "invalid entry point for ELF64",
  broken: ({ addresses, elf }) => {
    if (addresses || !elf?.wide) return undefined;
    const physical = physicalEntry(elf);
    if (physical === undefined || physical <= 0xffff_ffffn) return undefined;
    const index = entryHeader(elf)?.index;
    return {
      ...(index === undefined ? {} : { index }),
      offset: E_ENTRY,
      message: `e_entry ${hexAddr(elf.fileHeader.e_entry)} lies in this header's virtual range, and is physical ` +
        `${
          hexAddr(physical)
        } by its p_paddr: not below 4 GiB. The first header that holds the entry counts, whatever ` +
        "its type.",
    };
  },
  about: "The physical address of the entry, by the first program header that holds it, is not below 4 GiB.",
  why: "The kernel is entered in 32-bit mode.",
  mend:
    "Give the section with the entry a load address below 4 GiB, and p_paddr of headers such as PT_PHDR and PT_TLS " +
    "too: AT(…) in the linker script.",
  source: SOURCE,
};

/** What GRUB needs last has to find room above all that it has reserved. */
export const NO_MEMORY_TO_ENTER: Rule<GrubView> = {
  id: "phys-outside-ram",
  outcome: "refuses",
  words: "out of memory",
  broken: (view) => {
    const { loading, elf, memory } = view;
    if (loading().canEnter) return undefined;
    const header = view.addresses || !elf ? undefined : elf.loads
      .reduce<GrubProgramHeader | undefined>((high, load) => {
        return high && high.p_paddr + high.p_memsz >= load.p_paddr + load.p_memsz ? high : load;
      }, undefined);
    const place = header
      ? `The highest segment ends at physical ${hexAddr(header.p_paddr + header.p_memsz)}`
      : "The kernel ends too high";
    return {
      ...(header && { index: header.index, offset: header.at }),
      message:
        `${place}; a machine with ${hexAddr(memory)} bytes of memory has too little above it for what GRUB needs ` +
        "when it enters a kernel.",
    };
  },
  about: "A segment reaches past the machine's memory, or almost to its end: less than 1 MiB is left above it.",
  why: "GRUB needs room above everything else, and notices the lack of it only when it is about to enter the kernel.",
  mend: "Load the kernel low, such as at 1 MiB, and map devices at run time instead of giving them a segment.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, grub_relocator_alloc_chunk_align; lib/i386/relocator.c, " +
    "grub_relocator32_boot",
};

/** The entry has to be code of the file, in memory. */
export const ENTRY_NOT_LOADED: Rule<GrubView> = {
  id: "entry-outside-load",
  outcome: "fails",
  broken: (view) => {
    const { entry, addresses, elf, memory, headerOffset } = view;
    const linked = entry ?? (elf && Number(physicalEntry(elf) ?? 0n));
    if (linked === undefined) return undefined;
    const distance = distanceMoved(view);
    const physical = (linked + distance) >>> 0;
    const place = { ...(entry === undefined ? { offset: E_ENTRY } : headerOffset && { offset: headerOffset }) };
    const range = fileRanges(view)
      .map(({ start, size }) => ({ start: (start + distance) >>> 0, size }))
      .find(({ start, size }) => start <= physical && physical < start + size);
    if (!range) {
      return {
        ...place,
        message: `GRUB enters the kernel at physical ${hexAddr(physical)}, where it has loaded no byte of the file` +
          `${addresses || !elf ? "" : ": no PT_LOAD has file bytes there"}.`,
      };
    }
    const hasMemory = memoryRanges(memory).some(({ start, size }) => start <= physical && physical < start + size);
    return hasMemory ? undefined : {
      ...place,
      message:
        `GRUB enters the kernel at physical ${hexAddr(physical)}, in ${hexRange(range.start, range.size)}, where a ` +
        `machine with ${hexAddr(memory)} bytes of memory has none.`,
    };
  },
  about: "The physical address at which the kernel is entered holds no bytes of the file, or is not in memory.",
  why: "The processor runs whatever lies there. GRUB checks neither that nor PF_X.",
  mend: "Make the entry (ENTRY(…), the entry address tag, or entry_addr) the address of the kernel's first " +
    "instruction: physical in the Multiboot header, virtual in the ELF header.",
  source: "GRUB 2.06 grub-core/lib/i386/relocator.c, grub_relocator32_boot",
};

/** How far GRUB moves a kernel that may be moved from where it is linked. */
function distanceMoved(view: GrubView): number {
  const { image } = view.loading();
  const range = imageRange(view);
  return view.relocatable && range && image?.kind === "placed" ? image.chunk.target - range.start : 0;
}

/** The physical ranges for which the file has bytes, as the kernel is linked. */
function fileRanges(view: GrubView): readonly ImageRange[] {
  const { addresses, headerOffset = 0, length, elf } = view;
  if (addresses) {
    const { start, fileOffset, loadSize } = addressRange(addresses, headerOffset, length);
    return [{ start, size: Math.min(loadSize, length - fileOffset) }];
  }
  return !elf ? [] : elf.loads.map(({ p_paddr, p_filesz }) => ({
    start: Number(p_paddr),
    size: Number(BigInt.asUintN(32, p_filesz)),
  }));
}

/** Where a PC has memory that code can run in: RAM, of which firmware uses some, and that of VGA text mode. */
function memoryRanges(memory: number): readonly ImageRange[] {
  return [
    { start: 0, size: 0xa_0000 },
    { start: 0xb_8000, size: 0x8000 },
    { start: 0x10_0000, size: lowMemory(memory) - 0x10_0000 },
  ];
}
