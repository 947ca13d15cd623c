/**
 * The rules of OpenVMM's PVH loader on memory, notes and the entry.
 *
 * @module
 */

import { hexAddr, hexRange } from "../../core/hex.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { Breach, Rule } from "../rule.ts";
import { isInMemory, lowMemoryEnd } from "../guest_memory.ts";
import type { OpenVmmView } from "./view.ts";

const SOURCE = "OpenVMM 33748768, vm/loader/src/pvh.rs";
const MISSING = "kernel does not contain XEN_ELFNOTE_PHYS32_ENTRY";
const PAGE = 4096n;
const TOP_32 = 1n << 32n;

/** Rules that come after those on each header. */
export const entryRules: readonly Rule<OpenVmmView>[] = [
  {
    id: "no-load-segment",
    outcome: "refuses",
    words: MISSING,
    broken: ({ loads }) =>
      loads.length > 0 ? undefined : { message: "The file has no PT_LOAD: there is nothing to load." },
    about: "The file has no PT_LOAD.",
    why: "There is no kernel in it; OpenVMM says the same as of a kernel without a note.",
    mend: "Link the file: ld -T kernel.ld -o kernel.elf kernel.o",
    source: `${SOURCE}: parse_kernel`,
  },
  {
    id: "phys-page-shared",
    outcome: "refuses",
    words: "ELF load segments overlap at page granularity",
    broken: ({ loads }) => sharedPage(loads),
    about: "Two PT_LOADs have bytes in the same 4 KiB page of physical memory.",
    why: "OpenVMM imports each segment as whole pages.",
    mend: "Start each segment on a page of its own: . = ALIGN(4096);",
    source: `${SOURCE}: parse_kernel`,
  },
  {
    id: "note-malformed",
    outcome: "refuses",
    words: "malformed ELF note",
    broken: ({ notes: { fault } }) =>
      fault?.kind === "malformed"
        ? {
          index: fault.index,
          offset: fault.offset,
          message:
            `The note at file offset ${hexAddr(fault.offset)} in program header ${fault.index} reaches past the ` +
            "segment's end, read with 4-byte padding, or has an entry of neither 4 nor 8 bytes.",
        }
        : undefined,
    about:
      "A note reaches past the end of its PT_NOTE, or a Xen note of type 18 has an entry of neither 4 nor 8 bytes. " +
      "Names and descriptors are padded to 4 bytes.",
    why: "Every PT_NOTE is read to its end. Notes that are padded to 8 bytes, such as .note.gnu.property, are misread.",
    mend: "Keep notes with 4-byte alignment in a PT_NOTE of their own, and discard the others: /DISCARD/ : { " +
      "*(.note.gnu.property) }",
    source: `${SOURCE}: find_pvh_entry`,
  },
  {
    id: "pvh-note-duplicate",
    outcome: "refuses",
    words: "multiple Xen PVH entry notes are present",
    broken: ({ notes: { fault } }) =>
      fault?.kind === "twice"
        ? {
          index: fault.index,
          offset: fault.offset,
          message:
            `The Xen note of type 18 at file offset ${hexAddr(fault.offset)} in program header ${fault.index} is the ` +
            "second one.",
        }
        : undefined,
    about: "There is more than one Xen note of type 18.",
    why:
      "Each names an entry, and others do not agree on which one counts: QEMU takes the first of the last PT_NOTE that " +
      "has one, linux-loader the first of the last PT_NOTE.",
    mend: "Define the note once: look for two objects with a section .note.Xen, or two program headers over it.",
    source: `${SOURCE}: parse_kernel, find_pvh_entry`,
  },
  {
    id: "pvh-note-missing",
    outcome: "refuses",
    words: MISSING,
    broken: ({ notes: { entry } }) =>
      entry ? undefined : {
        message: "No PT_NOTE has a Xen note of type 18 (XEN_ELFNOTE_PHYS32_ENTRY), so there is no entry for PVH.",
      },
    about: "An ELF file has no Xen note of type 18 in a PT_NOTE.",
    why: "The note names the entry.",
    mend:
      "Add a note of owner Xen and type 18 with the physical address of a 32-bit entry, in a section of type @note that " +
      "is in a PT_NOTE.",
    source: `${SOURCE}: parse_kernel`,
  },
  {
    id: "pvh-entry-above-4g",
    outcome: "refuses",
    words: "Xen PVH entry address does not fit in 32 bits",
    broken: ({ notes: { entry } }) =>
      entry && entry.address >= TOP_32
        ? { index: entry.index, offset: entry.offset, message: `PVH's note names the entry ${hexAddr(entry.address)}.` }
        : undefined,
    about: "The entry that PVH's note names is 4 GiB or more.",
    why: "PVH enters a kernel in 32-bit mode. It is most often a virtual address, where a physical one is meant.",
    mend: "Put the physical address of the entry's symbol into the note: its virtual address less the offset between " +
      "p_vaddr and p_paddr.",
    source: `${SOURCE}: parse_kernel`,
  },
  {
    id: "pvh-entry-outside-load",
    outcome: "refuses",
    words: "Xen PVH entry address is not within a load segment",
    broken: ({ loads, notes: { entry } }) =>
      entry && !loads.some(({ p_paddr, p_memsz }) => p_paddr <= entry.address && entry.address - p_paddr < p_memsz)
        ? {
          index: entry.index,
          offset: entry.offset,
          message: `PVH's note names the entry ${hexAddr(entry.address)}, which is in no PT_LOAD's physical range.`,
        }
        : undefined,
    about: "The physical address that PVH's note names is in no PT_LOAD.",
    why: "Nothing is loaded there. Other loaders do not check it.",
    mend: "Put the physical address of the entry's symbol into the note: its virtual address less the offset between " +
      "p_vaddr and p_paddr.",
    source: `${SOURCE}: parse_kernel`,
  },
  {
    id: "phys-outside-ram",
    outcome: "refuses",
    broken: ({ loads, memory }) => {
      const pages = loads.map((load) => ({ load, start: pageStart(load), end: pageEnd(load) }))
        .sort((a, b) => a.start < b.start ? -1 : 1);
      const outside = pages.find(({ start, end }) => !isInMemory(memory, start, end - start));
      if (!outside) return undefined;
      const { load, start, end } = outside;
      const range = `${hexAddr(start)}..${hexAddr(end)}`;
      const message =
        `Program header ${load.index} takes the physical addresses ${range}, and memory below 4 GiB ends at ` +
        `${hexAddr(lowMemoryEnd(memory))}.`;
      return {
        index: load.index,
        words: `required guest range ${range} for pvh-kernel is outside declared RAM`,
        message,
      };
    },
    about: "A PT_LOAD does not fit into the guest's memory at p_paddr, with its zeroed part.",
    why: "Segments are placed by p_paddr. In a kernel for the higher half whose linker script does not set load " +
      "addresses, p_paddr is the virtual address.",
    mend:
      "Set load addresses in the linker script: .text : AT(ADDR(.text) - KERNEL_OFFSET) { … }; or give the guest more " +
      "memory.",
    source: `${SOURCE}: verify_ram`,
  },
  {
    id: "pvh-entry-in-bss",
    outcome: "fails",
    broken: ({ loads, notes: { entry } }) => {
      const load = entry &&
        loads.find(({ p_paddr, p_memsz }) => p_paddr <= entry.address && entry.address - p_paddr < p_memsz);
      if (!entry || !load || entry.address - load.p_paddr < load.p_filesz) return undefined;
      const message =
        `PVH's note names the entry ${hexAddr(entry.address)}, which is in the zeroed part of program header ` +
        `${load.index}.`;
      return { index: load.index, offset: entry.offset, message };
    },
    about: "The physical address that PVH's note names is in a PT_LOAD's zeroed part.",
    why: "It lies in a segment, which is all that is checked, and there is no code.",
    mend: "Put the physical address of the entry's symbol into the note.",
    source: `${SOURCE}: parse_kernel`,
  },
];

