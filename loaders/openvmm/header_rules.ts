/**
 * The rules of OpenVMM's PVH loader on the file's headers.
 *
 * @module
 */

import { EI_CLASS, EI_DATA, ELFCLASS64, EM_X86_64, PT_LOAD, PT_NOTE, RECORD_SIZES } from "../../core/elf/constants.ts";
import { E_MACHINE, fileHeaderOffsets } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import { HDRS, readSetupHeader, SETUP_END } from "../../formats/bzimage/setup_header.ts";
import type { Breach, Rule } from "../rule.ts";
import { LARGEST_NOTES, type OpenVmmView } from "./view.ts";

const SOURCE = "OpenVMM 33748768, vm/loader/src/pvh.rs: parse_kernel";
const AT = fileHeaderOffsets(ELFCLASS64);
const { fileHeader: FILE_HEADER, programHeader: PROGRAM_HEADER } = RECORD_SIZES[ELFCLASS64];
const TOP = 1n << 64n;

/** Kernels lie at or above 1 MiB. */
const HIGH_MEMORY = 0x10_0000n;

/** Rules on the headers as a whole. */
export const headerRules: readonly Rule<OpenVmmView>[] = [
  {
    id: "file-too-short",
    outcome: "refuses",
    words: "failed to read the ELF64 header",
    broken: ({ model }) =>
      model.length >= FILE_HEADER
        ? undefined
        : { offset: 0, message: `The file has ${hexAddr(model.length)} bytes, less than an ELF64 file header.` },
    about: "The file is shorter than an ELF64 file header, 64 bytes.",
    why: "The file is truncated, or is not a kernel.",
    mend: "Copy or build the file again.",
    source: SOURCE,
  },
  {
    id: "not-elf",
    outcome: "refuses",
    words: "invalid ELF64 header",
    broken: ({ header, model }) => {
      if (!header) return withoutMagic(readSetupHeader(model.bytes(0, SETUP_END)).header === HDRS);
      const { EI_CLASS: fileClass, EI_DATA: encoding, EI_VERSION: version } = header;
      if (fileClass === ELFCLASS64 && (encoding === 1 || encoding === 2) && version === 1) return undefined;
      return {
        offset: EI_CLASS,
        message:
          `The file is not a valid ELF64 file: EI_CLASS is ${fileClass}, EI_DATA ${encoding}, EI_VERSION ${version}.`,
      };
    },
    about:
      "The file has no ELF magic number, EI_CLASS is not 2 (64-bit), EI_DATA is neither 1 nor 2, or EI_VERSION is " +
      "not 1.",
    why: "The PVH loader takes ELF64 files only; Linux images are for OpenVMM's Linux loader.",
    mend: "Link the kernel as ELF64: ld -m elf_x86_64",
    source: SOURCE,
  },
  {
    id: "data-encoding-unsupported",
    outcome: "refuses",
    words: "PVH kernel is not little-endian",
    broken: ({ header }) =>
      header?.EI_DATA === 2 ? { offset: EI_DATA, message: "EI_DATA is 2, and x86 is little-endian: 1." } : undefined,
    about: "EI_DATA is 2 (big-endian).",
    why: "x86 is little-endian: the file is for another processor, or its header is damaged.",
    mend: "Build the kernel for x86-64.",
    source: SOURCE,
  },
  {
    id: "machine-unsupported",
    outcome: "refuses",
    words: "PVH kernel is not an x86-64 ELF image",
    broken: ({ header }) =>
      header && header.e_machine !== EM_X86_64
        ? { offset: E_MACHINE, message: `e_machine is ${header.e_machine}, and x86-64 is 62.` }
        : undefined,
    about: "e_machine is not x86-64.",
    why: "Code for another processor cannot run; 32-bit x86 kernels are refused as well.",
    mend: "Build the kernel for x86-64.",
    source: SOURCE,
  },
  {
    id: "record-size-mismatch",
    outcome: "refuses",
    words: "failed to parse ELF program headers",
    broken: ({ header }) =>
      header && header.e_phoff > 0n && header.e_phnum > 0 && header.e_phentsize !== PROGRAM_HEADER
        ? {
          offset: AT.e_ehsize + 2,
          message: `e_phentsize is ${header.e_phentsize}, and an ELF64 program header has 56 bytes.`,
        }
        : undefined,
    about: "e_phentsize is not 56, in a file with program headers.",
    why: "The table would be read at the wrong places.",
    mend: "Link the file again with a linker for ELF64.",
    source: SOURCE,
  },
  {
    id: "program-headers-out-of-file",
    outcome: "refuses",
    words: "failed to parse ELF program headers",
    broken: ({ header, headers, model }) => {
      if (!header || header.e_phoff === 0n || headers.length === header.e_phnum) return undefined;
      const message =
        `The ${header.e_phnum} program headers from file offset ${hexAddr(header.e_phoff)} on reach past the ` +
        `end of the file at ${hexAddr(model.length)}.`;
      return { offset: AT.e_phoff, message };
    },
    about: "The program header table reaches past the end of the file.",
    why: "The file is truncated, or a field of its header is wrong.",
    mend: "Copy or link the file again.",
    source: SOURCE,
  },
];

function withoutMagic(isImage: boolean): Breach {
  const message = "The file does not start with the ELF magic number";
  if (!isImage) return { offset: 0, message: `${message}.` };
  const hint = "Boot the image with OpenVMM's Linux loader, or unpack the kernel in it: it is an ELF64 file";
  return { offset: 0, message: `${message}: it is a Linux image.`, hint };
}

