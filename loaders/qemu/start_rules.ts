/**
 * QEMU's rules on what is copied into the guest, and on where the guest starts: hw/core/loader.c and pc-bios/optionrom.
 *
 * @module
 */

import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Breach, NamedRange, Rule } from "../rule.ts";
import { FIRMWARE, inQemuOrder, type QemuBlock } from "./blocks.ts";
import { loadedRanges, type QemuView } from "./view.ts";

const ROMS = "QEMU 7.2, hw/core/loader.c: rom_check_and_register_reset";
const SEEN = "QEMU 7.2 with SeaBIOS, as measured";

/** SeaBIOS clears or uses these parts of the first MiB before the kernel is entered. */
const FIRMWARE_USES: readonly (readonly [number, number])[] = [[0, 0x600], [0x7000, 0x9_0000], [0x9_fc00, 0x10_0000]];

/** SeaBIOS has its tables in the last part of memory below 4 GiB. */
const FIRMWARE_TOP = 0x2_0000;

/** Where the option ROMs are that SeaBIOS runs, the last of which loads a Multiboot kernel. */
const OPTION_ROMS = 0xc_8000n;
const OPTION_ROMS_END = 0xd_0000n;

/** Zeroing memory that does not exist takes some 5 seconds a GiB. */
const TOO_MUCH_TO_ZERO = 1n << 34n;

/** Rules that an accepted kernel breaks only at the start. */
export const startRules: readonly Rule<QemuView>[] = [
  {
    id: "phys-overlap",
    outcome: "refuses",
    words: "Some ROM regions are overlapping",
    broken: ({ elf }) => elf && overlap(elf.blocks.blocks),
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
      return { message: `The kernel is entered at ${hexAddr(entry)}, and memory ends at ${hexAddr(view.lowMemory)}.` };
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
    broken: ({ multiboot, elf }) => {
      if (!multiboot || !elf || elf.entry >= OPTION_ROMS_END) return undefined;
      const { low, high } = elf.blocks;
      if (low >= OPTION_ROMS || high < OPTION_ROMS_END) return undefined;
      const message =
        `The kernel, gathered from ${hexAddr(low)} to ${hexAddr(high)}, is copied over the option ROM below ` +
        `${hexAddr(OPTION_ROMS_END)} that copies it, and its entry at ${hexAddr(elf.entry)} is never reached.`;
      return { message };
    },
    about:
      "A Multiboot kernel has PT_LOADs below and above the option ROMs at 0xc0000 to 0xd0000, and its entry below.",
    why: "QEMU copies it as one piece, with what lies between, and the code that copies it is such an option ROM.",
    mend: "Link the kernel at 1 MiB or above: . = 1M;",
    source: "QEMU 7.2, as measured; pc-bios/optionrom/multiboot.S",
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

function overlap(blocks: readonly QemuBlock[]): Breach | undefined {
  const sorted = inQemuOrder(blocks);
  const at = sorted.findIndex((block, index) => index > 0 && endOf(sorted[index - 1]) > block.start);
  if (at === -1) return undefined;
  const [one, other] = [sorted[at - 1], sorted[at]];
  const [first, second] = [nameOf(one), nameOf(other)];
  const index = Math.max(one.index ?? -1, other.index ?? -1);
  const message =
    `${first.charAt(0).toUpperCase()}${first.slice(1)} (${hexRange(one.start, one.size)}) and ${second} ` +
    `(${hexRange(other.start, other.size)}) overlap in physical memory.`;
  return { index, message, ranges: [rangeOf(one), rangeOf(other)] };
}

function nameOf({ index }: QemuBlock): string {
  return index === undefined ? "the firmware" : `program header ${index}`;
}

function rangeOf(block: QemuBlock): NamedRange {
  return { name: nameOf(block), start: block.start, end: block.start + block.size };
}

function endOf({ start, size }: QemuBlock): bigint {
  return BigInt.asUintN(64, start + size);
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
