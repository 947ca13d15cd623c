/**
 * GRUB's rules for sections: it loads those that no segment loads too, and passes their table on.
 *
 * @module
 */

import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import { type GrubSection, hasSectionTable, isLoadedByItself } from "./kernel_file.ts";
import type { GrubView } from "./view.ts";

const SOURCE = "GRUB 2.06 grub-core/loader/multiboot_elfxx.c, grub_multiboot_load_elf";

const SHT_RELA = 4;
const SHT_REL = 9;

/** Finds the first section that breaks a rule. */
function onSection(
  broken: (section: GrubSection, view: GrubView) => Breach | undefined,
): Rule<GrubView>["broken"] {
  return (view) => {
    if (view.addresses) return undefined;
    for (const section of view.sections) {
      const breach = broken(section, view);
      if (breach) return { offset: section.at, ...breach };
    }
    return undefined;
  };
}

/** The section header table has to start in the file. */
export const SECTION_TABLE_OUTSIDE: Rule<GrubView> = {
  id: "section-headers-out-of-file",
  outcome: "refuses",
  words: "attempt to seek outside of the file",
  broken: ({ addresses, elf, length }) => {
    if (addresses || !elf || elf.fileHeader.e_shnum === 0) return undefined;
    const { e_shoff } = elf.fileHeader;
    if (e_shoff <= BigInt(length)) return undefined;
    return { message: `e_shoff is ${hexAddr(e_shoff)}, past the end of the file (${hexAddr(length)}).` };
  },
  about: "The section header table starts (e_shoff) past the end of the file.",
  why: "GRUB reads the section headers of every ELF file that says it has some, and passes them to the kernel.",
  mend: "Check that the file was copied whole. Tools that cut section headers off must set e_shoff and e_shnum to 0: " +
    "use strip or objcopy --strip-section-headers.",
  source: SOURCE,
};

/** The file has to have the section header table whole. */
export const SECTION_TABLE_CUT: Rule<GrubView> = {
  id: "section-headers-out-of-file",
  outcome: "refuses",
  words: "premature end of file /k.elf",
  broken: ({ addresses, elf, length }) => {
    if (addresses || !elf || elf.fileHeader.e_shnum === 0 || hasSectionTable(elf, length)) return undefined;
    const { e_shoff, e_shnum, e_shentsize } = elf.fileHeader;
    return {
      message:
        `The section header table, ${e_shnum} entries of ${e_shentsize} bytes at ${hexAddr(e_shoff)}, ends past ` +
        `the end of the file (${hexAddr(length)}).`,
    };
  },
  about: "The section header table (e_shoff, e_shnum, e_shentsize) ends past the end of the file.",
  why: "GRUB reads the section headers of every ELF file that says it has some, and passes them to the kernel.",
  mend: "Check that the file was copied whole. Tools that cut section headers off must set e_shoff and e_shnum to 0: " +
    "use strip or objcopy --strip-section-headers.",
  source: SOURCE,
};

/** There may be no relocations left. */
export const RELOCATIONS: Rule<GrubView> = {
  id: "rela-sections-under-mb2",
  outcome: "refuses",
  words: "ELF files with relocs are not supported yet",
  broken: onSection(({ index, sh_type }, { version }) =>
    version === 1 || (sh_type !== SHT_RELA && sh_type !== SHT_REL) ? undefined : {
      message:
        `Section ${index} is of type ${sh_type === SHT_RELA ? "SHT_RELA" : "SHT_REL"}: GRUB's command multiboot2 ` +
        "loads no file with a relocation section, even an empty one.",
    }
  ),
  about: "A kernel for Multiboot 2 has a section of type SHT_REL or SHT_RELA, such as .rela.dyn of a " +
    "position-independent kernel or what ld --emit-relocs leaves.",
  why: "GRUB does not apply relocations under Multiboot 2, and refuses files that seem to need them.",
  mend: "Link without relocations: -no-pie, -C relocation-model=static, and no --emit-relocs; or discard the section " +
    "with /DISCARD/ : { *(.rela.*) } in the linker script if the kernel does not use it.",
  source: SOURCE,
};

