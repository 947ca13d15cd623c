/**
 * QEMU's rules for an ELF file, by PVH or Multiboot: include/hw/elf_ops.h and hw/core/loader.c, `load_elf`.
 *
 * @module
 */

import { EI_CLASS, EI_DATA, EM_386, EM_X86_64, PT_LOAD } from "../../core/elf/constants.ts";
import { E_MACHINE, fileHeaderOffsets } from "../../core/elf/file_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import { NOTE_SEGMENT } from "./note_segment.ts";
import { isRead, type QemuElf, type QemuView } from "./view.ts";

const WORDS = "Error while loading elf kernel";
const SOURCE = "QEMU 7.2, include/hw/elf_ops.h: load_elf";

/** Flags of an a.out kludge, which QEMU takes for a.out's even in ELF files. */
const UNSUPPORTED_FLAGS = 0x1_0004;

/** From this far past the end of a file, QEMU has no memory; closer, it reads memory of its own. */
const FAR_OUTSIDE = 0x20_0000;

/** A rule on an ELF file, which most often has QEMU's one sentence for all of them. */
function elfRule(
  rule: Omit<Rule<QemuView>, "broken" | "outcome"> & Partial<Pick<Rule<QemuView>, "outcome">> & {
    readonly broken: (elf: QemuElf, view: QemuView) => Breach | undefined;
  },
): Rule<QemuView> {
  const { broken } = rule;
  return { outcome: "refuses", ...rule, broken: (view) => view.elf && broken(view.elf, view) };
}

/** Rules on the headers as a whole. */
export const headerRules: readonly Rule<QemuView>[] = [
  elfRule({
    id: "elf-flags",
    broken: (_, { kind, model }) => {
      const at = fileHeaderOffsets(model.bytes(EI_CLASS, 1)[0]).e_flags;
      const flags = readFlags(model.bytes(0, at + 4), at);
      if (kind !== "elf" || (flags & UNSUPPORTED_FLAGS) === 0) return undefined;
      const message = `e_flags is ${hexAddr(flags)}, and QEMU refuses files with bit 2 or 16 set.`;
      return { offset: at, words: `elfboot unsupported flags = ${flags.toString(16)}`, message };
    },
    about: "e_flags has bit 2 or bit 16 set.",
    why: "QEMU tests these bits as if they were flags of a Multiboot header. x86 defines no e_flags.",
    mend: "Link the kernel for x86, whose e_flags is 0.",
    source: "QEMU 7.2, hw/i386/x86.c: load_elfboot",
  }),
  elfRule({
    id: "not-elf",
    words: WORDS,
    broken: ({ hasMagic }) =>
      hasMagic ? undefined : {
        offset: 0,
        message:
          "The file has a Multiboot 1 header without address fields, and is not an ELF file: nothing says where " +
          "to load it.",
      },
    about: "A file with a Multiboot 1 header is not an ELF file, and flag 16 of the header is clear.",
    why: "Either the ELF headers or the header's address fields say what to load and where.",
    mend: "Set flag 16 and the address fields, or keep the kernel as an ELF file.",
    source: SOURCE,
  }),
  elfRule({
    id: "data-encoding-unsupported",
    words: WORDS,
    broken: (_, { model }) => {
      const encoding = model.bytes(EI_DATA, 1)[0];
      if (encoding === undefined || encoding === 1) return undefined;
      return { offset: EI_DATA, message: `EI_DATA is ${encoding}, and x86 is little-endian: 1.` };
    },
    about: "EI_DATA is not 1 (little-endian).",
    why: "x86 is little-endian: the file is for another processor, or its header is damaged.",
    mend: "Build the kernel for x86-64.",
    source: "QEMU 7.2, hw/core/loader.c: load_elf_ram_sym",
  }),
  elfRule({
    id: "file-too-short",
    words: WORDS,
    broken: ({ header }, { model }) =>
      header ? undefined : {
        offset: 0,
        message: `The file has ${hexAddr(model.length)} bytes, less than the ELF file header of its class.`,
      },
    about: "The file is shorter than its ELF file header.",
    why: "The file is truncated.",
    mend: "Copy or build the file again.",
    source: SOURCE,
  }),
  elfRule({
    id: "machine-unsupported",
    words: WORDS,
    broken: ({ header }) => {
      const machine = header?.e_machine ?? EM_X86_64;
      if (machine === EM_X86_64 || machine === EM_386) return undefined;
      return {
        offset: E_MACHINE,
        message: `e_machine is ${machine}; QEMU for x86-64 loads 62 (x86-64) and 3 (80386).`,
      };
    },
    about: "e_machine is neither x86-64 nor 80386.",
    why: "The file is for another processor.",
    mend: "Build the kernel for x86-64, or run the QEMU of its processor.",
    source: SOURCE,
  }),
  elfRule({
    id: "no-load-segment",
    words: WORDS,
    broken: ({ header, bits }) =>
      header && header.e_phnum === 0
        ? {
          offset: fileHeaderOffsets(bits === 64 ? 2 : 1).e_ehsize + 4,
          message: "e_phnum is 0: there is nothing to load.",
        }
        : undefined,
    about: "The file has no program headers.",
    why: "Program headers say what to load; an object file has none, because it is not linked.",
    mend: "Link the file: ld -T kernel.ld -o kernel.elf kernel.o",
    source: SOURCE,
  }),
  elfRule({
    id: "program-headers-out-of-file",
    words: WORDS,
    broken: ({ header, headerSize, bits }, { model }) => {
      const size = BigInt(headerSize * (header?.e_phnum ?? 0));
      if (!header || (header.e_phoff < 1n << 63n && header.e_phoff + size <= model.length)) return undefined;
      const message = `The ${header.e_phnum} program headers take ${hexAddr(size)} bytes from file offset ` +
        `${hexAddr(header.e_phoff)} on, past the end of the file at ${hexAddr(model.length)}.`;
      return { offset: fileHeaderOffsets(bits === 64 ? 2 : 1).e_phoff, message };
    },
    about: "The program header table reaches past the end of the file. QEMU counts 56 bytes a header in ELF64 files " +
      "and 32 in ELF32 files, whatever e_phentsize says.",
    why: "The file is truncated, or a field of its header is wrong.",
    mend: "Copy or link the file again.",
    source: SOURCE,
  }),
];

