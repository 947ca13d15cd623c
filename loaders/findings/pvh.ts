/**
 * Findings on kernels for PVH: where loaders that accept a kernel do different things with it.
 *
 * @module
 */

import { EI_CLASS, ELFCLASS64, PT_LOAD, RECORD_SIZES } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { fileHeaderAs } from "../../core/file/file_model.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Protocol } from "../../protocols/protocol.ts";
import type { PvhKernel } from "../../protocols/pvh.ts";
import type { FindingRule, Inspected } from "../finding.ts";
import type { LoaderName } from "../loader.ts";
import type { Breach } from "../rule.ts";

/** The loaders that do not zero a bss that meets another segment. */
const NOT_ZEROING: readonly LoaderName[] = ["qemu-kernel", "firecracker", "cloud-hypervisor"];

/** The findings. */
export const PVH_FINDINGS: readonly FindingRule[] = [
  {
    id: "pvh-entries-differ",
    severity: "warning",
    parts: ["notes"],
    find: ({ protocols }) => protocols.filter(isPvh).flatMap(differingEntries),
    about: "The file has several Xen notes of type 18, which name different entries.",
    why:
      "Loaders do not agree on which one counts. QEMU takes the last PT_NOTE that has one, and the first note in it; " +
      "Firecracker and Cloud Hypervisor the first note of the last PT_NOTE; OpenVMM refuses the file.",
    mend: "Define the note once: look for two objects with a section .note.Xen, or two program headers over it.",
    source:
      "QEMU 7.2, include/hw/elf_ops.h: load_elf; rust-vmm linux-loader 0.14.0, src/loader/elf/mod.rs: load; OpenVMM, " +
      "vm/loader/src/pvh.rs: parse_kernel",
  },
  {
    id: "bss-not-zeroed-by-vmm",
    severity: "warning",
    parts: [],
    find: (inspected) => unzeroedParts(inspected),
    about:
      "The zeroed part of a PT_LOAD, from p_filesz to p_memsz, has physical addresses in common with the file bytes " +
      "of another.",
    why:
      "QEMU then leaves out the zeroing, and Firecracker and Cloud Hypervisor zero nothing: a guest's memory is zero " +
      "at first, except where another segment was put. Variables in .bss start with that segment's bytes.",
    mend:
      "Give each segment load addresses of its own: .data : AT(ADDR(.data) - KERNEL_OFFSET) { … }; or clear .bss in " +
      "the kernel's first instructions, if nothing else needs those bytes.",
    source: "QEMU 7.2, include/hw/elf_ops.h: load_elf; rust-vmm linux-loader 0.14.0, src/loader/elf/mod.rs: load",
  },
  {
    id: "class-unchecked",
    severity: "warning",
    parts: [],
    find: ({ model }) => {
      const header = fileHeaderAs(model, true);
      const { fileHeader, programHeader } = RECORD_SIZES[ELFCLASS64];
      if (!header || header.EI_CLASS === ELFCLASS64) return [];
      if (header.e_ehsize !== fileHeader || header.e_phentsize !== programHeader) return [];
      const message =
        `EI_CLASS is ${header.EI_CLASS}, but e_ehsize and e_phentsize, read where ELF64 has them, are those ` +
        "of an ELF64 file. Firecracker, Cloud Hypervisor and Limine ignore EI_CLASS; others refuse or misread the file.";
      return [{ offset: EI_CLASS, message }];
    },
    about: "EI_CLASS is not 2 (64-bit) in a file whose headers are laid out as ELF64.",
    why:
      "Loaders that ignore EI_CLASS load the file; others refuse the class, or read the headers at the wrong places and " +
      "report something that has little to do with the cause.",
    mend: "Set the byte at file offset 4 to 2, and look for the tool that changed it.",
    source: "gABI, ELF Identification; rust-vmm linux-loader 0.14.0, src/loader/elf/mod.rs: validate_header",
  },
];

function isPvh(protocol: Protocol): protocol is PvhKernel {
  return protocol.name === "pvh";
}

function differingEntries({ entries: [first, ...more] }: PvhKernel): readonly Breach[] {
  const other = more.find(({ entry }) => entry !== first.entry);
  if (first.entry === undefined || other?.entry === undefined) return [];
  const message =
    `The Xen note at file offset ${hexAddr(first.offset)} names the entry ${hexAddr(first.entry)}, and the one ` +
    `at ${hexAddr(other.offset)} names ${hexAddr(other.entry)}.`;
  return [{ index: other.index, offset: other.offset, message }];
}

function unzeroedParts({ model, intended }: Inspected): readonly Breach[] {
  if (!intended.some((name) => NOT_ZEROING.includes(name))) return [];
  const loads = model.elf?.programHeaders.filter(({ p_type }) => p_type === PT_LOAD) ?? [];
  const inFile = fileBytesAt(loads);
  for (const { index, p_paddr, p_filesz, p_memsz } of loads) {
    if (p_memsz <= p_filesz) continue;
    const [start, end] = [p_paddr + p_filesz, p_paddr + p_memsz];
    const other = inFile(start, end);
    if (!other) continue;
    const zeroed = { name: `zeroed part of program header ${index}`, start, end };
    const bytes = {
      name: `file bytes of program header ${other.index}`,
      start: other.p_paddr,
      end: other.p_paddr + other.p_filesz,
    };
    const message =
      `The zeroed part of program header ${index} (${hexRange(start, end - start)}) meets the file bytes of ` +
      `program header ${other.index} (${
        hexRange(bytes.start, other.p_filesz)
      }) in physical memory: they are not zeroed.`;
    return [{ index, message, ranges: [zeroed, bytes] }];
  }
  return [];
}

/** Prepares to look for a segment that puts file bytes into a physical range. A segment's own are before its bss. */
function fileBytesAt(loads: readonly ProgramHeader[]): (start: bigint, end: bigint) => ProgramHeader | undefined {
  const sorted = loads.filter(({ p_filesz }) => p_filesz > 0n)
    .sort((a, b) => a.p_paddr < b.p_paddr ? -1 : a.p_paddr > b.p_paddr ? 1 : 0);
  const endOf = ({ p_paddr, p_filesz }: ProgramHeader): bigint => p_paddr + p_filesz;
  const furthest: ProgramHeader[] = [];
  for (const load of sorted) {
    const last = furthest.at(-1);
    furthest.push(!last || endOf(load) > endOf(last) ? load : last);
  }
  return (start, end) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle].p_paddr < end) low = middle + 1;
      else high = middle;
    }
    const load = low === 0 ? undefined : furthest[low - 1];
    return load && endOf(load) > start ? load : undefined;
  };
}