/** GRUB has to have room for the sections that it loads by themselves. */
export const SECTION_MEMORY: Rule<GrubView> = {
  id: "section-memory-exhausted",
  outcome: "refuses",
  words: "out of memory",
  broken: (view) => {
    const step = view.loading().sections.find(({ allocation }) => allocation.kind !== "placed");
    const section = view.sections.find(({ index }) => index === step?.index);
    return section && {
      offset: section.at,
      message:
        `Section ${section.index} has no address and ${
          hexAddr(section.sh_size)
        } bytes. GRUB loads such sections too, ` +
        "and does not have that much memory free in one piece.",
    };
  },
  about:
    "A section without an address, such as one with debug information, is larger than the memory that GRUB has free.",
  why: "GRUB loads every section that no segment loads, debug information too.",
  mend: "Boot a stripped copy: objcopy --strip-debug kernel.elf boot.elf.",
  source: SOURCE,
};

/** Such sections have to start in the file. */
export const SECTION_OUTSIDE: Rule<GrubView> = {
  id: "section-out-of-file",
  outcome: "refuses",
  words: "attempt to seek outside of the file",
  broken: onSection((section, { length }) =>
    !isLoadedByItself(section) || section.sh_offset <= BigInt(length) ? undefined : {
      message: `Section ${section.index} has no address, so GRUB loads it separately; its sh_offset is ` +
        `${hexAddr(section.sh_offset)}, past the end of the file (${hexAddr(length)}).`,
    }
  ),
  about: "A section without an address starts (sh_offset) past the end of the file.",
  why: "GRUB loads every section that has a size but no address.",
  mend: "Check that the file was copied whole; strip or objcopy write a correct section table.",
  source: SOURCE,
};

/** The part of the processor's table of real-mode interrupts, at address 0, that GRUB gets along without. */
const UNUSED_VECTORS = 0x40;

/** Such sections have to have an alignment. */
export const SECTION_ALIGN_ZERO: Rule<GrubView> = {
  id: "section-align-zero",
  outcome: "fails",
  broken: onSection((section, { length }) => {
    const { index, sh_offset, sh_size, sh_addralign } = section;
    if (!isLoadedByItself(section) || BigInt.asUintN(32, sh_addralign) !== 0n) return undefined;
    const size = BigInt.asUintN(32, sh_size);
    const left = BigInt(length) - sh_offset;
    if ((left < size ? left : size) <= UNUSED_VECTORS) return undefined;
    return {
      message: `Section ${index} has no address, so GRUB loads it separately; its sh_addralign is ` +
        `${hexAddr(sh_addralign)}, by which GRUB computes physical address 0 for its ${hexAddr(sh_size)} bytes. They ` +
        "overwrite the interrupt vectors of the BIOS, and GRUB hangs.",
    };
  }),
  about: "A section without an address has sh_addralign 0, or a multiple of 4 GiB.",
  why: "GRUB rounds addresses up with sh_addralign, by arithmetic that makes every address 0 if it is 0. The section " +
    "overwrites the interrupt vectors, and the next call of the BIOS hangs.",
  mend: 'Set sh_addralign to 1, which means the same (gABI, "Section Header"): objcopy --set-section-alignment ' +
    ".name=1, or strip the section.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, malloc_in_range",
};

/** The file has to have all bytes of such sections. */
export const SECTION_CUT: Rule<GrubView> = {
  id: "section-out-of-file",
  outcome: "refuses",
  words: "premature end of file /k.elf",
  broken: onSection((section, { length }) => {
    const { index, sh_offset, sh_size } = section;
    const isWhole = sh_offset + BigInt.asUintN(32, sh_size) <= BigInt(length);
    return !isLoadedByItself(section) || isWhole || sh_offset > BigInt(length) ? undefined : {
      message: `Section ${index} has no address, so GRUB loads it separately; its file range ` +
        `${hexRange(sh_offset, sh_size)} ends past the end of the file (${hexAddr(length)}).`,
    };
  }),
  about:
    "A section without an address ends (sh_offset, sh_size) past the end of the file. One of type SHT_NOBITS counts, " +
    "though it has no bytes in the file.",
  why: "GRUB loads every section that has a size but no address, and does not look at its type.",
  mend: "Check that the file was copied whole. Give a zeroed section an address: place .bss in a segment.",
  source: SOURCE,
};
