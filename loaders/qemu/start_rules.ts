/**
 * QEMU's rules on what is copied into the guest, and on where the guest starts: hw/core/loader.c and pc-bios/optionrom.
 *
 * @module
 */

import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import { FIRMWARE } from "./blocks.ts";
import { gatheredRange } from "./gathered_range.ts";
import { findOverlap } from "./overlap.ts";
import { loadedRanges, type QemuView } from "./view.ts";

const ROMS = "QEMU 7.2, hw/core/loader.c: rom_check_and_register_reset";
const SEEN = "QEMU 7.2 with SeaBIOS, as measured";

/** SeaBIOS clears or uses these parts of the first MiB before the kernel is entered. */
const FIRMWARE_USES: readonly (readonly [number, number])[] = [[0, 0x600], [0x7000, 0x9_0000], [0x9_fc00, 0x10_0000]];

/** SeaBIOS has its tables in the last part of memory below 4 GiB. */
const FIRMWARE_TOP = 0x2_0000;

/**
 * The code of the option ROM that copies a Multiboot kernel: at 0xca200 in a machine without a network card, and 4 KiB
 * higher in one with QEMU's default card, whose own option ROM comes first.
 */
const COPYING_CODE: readonly [bigint, bigint] = [0xc_a200n, 0xc_b300n];

/** Video memory that is not there in text mode. */
const GRAPHICS_MEMORY: readonly [bigint, bigint] = [0xa_0000n, 0xb_8000n];

/** A kernel that is linked as low as that is not to be linked lower. */
const LOW_ENOUGH = 0x20_0000n;

/** Zeroing memory that does not exist takes some 5 seconds a GiB. */
const TOO_MUCH_TO_ZERO = 1n << 34n;

