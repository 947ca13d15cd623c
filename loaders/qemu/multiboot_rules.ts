/**
 * QEMU's rules for Multiboot 1 kernels: hw/i386/multiboot.c, `load_multiboot`.
 *
 * @module
 */

import { E_MACHINE } from "../../core/elf/file_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { MultibootAddresses } from "../../protocols/multiboot/header.ts";
import type { Breach, Rule } from "../rule.ts";
import type { QemuBlocks } from "./blocks.ts";
import { fetchKernel } from "./fetch_kernel.ts";
import { loadedPart } from "./multiboot.ts";
import { findOverlap } from "./overlap.ts";
import type { QemuView } from "./view.ts";

const SOURCE = "QEMU 7.2, hw/i386/multiboot.c: load_multiboot";

/** A kernel for x86-64 that QEMU takes for Multiboot. */
function isRefusedMachine({ multiboot, elf }: QemuView): boolean {
  return multiboot !== undefined && !multiboot.addresses && !elf;
}

/** Rules that come before the kernel is loaded. */
export const multibootRules: readonly Rule<QemuView>[] = [
  {
    id: "multiboot-hides-pvh",
    outcome: "refuses",
    words: "Cannot load x86-64 image, give a 32bit one.",
    broken: (view) => {
      const [note] = view.entryNotes;
      if (!isRefusedMachine(view) || !note) return undefined;
      const message =
        `QEMU finds the Multiboot 1 header at file offset ${hexAddr(view.multiboot?.offset ?? 0)} first, ` +
        `never looks at the Xen note at ${hexAddr(note.offset)}, and loads no x86-64 ELF file by Multiboot.`;
      return { offset: view.multiboot?.offset, message };
    },
    about: "A kernel for x86-64 has a note for PVH, and a Multiboot 1 header too.",
    why: "QEMU looks for Multiboot 1 before it looks for PVH, and loads 64-bit kernels by PVH only.",
    mend: "Leave out the Multiboot 1 header in builds for QEMU, set its flag 16 and the address fields, or offer " +
      "Multiboot 2 instead, which QEMU does not look for.",
    source: SOURCE,
  },
  {
    id: "multiboot-64-bit",
    outcome: "refuses",
    words: "Cannot load x86-64 image, give a 32bit one.",
    broken: (view) =>
      isRefusedMachine(view)
        ? {
          offset: E_MACHINE,
          message:
            `The file has a Multiboot 1 header at file offset ${hexAddr(view.multiboot?.offset ?? 0)}, and its ` +
            "e_machine is x86-64: QEMU loads only 32-bit ELF files by Multiboot.",
        }
        : undefined,
    about: "A kernel with a Multiboot 1 header, without address fields, is an ELF file for x86-64.",
    why: "Multiboot 1 enters 32-bit code, and QEMU insists on a file that says so. GRUB takes both.",
    mend:
      "Convert the file: objcopy -O elf32-i386 kernel.elf kernel32.elf; or add a Xen note of type 18 and leave out " +
      "the Multiboot 1 header, so that QEMU boots it by PVH.",
    source: SOURCE,
  },
  {
    id: "multiboot-addresses",
    outcome: "refuses",
    broken: ({ model, multiboot }) =>
      multiboot?.addresses && brokenAddresses(model.length, multiboot.offset, multiboot.addresses),
    about: "The address fields of a Multiboot 1 header, valid by its flag 16, contradict each other or the file.",
    why: "With flag 16 they alone say what to load and where, also in an ELF file.",
    mend: "Compute the fields from the linker script's symbols; or clear flag 16, so that the ELF headers count.",
    source: SOURCE,
  },
];

