/**
 * The rules of rust-vmm's linux-loader for ELF files, which several virtual machine monitors share.
 *
 * @module
 */

import { EI_DATA, ELFCLASS64, RECORD_SIZES } from "../../core/elf/constants.ts";
import { E_ENTRY, fileHeaderOffsets } from "../../core/elf/file_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Rule } from "../rule.ts";
import { isInMemory, lowMemoryEnd } from "../guest_memory.ts";
import { HIGH_MEMORY, isLoaded, type VmmView } from "./view.ts";

/** Where these rules are written. */
export const SOURCE = "rust-vmm linux-loader 0.14.0, src/loader/elf/mod.rs";
const AT = fileHeaderOffsets(ELFCLASS64);
const { programHeader: PROGRAM_HEADER } = RECORD_SIZES[ELFCLASS64];
const LARGEST_SEEK = 1n << 63n;

/** What to do about an object file, which has no program headers. */
const LINK_HINT = "Link the file: ld -T kernel.ld -o kernel.elf kernel.o";

/** The rules as the engine takes them: single ones, and one list of those on each program header. */
export type Steps = readonly (Rule<VmmView> | readonly Rule<VmmView>[])[];

/** What a monitor prints for an error of linux-loader. */
export type Words = (error: string) => string;

type ElfRule = Omit<Rule<VmmView>, "outcome" | "words"> & { readonly words?: string };

/**
 * Makes the rules for a monitor.
 *
 * @param words What it prints for an error in an ELF file.
 * @param outOfAddresses What it prints when a segment's end in memory is past 2^64.
 * @returns The rules, in the order in which linux-loader applies them.
 */
export function linuxLoaderRules(words: Words, outOfAddresses: string): Steps {
  const rule = ({ words: error, ...elfRule }: ElfRule): Rule<VmmView> => ({
    outcome: "refuses",
    ...(error === undefined ? {} : { words: words(error) }),
    ...elfRule,
    broken: (view) => {
      const breach = view.kind === "elf" ? elfRule.broken(view) : undefined;
      return breach?.words === undefined ? breach : { ...breach, words: words(breach.words) };
    },
  });
  return [
    ...HEADER_RULES.map(rule),
    [...NOTE_AND_LOAD_RULES.map(rule), { ...rule(ADDRESS_RULE), words: outOfAddresses }],
  ];
}

const HEADER_RULES: readonly ElfRule[] = [
  {
    id: "file-too-short",
    words: "Unable to read elf header",
    broken: ({ header, model }) =>
      header ? undefined : {
        offset: 0,
        message: `The file has ${hexAddr(model.length)} bytes, less than an ELF64 file header.`,
      },
    about: "The file is shorter than an ELF64 file header, 64 bytes.",
    why: "The file is truncated, or is not a kernel.",
    mend: "Copy or build the file again.",
    source: `${SOURCE}: load`,
  },
  {
    id: "data-encoding-unsupported",
    words: "Trying to load big-endian binary on little-endian machine",
    broken: ({ header }) =>
      header && header.EI_DATA !== 1
        ? { offset: EI_DATA, message: `EI_DATA is ${header.EI_DATA}, and x86 is little-endian: 1.` }
        : undefined,
    about: "EI_DATA is not 1 (little-endian).",
    why: "x86 is little-endian: the file is for another processor, or its header is damaged.",
    mend: "Build the kernel for x86-64.",
    source: `${SOURCE}: validate_header`,
  },
  {
    id: "record-size-mismatch",
    words: "Invalid program header size",
    broken: ({ header }) => {
      if (!header || header.e_phentsize === PROGRAM_HEADER) return undefined;
      const isElf64 = header.EI_CLASS === ELFCLASS64;
      const size = `e_phentsize, read where an ELF64 file has it, is ${header.e_phentsize} instead of 56`;
      const message = isElf64
        ? `${size}.`
        : `${size}, and EI_CLASS is ${header.EI_CLASS}: the file is not an ELF64 file.`;
      const hint = isElf64 && header.e_phnum === 0 ? { hint: LINK_HINT } : {};
      return { offset: AT.e_ehsize + 2, message, ...hint };
    },
    about:
      "e_phentsize is not 56. It is read where ELF64 has it, whatever EI_CLASS says, so an ELF32 file breaks this.",
    why: "Only ELF64 files are loaded.",
    mend: "Link the kernel as ELF64: ld -m elf_x86_64",
    source: `${SOURCE}: validate_header`,
  },
  {
    id: "program-headers-in-file-header",
    words: "Invalid program header offset",
    broken: ({ header }) =>
      header && header.e_phoff < 64n
        ? { offset: AT.e_phoff, message: `e_phoff is ${hexAddr(header.e_phoff)}, inside the file header.` }
        : undefined,
    about: "e_phoff is less than 64, the size of an ELF64 file header.",
    why: "The program headers would overlap the file header. An object file has e_phoff 0: it is not linked.",
    mend: LINK_HINT,
    source: `${SOURCE}: validate_header`,
  },
  {
    id: "pvh-e-entry-low",
    words: "Invalid entry address",
    broken: ({ header }) =>
      header && header.e_entry < BigInt(HIGH_MEMORY)
        ? {
          offset: E_ENTRY,
          message: `e_entry is ${hexAddr(header.e_entry)}, below 1 MiB, which is refused even where PVH's note names ` +
            "another entry.",
        }
        : undefined,
    about: "e_entry is below 1 MiB (0x100000).",
    why:
      "linux-loader compares e_entry with the start of the memory for kernels before it knows whether the kernel is " +
      "entered there or, by PVH, at the address of a note.",
    mend: "Name an entry in the linker script, ENTRY(start), and link it at 1 MiB or above: . = 1M;",
    source: `${SOURCE}: load`,
  },
  {
    id: "program-headers-out-of-file",
    words: "Unable to read program header",
    broken: ({ header, headers, model }) => {
      if (!header || (headers.length === header.e_phnum && header.e_phoff < LARGEST_SEEK)) return undefined;
      const message =
        `The ${header.e_phnum} program headers from file offset ${hexAddr(header.e_phoff)} on reach past the ` +
        `end of the file at ${hexAddr(model.length)}.`;
      const words = header.e_phoff < LARGEST_SEEK ? {} : { words: "Unable to seek to program header" };
      return { offset: AT.e_phoff, message, ...words };
    },
    about: "The program header table reaches past the end of the file.",
    why: "The file is truncated, or a field of its header is wrong.",
    mend: "Copy or link the file again.",
    source: `${SOURCE}: load`,
  },
];

