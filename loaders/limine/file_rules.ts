/**
 * Limine's rules on the file header and the tables of a kernel.
 *
 * @module
 */

import { EI_DATA, ELFDATA2LSB, EM_X86_64, ET_DYN, ET_EXEC, RECORD_SIZES } from "../../core/elf/constants.ts";
import { E_MACHINE, E_TYPE, fileHeaderOffsets } from "../../core/elf/file_header.ts";
import { hexAddr } from "../../core/hex.ts";
import type { Rule } from "../rule.ts";
import { LINK_STATIC } from "./mends.ts";
import type { LimineView } from "./view.ts";

const { fileHeader: FILE_HEADER, programHeader: PROGRAM_HEADER, sectionHeader: SECTION_HEADER } = RECORD_SIZES[2];

/** Offset of `e_phentsize` in an `Elf64_Ehdr`, and of `e_shentsize`. */
const E_PHENTSIZE = fileHeaderOffsets(2).e_ehsize + 2;
const E_SHENTSIZE = fileHeaderOffsets(2).e_ehsize + 6;

/** The file is not an ELF file. */
export const notElf: Rule<LimineView> = {
  id: "not-elf",
  outcome: "refuses",
  words: "elf: Not a valid ELF file.",
  broken: ({ isElf }) =>
    isElf ? undefined : { offset: 0, message: "The file does not start with the ELF magic number." },
  about: "The file does not start with the bytes 7f 45 4c 46 (`\\x7fELF`).",
  why: "Limine's own protocol is for ELF kernels, and Limine up to version 8 does not unpack them.",
  mend: "Give Limine the ELF file itself: unpacked, and not wrapped by objcopy.",
  source: "Limine, common/lib/elf.c: elf64_validate",
};

/** The file is big-endian. */
export const bigEndian: Rule<LimineView> = {
  id: "data-encoding-unsupported",
  outcome: "refuses",
  words: "elf: Not a Little-endian ELF file.",
  broken: ({ header: { EI_DATA: encoding } }) => {
    if (encoding === ELFDATA2LSB) return undefined;
    return { offset: EI_DATA, message: `EI_DATA is ${hexAddr(encoding)}, not 0x1 (little-endian).` };
  },
  about: "EI_DATA, byte 5 of the file, is not 1 (little-endian).",
  why: "Limine reads all fields as little-endian numbers, as its processors do.",
  mend: "Build the kernel for a little-endian target, such as x86_64-unknown-none or x86_64-elf.",
  source: "Limine, common/lib/elf.c: elf64_validate",
};

/** The file is for another processor. */
export const wrongMachine: Rule<LimineView> = {
  id: "machine-unsupported",
  outcome: "refuses",
  words: "elf: Not an x86-64 ELF file.",
  broken: ({ header: { e_machine } }) => {
    if (e_machine === EM_X86_64) return undefined;
    return { offset: E_MACHINE, message: `e_machine is ${hexAddr(e_machine)}, not EM_X86_64 (0x3e).` };
  },
  about: "e_machine is not that of the processor that Limine runs on, EM_X86_64 (0x3e) on a PC.",
  why: "Limine enters kernels in 64-bit mode, so 32-bit ones are refused as well.",
  mend: "Build the kernel for x86-64, or boot it on the processor that it is for.",
  source: "Limine, common/lib/elf.c: elf64_validate",
};