/** A rule on one program header at a time. */
function segmentRule(
  { of, says, ...rule }: Omit<Rule<OpenVmmView>, "broken" | "outcome"> & {
    readonly of?: number;
    readonly says: (header: ProgramHeader, view: OpenVmmView) => Omit<Breach, "index"> | undefined;
  },
): Rule<OpenVmmView> {
  return {
    outcome: "refuses",
    ...rule,
    broken: (view) => {
      for (const header of view.headers) {
        const breach = of === undefined || header.p_type === of ? says(header, view) : undefined;
        if (breach) return { index: header.index, ...breach };
      }
      return undefined;
    },
  };
}

/** Rules on each program header, in their order. */
export const segmentRules: readonly Rule<OpenVmmView>[] = [
  segmentRule({
    id: "segment-offset-overflow",
    words: "ELF program header arithmetic overflowed",
    says: ({ index, p_offset, p_filesz }) =>
      p_offset + p_filesz < TOP ? undefined : {
        message: `Program header ${index} ends past 2^64: p_offset ${hexAddr(p_offset)}, p_filesz ${
          hexAddr(p_filesz)
        }.`,
      },
    about: "p_offset + p_filesz of a program header of any type is 2^64 or more.",
    why: "One of the fields is wrong.",
    mend: "Link the file again.",
    source: SOURCE,
  }),
  segmentRule({
    id: "segment-out-of-file",
    words: "ELF segment lies outside the kernel image",
    says: ({ index, p_offset, p_filesz }, { model }) =>
      p_offset + p_filesz <= model.length ? undefined : {
        offset: Number(p_offset),
        message: `Program header ${index} has the file bytes ${hexRange(p_offset, p_filesz)}, and the file ends at ` +
          `${hexAddr(model.length)}.`,
      },
    about: "A program header of any type has bytes past the end of the file.",
    why: "The file is truncated, or was stripped by a tool that left a header behind.",
    mend: "Copy or link the file again.",
    source: SOURCE,
  }),
  segmentRule({
    id: "filesz-gt-memsz",
    words: "ELF segment file size exceeds its memory size",
    of: PT_LOAD,
    says: ({ index, p_filesz, p_memsz }) =>
      p_filesz <= p_memsz ? undefined : {
        message: `Program header ${index} has ${hexAddr(p_filesz)} bytes in the file and ${
          hexAddr(p_memsz)
        } in memory.`,
      },
    about: "A PT_LOAD has more bytes in the file than in memory.",
    why: "The specification forbids it.",
    mend: "Correct the program header: p_memsz must be at least p_filesz.",
    source: SOURCE,
  }),
  segmentRule({
    id: "empty-load",
    words: "ELF load segment is empty",
    of: PT_LOAD,
    says: ({ index, p_memsz }) =>
      p_memsz > 0n ? undefined : { message: `Program header ${index} is a PT_LOAD whose p_memsz is 0.` },
    about: "A PT_LOAD has no bytes in memory.",
    why: "There is nothing to load. Most loaders ignore such a header.",
    mend: "Take the empty segment out of PHDRS, or put a section into it.",
    source: SOURCE,
  }),
  segmentRule({
    id: "phys-address-overflow",
    words: "ELF program header arithmetic overflowed",
    of: PT_LOAD,
    says: ({ index, p_paddr, p_memsz }) =>
      p_paddr + p_memsz < TOP ? undefined : {
        message: `Program header ${index} ends in memory past 2^64: p_paddr ${hexAddr(p_paddr)}, p_memsz ` +
          `${hexAddr(p_memsz)}.`,
      },
    about: "p_paddr + p_memsz of a PT_LOAD is 2^64 or more.",
    why: "There are no such addresses: one of the fields is wrong.",
    mend: "Correct the linker script: p_memsz is the distance from a segment's start to the end of its last section.",
    source: SOURCE,
  }),
  segmentRule({
    id: "load-below-1m",
    of: PT_LOAD,
    says: ({ index, p_paddr, p_memsz }) =>
      p_paddr >= HIGH_MEMORY ? undefined : {
        words: `ELF load segment at ${hexAddr(p_paddr)}..${hexAddr(p_paddr + p_memsz)} is below 1 MiB`,
        message: `Program header ${index} is a PT_LOAD at the physical address ${hexAddr(p_paddr)}, below 1 MiB.`,
      },
    about: "A PT_LOAD's p_paddr is below 1 MiB (0x100000).",
    why: "The first MiB is for the tables that the kernel is handed.",
    mend: "Link everything at 1 MiB or above: . = 1M;",
    source: SOURCE,
  }),
  segmentRule({
    id: "notes-too-large",
    words: "ELF note segment exceeds the 1-MiB parser bound",
    of: PT_NOTE,
    says: ({ index, p_filesz }) =>
      p_filesz <= BigInt(LARGEST_NOTES)
        ? undefined
        : { message: `Program header ${index} is a PT_NOTE of ${hexAddr(p_filesz)} bytes.` },
    about: "A PT_NOTE has more than 1 MiB in the file.",
    why: "Notes have a few hundred bytes; a larger segment is taken for a mistake.",
    mend:
      "Put only sections of notes into the PT_NOTE: .note : { *(.note.*) } :text :note, with :data (or :text) at the next section",
    source: SOURCE,
  }),
];