const NOTE_AND_LOAD_RULES: readonly ElfRule[] = [
  {
    id: "note-malformed",
    broken: ({ searches }) => {
      for (const { index, end, noteOffset } of searches) {
        if (typeof end === "string") continue;
        const message = `Program header ${index} is a PT_NOTE that ${end.problem}, at file offset ${
          hexAddr(noteOffset)
        }.`;
        return { index, offset: noteOffset, words: end.words, message };
      }
      return undefined;
    },
    about:
      "A note in a PT_NOTE reaches past the end of the file, or a Xen note of type 18 has an entry shorter than 4 " +
      "bytes. Names and descriptors are padded to 4 bytes.",
    why:
      "Every PT_NOTE is searched for PVH's entry. Notes that are padded to 8 bytes are misread, which can lead the " +
      "search out of the file.",
    mend: "Keep notes with 4-byte alignment in a PT_NOTE of their own, and discard the others: /DISCARD/ : { " +
      "*(.note.gnu.property) }",
    source: `${SOURCE}: parse_elf_note`,
  },
  {
    id: "segment-out-of-file",
    words: "Unable to read kernel image",
    broken: ({ headers, model }) => {
      const segment = headers.find((header) => isLoaded(header) && header.p_offset + header.p_filesz > model.length);
      if (!segment) return undefined;
      const { index, p_offset, p_filesz } = segment;
      const message =
        `Program header ${index} has the file bytes ${hexRange(p_offset, p_filesz)}, and the file ends at ` +
        `${hexAddr(model.length)}.`;
      const words = p_offset < LARGEST_SEEK ? {} : { words: "Unable to seek to kernel start" };
      return { index, offset: Number(p_offset), message, ...words };
    },
    about: "A PT_LOAD has bytes past the end of the file.",
    why: "The file is truncated, or a field of the header is wrong.",
    mend: "Copy or link the file again.",
    source: `${SOURCE}: load`,
  },
  {
    id: "phys-outside-ram",
    words: "Unable to read kernel image",
    broken: ({ headers, memory }) => {
      const segment = headers.find((header) =>
        isLoaded(header) && !isInMemory(memory, header.p_paddr, header.p_filesz)
      );
      if (!segment) return undefined;
      const { index, p_paddr, p_filesz } = segment;
      const message =
        `Program header ${index} puts file bytes at the physical addresses ${hexRange(p_paddr, p_filesz)}, and ` +
        `memory below 4 GiB ends at ${hexAddr(lowMemoryEnd(memory))}.`;
      return { index, message };
    },
    about: "A PT_LOAD's bytes of the file do not fit into the guest's memory at p_paddr.",
    why: "Segments are placed by p_paddr. In a kernel for the higher half whose linker script does not set load " +
      "addresses, p_paddr is the virtual address.",
    mend:
      "Set load addresses in the linker script: .text : AT(ADDR(.text) - KERNEL_OFFSET) { … }; or give the guest more " +
      "memory.",
    source: `${SOURCE}: load`,
  },
];

const ADDRESS_RULE: ElfRule = {
  id: "phys-address-overflow",
  broken: ({ headers }) => {
    const segment = headers.find((header) => isLoaded(header) && header.p_paddr + header.p_memsz >= 1n << 64n);
    return segment && {
      index: segment.index,
      message:
        `Program header ${segment.index} ends in memory past 2^64: p_paddr ${hexAddr(segment.p_paddr)}, p_memsz ` +
        `${hexAddr(segment.p_memsz)}.`,
    };
  },
  about: "p_paddr + p_memsz of a PT_LOAD is 2^64 or more.",
  why: "There are no such addresses: one of the fields is wrong.",
  mend: "Correct the linker script: p_memsz is the distance from a segment's start to the end of its last section.",
  source: `${SOURCE}: load`,
};