/** Rules that an accepted kernel breaks only at the start. */
export const startRules: readonly Rule<QemuView>[] = [
  {
    id: "phys-overlap",
    outcome: "refuses",
    words: "Some ROM regions are overlapping",
    broken: ({ elf }) => elf && findOverlap(elf.blocks.blocks),
    about: "Two PT_LOADs share physical addresses, or one lies over the firmware at the end of the first 4 GiB.",
    why:
      "QEMU keeps each PT_LOAD as a piece of read-only memory to be copied at every reset. Where only the zeroed part " +
      "of one meets another, QEMU does not zero it, and says nothing.",
    mend: "Give each segment a load address of its own: .data : AT(ADDR(.data) - KERNEL_OFFSET) { … }",
    source: ROMS,
  },
  {
    id: "filesz-gt-memsz",
    outcome: "fails",
    broken: ({ elf }) => {
      const block = elf?.blocks.blocks.find(({ dataSize, size }) => dataSize > size);
      if (!block) return undefined;
      const message = `Program header ${block.index} has ${hexAddr(block.dataSize)} bytes in the file and ` +
        `${hexAddr(block.size)} in memory: QEMU zeroes the difference, which is negative, and hangs.`;
      return { index: block.index, message };
    },
    about: "A PT_LOAD has more bytes in the file than in memory, and some in memory. QEMU ignores it if p_memsz is 0.",
    why: "QEMU 7.2 does not compare the two, and zeroes p_memsz - p_filesz bytes modulo 2^64.",
    mend: "Correct the program header: p_memsz must be at least p_filesz.",
    source: "QEMU 7.2, hw/core/loader.c: rom_reset",
  },
  {
    id: "segment-wraps",
    outcome: "fails",
    broken: ({ elf, model }) => {
      const block = elf?.blocks.blocks.find(({ start, dataSize }) => holds([start, start + dataSize], elf.entry));
      const header = elf?.headers.find(({ index }) => index === block?.index);
      if (!elf || !header || header.p_offset <= model.length) return undefined;
      const message =
        `Program header ${header.index}, which has the entry ${hexAddr(elf.entry)}, starts at file offset ` +
        `${hexAddr(header.p_offset)}, past the end of the file at ${
          hexAddr(model.length)
        }, and its end wraps around: ` +
        "QEMU copies memory of its own.";
      return { index: header.index, message };
    },
    about:
      "p_offset + p_filesz of the PT_LOAD that has the entry exceeds the largest number that its fields can hold, " +
      "and wraps around to a small one.",
    why: "QEMU compares only the sum with the file's length, and takes what is in its own memory there.",
    mend: "Correct the program header.",
    source: "QEMU 7.2, include/hw/elf_ops.h: load_elf",
  },
  {
    id: "bss-outside-ram",
    outcome: "fails",
    broken: ({ elf, lowMemory }) => {
      const block = elf?.blocks.blocks.find(({ dataSize, size }) =>
        dataSize > 0n && size - dataSize >= TOO_MUCH_TO_ZERO
      );
      return block && {
        index: block.index,
        message:
          `Program header ${block.index} has ${hexAddr(block.size - block.dataSize)} bytes to be zeroed, where ` +
          `memory below 4 GiB ends at ${hexAddr(lowMemory)}: QEMU takes minutes or more for addresses without memory.`,
      };
    },
    about: "A PT_LOAD with file bytes has 16 GiB or more to be zeroed.",
    why: "QEMU zeroes addresses without memory in small steps, some 5 seconds a GiB.",
    mend: "Make large tables at run time instead of reserving them in .bss.",
    source: `${SEEN}; hw/core/loader.c: rom_reset`,
  },
  {
    id: "pvh-entry-outside-load",
    outcome: "fails",
    broken: (view) => view.kind === "elf" ? entryOutsideLoad(view) : undefined,
    about: "The physical address that PVH's note names is in no PT_LOAD's bytes from the file.",
    why: "QEMU does not check it, and the guest runs what is in memory there: most often zeros.",
    mend: "Put the physical address of the entry's symbol into the note: its virtual address less the offset between " +
      "p_vaddr and p_paddr.",
    source: "QEMU 7.2, hw/i386/x86.c: load_elfboot",
  },
  {
    id: "entry-outside-load",
    outcome: "fails",
    broken: (view) => view.kind === "elf" ? undefined : entryOutsideLoad(view),
    about: "The physical address at which a Multiboot kernel is entered is in no bytes of the file.",
    why: "QEMU does not check it, and the guest runs what is in memory there: most often zeros. e_entry is made a " +
      "physical address through an executable PT_LOAD whose bytes hold it, and is taken as it is otherwise.",
    mend: "Link the entry into a PT_LOAD with PF_X.",
    source: "QEMU 7.2, hw/i386/multiboot.c: load_multiboot; include/hw/elf_ops.h: load_elf",
  },
  {
    id: "entry-zero-bytes",
    outcome: "fails",
    broken: ({ entry, entersZeros }) =>
      entersZeros && entry !== undefined
        ? { message: `The kernel is entered at ${hexAddr(entry)}, and the file has only zeros there.` }
        : undefined,
    about: "The bytes of the file from the physical address at which the kernel is entered to its segment's end are 0.",
    why:
      "There is no code at the entry: the segment's p_offset points to another part of the file, or the entry is wrong.",
    mend: "Look at the bytes with objdump -d --start-address, and correct the entry or the segment.",
    source: "QEMU 7.2, as measured",
  },
  {
    id: "entry-outside-ram",
    outcome: "fails",
    broken: (view) => {
      const { entry } = view;
      if (entry === undefined || entry < BigInt(view.lowMemory)) return undefined;
      return {
        message: `The kernel is entered at ${hexAddr(entry)}, and memory ends at ${hexAddr(view.lowMemory)}.`,
        ...(entry < LOW_ENOUGH ? { hint: "Give the guest more memory with -m." } : {}),
      };
    },
    about: "The physical address at which the kernel is entered lies outside the guest's memory.",
    why: "QEMU silently leaves out what does not fit into memory.",
    mend: "Link the kernel to a lower physical address, such as 1 MiB, or give the guest more memory with -m.",
    source: ROMS,
  },
  {
    id: "entry-in-firmware-memory",
    outcome: "fails",
    broken: (view) => {
      const entry = view.kind === "elf" ? view.entry : undefined;
      if (entry === undefined) return undefined;
      const top = view.lowMemory - FIRMWARE_TOP;
      const range = [...FIRMWARE_USES, [top, view.lowMemory] as const].find(([start, end]) =>
        entry >= start && entry < end
      );
      return range && {
        message: `The kernel is entered at ${hexAddr(entry)}, in memory that the firmware has overwritten by then ` +
          `(${hexRange(range[0], range[1] - range[0])}).`,
      };
    },
    about:
      "A PVH kernel's entry lies in memory that SeaBIOS uses: below 1 MiB, all but 0x600 to 0x7000 and 0x90000 to " +
      "0x9fc00, or in the last 128 KiB of memory.",
    why: "QEMU copies the kernel before the firmware runs.",
    mend: "Link the kernel at 1 MiB or above: . = 1M;",
    source: SEEN,
  },
  {
    id: "multiboot-over-option-rom",
    outcome: "fails",
    broken: (view) => {
      const range = gatheredRange(view);
      const [start, end] = COPYING_CODE;
      if (!range || range.start >= end || range.end <= start) return undefined;
      const message =
        `QEMU copies the kernel as one piece, with what lies between its segments: ${hexAddr(range.start)} to ` +
        `${hexAddr(range.end)}, in whole pages and with a page for the command line. That overwrites the code that ` +
        `copies it, an option ROM at ${hexAddr(start)} to ${hexAddr(end)}, and the entry is never reached.`;
      return {
        message,
        ranges: [{ name: "the copied kernel", ...range }, { name: "the option ROM that copies it", start, end }],
      };
    },
    about:
      "A Multiboot kernel has bytes below the option ROM that copies it, which lies at 0xca200 to 0xcb300, and bytes " +
      "above; or its end, in whole pages and a page more, reaches the ROM.",
    why:
      "QEMU copies the kernel as one piece from its lowest physical address to its highest, zeros between segments " +
      "included, and a page of command line after it. The code that copies is an option ROM at 0xca200, or at 0xcb200 " +
      "if the machine has a network card with a ROM; the rest of the first MiB may be overwritten. GRUB moves each " +
      "segment to its place by itself, and boots such a kernel.",
    mend:
      "Link the whole kernel at 1 MiB or above: . = 1M; and let the kernel copy what has to run below 1 MiB, such as " +
      "the code that starts other processors, to its place itself: link it with AT(…) at a load address above the kernel.",
    source: "QEMU 7.2, as measured with SeaBIOS; hw/i386/multiboot.c: load_multiboot; pc-bios/optionrom/multiboot.S",
  },
  {
    id: "entry-in-video-memory",
    outcome: "fails",
    broken: ({ kind, entry }) =>
      kind === "multiboot" && entry !== undefined && holds(GRAPHICS_MEMORY, entry)
        ? {
          message: `The kernel is entered at ${hexAddr(entry)}, in ${
            hexRange(GRAPHICS_MEMORY[0], GRAPHICS_MEMORY[1] - GRAPHICS_MEMORY[0])
          }, where a PC in text mode has no memory: the kernel's bytes are lost.`,
        }
        : undefined,
    about: "A Multiboot kernel's entry has a physical address from 0xa0000 to 0xb7fff.",
    why: "These are addresses of the video card, which answers to them in graphics modes only.",
    mend: "Link the kernel at 1 MiB or above: . = 1M;",
    source: SEEN,
  },
];

/** What the rules say of an entry without bytes of the file. */
function entryOutsideLoad(view: QemuView): Breach | undefined {
  const { entry } = view;
  if (entry === undefined || loadedRanges(view).some(({ start, size }) => holds([start, start + size], entry))) {
    return undefined;
  }
  return { message: `The kernel is entered at ${hexAddr(entry)}, where ${nothingAt(view, entry)}.` };
}

function holds([start, end]: readonly [bigint, bigint], address: bigint): boolean {
  return address >= start && address < end;
}

function nothingAt({ elf }: QemuView, entry: bigint): string {
  const block = elf?.blocks.blocks.find(({ start, size }) => holds([start, start + size], entry));
  if (block) return `program header ${block.index} has only zeros`;
  return holds([FIRMWARE.start, FIRMWARE.start + FIRMWARE.size], entry)
    ? "the firmware is"
    : "no bytes of the file are";
}