function brokenAddresses(length: number, at: number, fields: MultibootAddresses): Breach | undefined {
  const { header_addr, load_addr, load_end_addr, bss_end_addr } = fields;
  const offset = at + 12;
  if (header_addr < load_addr) {
    const message = `header_addr ${hexAddr(header_addr)} is lower than load_addr ${hexAddr(load_addr)}.`;
    return { offset, words: "invalid load_addr address", message };
  }
  if (header_addr - load_addr > at) {
    const message =
      `header_addr ${hexAddr(header_addr)} and load_addr ${hexAddr(load_addr)} put the first byte to load ` +
      `before the start of the file: the header is at file offset ${hexAddr(at)}.`;
    return { offset, words: "invalid header_addr address", message };
  }
  if (load_end_addr !== 0 && load_end_addr < load_addr) {
    const message = `load_end_addr ${hexAddr(load_end_addr)} is lower than load_addr ${hexAddr(load_addr)}.`;
    return { offset, words: "invalid load_end_addr address", message };
  }
  const { start, size } = loadedPart(length, at, fields);
  if (size > 0xffff_ffff - load_addr) {
    const message = `${hexAddr(size)} bytes are to be loaded at ${
      hexAddr(load_addr)
    }, past the end of the 32-bit address space.`;
    return { offset, words: "kernel does not fit in address space", message };
  }
  if (bss_end_addr !== 0 && bss_end_addr < load_addr + size) {
    const message = `bss_end_addr ${hexAddr(bss_end_addr)} is lower than the end of what is loaded, ` +
      `${hexAddr(load_addr + size)}.`;
    return { offset, words: "invalid bss_end_addr address", message };
  }
  if (start + size > length) {
    const message = `The file bytes ${hexRange(start, size)} are to be loaded, and the file ends at ${
      hexAddr(length)
    }.`;
    return { offset, words: "fread() failed", message };
  }
  return undefined;
}

/** Rules for a Multiboot kernel that was loaded as an ELF file. */
export const fetchRules: readonly Rule<QemuView>[] = [
  {
    id: "multiboot-incomplete",
    outcome: "refuses",
    words: "Error while fetching elf kernel from rom",
    broken: ({ multiboot, elf }) =>
      multiboot && elf && fetchKernel(elf.blocks) === "incomplete" ? incomplete(elf.blocks) : undefined,
    about:
      "QEMU gathers a Multiboot kernel from the lowest physical address of its PT_LOADs to the highest, and does not " +
      "arrive at the end: there is no PT_LOAD, the only one has more bytes in the file than in memory, or the last one " +
      "by address ends inside another.",
    why: "The kernel is handed to the guest as one piece, and QEMU takes the end of the last PT_LOAD for its end.",
    mend: "Give each segment a load address of its own, .data : AT(ADDR(.data) - KERNEL_OFFSET) { … }, below 4 GiB, " +
      "and a p_memsz that is not smaller than p_filesz.",
    source: `${SOURCE}; hw/core/loader.c: rom_copy`,
  },
  {
    id: "multiboot-overrun",
    outcome: "fails",
    words: "QEMU itself dies of SIGSEGV",
    broken: ({ multiboot, elf }) =>
      multiboot && elf && fetchKernel(elf.blocks) === "overrun"
        ? {
          message:
            "The physical addresses of the PT_LOADs, of which QEMU keeps 32 bits here, do not cover a PT_LOAD or " +
            "reach into the firmware: QEMU computes a negative length and dies.",
        }
        : undefined,
    about:
      "A Multiboot kernel has a PT_LOAD with more bytes in the file than in memory, one at or above 4 GiB, or one " +
      "that reaches the firmware at 0xfffc0000.",
    why: "QEMU copies with a length that has become negative.",
    mend: "Link the kernel below the firmware, with p_memsz not smaller than p_filesz.",
    source: "QEMU 7.2, hw/core/loader.c: rom_copy",
  },
];

/** Why the kernel cannot be gathered, and what to do about that. */
function incomplete({ blocks }: QemuBlocks): Breach {
  const cannot = "QEMU cannot gather the kernel from its PT_LOADs.";
  if (blocks.length === 0) {
    const hint = "Link the kernel with a PT_LOAD that has its code: look at its segments with readelf -lW.";
    return { message: `${cannot} There is none with a size in memory.`, hint };
  }
  const shared = findOverlap(blocks);
  if (shared) {
    const hint = "Give each segment a load address of its own: .data : AT(ADDR(.data) - KERNEL_OFFSET) { … }";
    return { ...shared, message: `${cannot} ${shared.message}`, hint };
  }
  const large = blocks.find(({ dataSize, size }) => dataSize > size);
  if (!large) return { message: cannot };
  const message = `${cannot} Program header ${large.index} has ${hexAddr(large.dataSize)} bytes in the file and ` +
    `${hexAddr(large.size)} in memory.`;
  return { index: large.index, message, hint: "Correct the program header: p_memsz must be at least p_filesz." };
}