function pageStart({ p_paddr }: ProgramHeader): bigint {
  return p_paddr / PAGE * PAGE;
}

function pageEnd({ p_paddr, p_memsz }: ProgramHeader): bigint {
  return (p_paddr + p_memsz + PAGE - 1n) / PAGE * PAGE;
}

function sharedPage(loads: readonly ProgramHeader[]): Breach | undefined {
  const sorted = [...loads].sort((a, b) => a.p_paddr < b.p_paddr ? -1 : a.p_paddr > b.p_paddr ? 1 : 0);
  const at = sorted.findIndex((load, index) => index > 0 && pageStart(load) < pageEnd(sorted[index - 1]));
  if (at === -1) return undefined;
  const [first, second] = [sorted[at - 1], sorted[at]];
  const [one, other] = [first, second].map(({ index, p_paddr, p_memsz }) => ({
    name: `program header ${index}`,
    start: p_paddr,
    end: p_paddr + p_memsz,
  }));
  const message =
    `Program header ${first.index} (${hexRange(one.start, first.p_memsz)}) and program header ${second.index} ` +
    `(${hexRange(other.start, second.p_memsz)}) share the page at physical address ${hexAddr(pageStart(second))}.`;
  return { index: Math.max(first.index, second.index), message, ranges: [one, other] };
}