/** The file is neither an `ET_EXEC` nor an `ET_DYN`. */
export const wrongType: Rule<LimineView> = {
  id: "type-unsupported",
  outcome: "refuses",
  words: "elf: ELF file not of type ET_EXEC nor ET_DYN",
  broken: ({ header: { e_type } }) => {
    if (e_type === ET_EXEC || e_type === ET_DYN) return undefined;
    return { offset: E_TYPE, message: `e_type is ${hexAddr(e_type)}, neither ET_EXEC (0x2) nor ET_DYN (0x3).` };
  },
  about: "e_type is neither ET_EXEC (2) nor ET_DYN (3).",
  why: "Other types are not linked yet (ET_REL), or hold no program (ET_CORE).",
  mend: "Link the kernel: an object file is not an executable. Leave out `-r` of ld.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** Program headers are too small. */
export const smallProgramHeaders: Rule<LimineView> = {
  id: "record-size-mismatch",
  outcome: "refuses",
  words: "elf: phdr_size < sizeof(struct elf64_phdr)",
  broken: ({ header: { e_phentsize } }) => {
    if (e_phentsize >= PROGRAM_HEADER) return undefined;
    return { offset: E_PHENTSIZE, message: `e_phentsize is ${hexAddr(e_phentsize)}, less than 0x38.` };
  },
  about: "e_phentsize is less than the 56 bytes of an ELF64 program header. Larger ones are accepted.",
  why: "Program headers would overlap. A file without program headers has 0 there too.",
  mend: "Link the kernel as ELF64 (`-m elf_x86_64`), and do not edit e_phentsize.",
  source: "Limine, common/lib/elf.c: elf64_is_relocatable",
};

/** The program header table is not in the file. */
export const programHeadersOutside: Rule<LimineView> = {
  id: "program-headers-out-of-file",
  outcome: "refuses",
  broken: ({ header: { e_phoff, e_phnum, e_phentsize }, model }) => {
    const end = e_phoff + BigInt(e_phnum * e_phentsize);
    if (end <= BigInt(model.length)) return undefined;
    const message = `The program header table, ${e_phnum} entries of ${hexAddr(e_phentsize)} bytes at file offset ` +
      `${hexAddr(e_phoff)}, ends past the end of the file (${hexAddr(model.length)}).`;
    const words = end < 2n ** 64n
      ? "elf: Program header table extends beyond file bounds"
      : "elf: Program header table size overflow";
    return { offset: fileHeaderOffsets(2).e_phoff, message, words };
  },
  about: "The program header table ends past the end of the file.",
  why: "The file is cut off, or e_phoff or e_phnum is wrong. Limine 8 reads what lies in memory after the file.",
  mend: "Build or copy the file again: it is incomplete.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** Section headers are too small, and Limine looks for a section. */
export const smallSectionHeaders: Rule<LimineView> = {
  id: "section-header-size",
  outcome: "refuses",
  words: "elf: shdr_size < sizeof(struct elf64_shdr)",
  broken: ({ header: { e_shnum, e_shentsize }, requests }) => {
    if (e_shnum === 0 || e_shentsize >= SECTION_HEADER || requests().revision !== 0) return undefined;
    const message = `e_shentsize is ${hexAddr(e_shentsize)}, less than 0x40, and a kernel of base revision 0 may ` +
      "list its requests in the section .limine_reqs, which Limine looks for.";
    return { offset: E_SHENTSIZE, message };
  },
  about: "A kernel of base revision 0 has sections, and e_shentsize is less than the 64 bytes of a section header.",
  why: "Only for base revision 0 does Limine look for the section `.limine_reqs`, and so at section headers.",
  mend:
    "Ask for a newer base revision with a base revision tag, or strip the section headers: `strip --strip-section-headers`.",
  source: "Limine, common/lib/elf.c: elf64_load_section",
};

/** An `ET_DYN` has no dynamic table. */
export const dynamicMissing: Rule<LimineView> = {
  id: "dynamic-missing",
  outcome: "refuses",
  words: "elf: ELF file type is ET_DYN, but PT_DYNAMIC segment missing",
  broken: ({ header, dynamic }) => {
    if (header.e_type !== ET_DYN || dynamic) return undefined;
    return { offset: E_TYPE, message: "e_type is ET_DYN, but there is no program header of type PT_DYNAMIC." };
  },
  about: "e_type is ET_DYN, and there is no PT_DYNAMIC.",
  why: "Limine moves position-independent kernels, and relocates them by their dynamic table.",
  mend: `Link with \`-pie --no-dynamic-linker\` and give .dynamic a PT_DYNAMIC in PHDRS, or ${LINK_STATIC}.`,
  source: "Limine, common/lib/elf.c: elf64_is_relocatable",
};

/** An `ET_DYN` has an empty dynamic table. */
export const dynamicEmpty: Rule<LimineView> = {
  id: "dynamic-empty",
  outcome: "refuses",
  words: "elf: ELF file type is ET_DYN, but PT_DYNAMIC segment has 0 size",
  broken: ({ header, dynamic }) => {
    if (header.e_type !== ET_DYN || dynamic?.p_filesz !== 0n) return undefined;
    const { index } = dynamic;
    return { index, message: `The dynamic table of this ET_DYN, program header ${index}, has a p_filesz of 0.` };
  },
  about: "e_type is ET_DYN, and the first PT_DYNAMIC has a p_filesz of 0.",
  why: "Limine moves position-independent kernels, and relocates them by their dynamic table.",
  mend: `Keep .dynamic in the file: no /DISCARD/ and no NOLOAD for it. Or ${LINK_STATIC}.`,
  source: "Limine, common/lib/elf.c: elf64_is_relocatable",
};

/** The smallest file that has a file header. */
export const FILE_HEADER_SIZE: number = FILE_HEADER;