/** QEMU reads the flags as little-endian, before it looks at EI_DATA. */
function readFlags(bytes: Uint8Array, at: number): number {
  return [0, 1, 2, 3].reduce((flags, byte) => flags + (bytes[at + byte] ?? 0) * 2 ** (8 * byte), 0);
}

/** Rules on each program header, in their order. */
export const segmentRules: readonly Rule<QemuView>[] = [
  elfRule({
    id: "segment-out-of-file",
    words: WORDS,
    broken: ({ headers, bits }, { kind, model }) => {
      const segment = headers.find((header) =>
        isRead(header) && (header.p_type === PT_LOAD || kind === "elf") &&
        BigInt.asUintN(bits, header.p_offset + header.p_filesz) > model.length
      );
      if (!segment) return undefined;
      const { index, p_offset, p_filesz } = segment;
      const message =
        `Program header ${index} has the file bytes ${hexRange(p_offset, p_filesz)}, and the file ends at ` +
        `${hexAddr(model.length)}.`;
      return { index, offset: Number(p_offset), message };
    },
    about: "A PT_LOAD or PT_NOTE has bytes past the end of the file.",
    why: "The file is truncated, or was stripped by a tool that moved its segments.",
    mend: "Copy or link the file again.",
    source: SOURCE,
  }),
  elfRule({
    id: "memory-size-overflow",
    words: WORDS,
    broken: ({ blocks: { tooBigAt: index } }) =>
      index === undefined ? undefined : {
        index,
        message: `With program header ${index} the sizes of the PT_LOADs in memory add up to 2^63 bytes or more.`,
      },
    about: "The sizes of the PT_LOADs in memory add up to 2^63 or more.",
    why: "No machine has so much memory: a p_memsz is wrong.",
    mend: "Correct the linker script: p_memsz is the distance from a segment's start to the end of its last section.",
    source: SOURCE,
  }),
  elfRule({
    id: "note-align-zero",
    outcome: "fails",
    words: "QEMU itself dies of SIGFPE",
    broken: ({ scans }) => {
      const index = scans.find(({ end }) => end === "division")?.index;
      return index === undefined ? undefined : {
        index,
        message: `Program header ${index} is a PT_NOTE with p_align 0, and QEMU divides by it.`,
      };
    },
    about: "A PT_NOTE with bytes in the file has p_align 0.",
    why:
      "QEMU rounds the sizes of notes up to a multiple of p_align, and dies of a division by 0. The ELF specification " +
      "allows 0, meaning no alignment.",
    mend: `${NOTE_SEGMENT} Or let kload check --fix set p_align to 4.`,
    source: "QEMU 7.2, include/hw/elf_ops.h: get_elf_note_type",
  }),
  elfRule({
    id: "note-endless",
    outcome: "fails",
    broken: ({ scans }) => {
      const scan = scans.find(({ end }) => end === "endless");
      return scan?.end !== "endless" ? undefined : {
        index: scan.index,
        offset: scan.noteOffset,
        message:
          `The note at file offset ${hexAddr(scan.noteOffset)} in program header ${scan.index} has a size of 0 ` +
          "modulo 2^32, so QEMU looks at it again and again.",
      };
    },
    about: "A note of an ELF32 file has sizes that add up to 2^32.",
    why: "QEMU adds the sizes of the name and the descriptor in 32 bits, and never gets past such a note.",
    mend: "Correct the sizes in the note's header.",
    source: "QEMU 7.2, include/hw/elf_ops.h: get_elf_note_type",
  }),
  elfRule({
    id: "note-entry-outside-file",
    outcome: "fails",
    broken: ({ scans, headers }) => {
      const scan = scans.find(({ end }) => end === "astray");
      if (scan?.end !== "astray") return undefined;
      const { index, noteOffset: offset, entryOffset, namesz, fileEnd } = scan;
      const p_align = headers.find((header) => header.index === index)?.p_align ?? 0n;
      const size = `The note at file offset ${hexAddr(offset)} in program header ${index} has a name of ` +
        hexAddr(namesz);
      const message =
        `${size} bytes, which QEMU rounds up to a multiple of p_align, ${hexAddr(p_align)}: it looks for ` +
        `the entry at file offset ${hexAddr(entryOffset)}, past the end of the file (${hexAddr(fileEnd)}).`;
      const isLongName = offset + namesz > fileEnd;
      return {
        index,
        offset,
        message,
        ...(entryOffset - fileEnd >= FAR_OUTSIDE ? { words: "QEMU itself dies of SIGSEGV" } : {}),
        ...(isLongName ? { hint: 'Correct n_namesz in the note\'s header: it is 4 for the name "Xen"' } : {}),
      };
    },
    about: "A PT_NOTE with a note of type 18 has a p_align that is so large, or the note has a name that is so long, " +
      "that QEMU looks for the entry past the end of the file.",
    why: "QEMU rounds the size of a note's name up to p_align, where the specification has 4 bytes, and compares " +
      "neither with the size of the segment.",
    mend: NOTE_SEGMENT,
    source: "QEMU 7.2, hw/i386/x86.c: read_pvh_start_addr",
  }),
];

/** The rule on the whole size. */
export const sizeRule: Rule<QemuView> = elfRule({
  id: "kernel-too-large",
  words: WORDS,
  broken: ({ blocks: { total } }) =>
    BigInt.asIntN(32, total) >= 0n ? undefined : {
      message: `The PT_LOADs have ${hexAddr(total)} bytes in memory; QEMU keeps 32 bits of that, which make a ` +
        "negative number, and so an error.",
    },
  about: "The sizes of the PT_LOADs in memory add up to 2 to 4 GiB, or to any other number with bit 31 set.",
  why: "QEMU keeps the size in a signed 32-bit variable, where negative numbers mean errors.",
  mend: "Make large tables at run time instead of reserving them in .bss.",
  source: "QEMU 7.2, hw/i386/x86.c: load_elfboot",
});
