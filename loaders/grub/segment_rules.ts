/**
 * GRUB's rules for each `PT_LOAD`, in the order in which it loads them.
 *
 * @module
 */

import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Breach, NamedRange, Rule } from "../rule.ts";
import type { GrubProgramHeader } from "./kernel_file.ts";
import { imageRange, type Step } from "./loading.ts";
import type { GrubView } from "./view.ts";

const SOURCE = "GRUB 2.06 grub-core/loader/multiboot_elfxx.c, grub_multiboot_load_elf";

/** Finds the first `PT_LOAD` that breaks a rule. */
function onLoad(
  broken: (header: GrubProgramHeader, view: GrubView) => Omit<Breach, "index"> | undefined,
): Rule<GrubView>["broken"] {
  return (view) => {
    if (view.addresses || !view.elf) return undefined;
    for (const header of view.elf.loads) {
      const breach = broken(header, view);
      if (breach) return { index: header.index, offset: header.at, ...breach };
    }
    return undefined;
  };
}

function stepOf(steps: readonly Step[], kind: Step["allocation"]["kind"]): Step | undefined {
  return steps.find(({ allocation }) => allocation.kind === kind);
}

/** Two segments may not share a physical address. */
export const OVERLAP: Rule<GrubView> = {
  id: "phys-overlap",
  outcome: "refuses",
  words: "overlap detected",
  broken: (view) => {
    const step = stepOf(view.loading().segments, "overlap");
    const header = step && view.elf?.programHeaders[step.index];
    if (!header || step.allocation.kind !== "overlap" || !view.elf) return undefined;
    const { target, size } = step.allocation.other;
    const other = view.elf.loads.find(({ index, p_paddr, p_memsz }) => {
      return index < header.index && Number(p_paddr) === target && Number(p_memsz) === size;
    });
    const isEmpty = size === 0 || header.p_memsz === 0n;
    const name = `program header ${other?.index}`;
    return {
      index: header.index,
      offset: header.at,
      message: isEmpty
        ? `One of the physical ranges ${hexRange(header.p_paddr, header.p_memsz)} (this header) and ` +
          `${hexRange(target, size)} (${name}) is empty and starts in the other. GRUB treats that as an overlap.`
        : `The segment lies at physical ${hexRange(header.p_paddr, header.p_memsz)}, which ` +
          `overlaps ${hexRange(target, size)} of ${name}. GRUB places segments by p_paddr.`,
      ...(isEmpty ? { hint: "Leave the empty segment out: drop its line in PHDRS, or the empty section in it." } : {}),
      ranges: [rangeOf(name, target, size), rangeOf(`program header ${header.index}`, header.p_paddr, header.p_memsz)],
    };
  },
  about:
    "Two PT_LOAD segments have physical ranges (p_paddr, p_memsz) that share an address. An empty segment counts if " +
    "it starts inside another, or at the start of a later one.",
  why: "Segments are placed by p_paddr, and the second would overwrite the first.",
  mend: "Give each segment a physical range of its own: check AT(…) of the sections in the linker script.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, grub_relocator_alloc_chunk_addr",
};

function rangeOf(name: string, start: bigint | number, size: bigint | number): NamedRange {
  return { name, start: BigInt(start), end: BigInt(start) + BigInt(size) };
}

/** GRUB has to keep every segment in its own memory first. */
export const NO_MEMORY: Rule<GrubView> = {
  id: "out-of-memory",
  outcome: "refuses",
  words: "out of memory",
  broken: (view) => {
    const { image, segments } = view.loading();
    if (image?.kind === "no-memory") {
      return { message: tooLarge("The kernel", imageRange(view)?.size ?? 0, view.memory) };
    }
    const step = stepOf(segments, "no-memory");
    const header = step && view.elf?.programHeaders[step.index];
    return header && {
      index: header.index,
      offset: header.at,
      message: tooLarge("The segment", header.p_memsz, view.memory),
    };
  },
  about: "A segment is larger (p_memsz) than the memory that GRUB has free on the machine.",
  why: "GRUB keeps every segment, with its zeroed part, in its own memory until it enters the kernel.",
  mend: "Let the kernel reserve large zeroed memory at run time, not as .bss, or boot on a machine with more memory.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, grub_relocator_alloc_chunk_addr",
};

/** A size near 4 GiB is found too late to be too large. */
export const SIZE_WRAPS: Rule<GrubView> = {
  id: "memory-size-wraps",
  outcome: "fails",
  broken: (view) => {
    const { image, segments } = view.loading();
    const step = stepOf(segments, "wraps");
    const header = step && view.elf?.programHeaders[step.index];
    if (image?.kind !== "wraps" && !header) return undefined;
    const size = header ? header.p_memsz : imageRange(view)?.size ?? 0;
    return {
      ...(header && { index: header.index, offset: header.at }),
      message:
        `${header ? "The segment" : "The kernel"} takes ${hexAddr(size)} bytes of memory: GRUB's sum of address ` +
        "and size wraps around at 4 GiB, so GRUB believes that there is room, and overwrites its own memory.",
    };
  },
  about: "A segment, or what address fields reserve, takes nearly 4 GiB.",
  why: "GRUB adds addresses and sizes in 32 bits and does not check for overflow.",
  mend: "Check p_memsz, or bss_end_addr of the Multiboot header: such a size is usually a negative difference.",
  source: "GRUB 2.06 grub-core/lib/relocator.c, malloc_in_range",
};

function tooLarge(what: string, size: bigint | number, memory: number): string {
  return `${what} takes ${hexAddr(size)} bytes of memory. On a machine with ${
    hexAddr(memory)
  } bytes, GRUB does not have ` +
    "that much free in one piece.";
}

/** The bytes of a segment have to start in the file. */
export const SEGMENT_OUTSIDE_FILE: Rule<GrubView> = {
  id: "segment-out-of-file",
  outcome: "refuses",
  words: "attempt to seek outside of the file",
  broken: onLoad(({ p_offset, p_filesz }, { length }) =>
    p_filesz === 0n || p_offset <= BigInt(length) ? undefined : {
      message: `p_offset is ${hexAddr(p_offset)}, past the end of the file (${hexAddr(length)}).`,
    }
  ),
  about: "A PT_LOAD with file bytes starts (p_offset) past the end of the file.",
  why: "The loader cannot read the segment.",
  mend: "Check that the file was copied whole, and that no tool cut it or changed p_offset.",
  source: SOURCE,
};

/** The file has to have all bytes of a segment. */
export const SEGMENT_CUT: Rule<GrubView> = {
  id: "segment-out-of-file",
  outcome: "refuses",
  words: "premature end of file /k.elf",
  broken: onLoad(({ p_offset, p_filesz }, { length }) =>
    p_offset + BigInt.asUintN(32, p_filesz) <= BigInt(length) || p_offset > BigInt(length) ? undefined : {
      message: `The segment's file range ${hexRange(p_offset, p_filesz)} ends past the end of the file ` +
        `(${hexAddr(length)}).`,
    }
  ),
  about: "The file bytes of a PT_LOAD (p_offset, p_filesz) end past the end of the file.",
  why: "The loader cannot read the segment whole.",
  mend: "Check that the file was copied whole, and that no tool cut it.",
  source: SOURCE,
};

/** A segment may not have more bytes in the file than in memory. */
export const FILE_SIZE_LARGER: Rule<GrubView> = {
  id: "filesz-gt-memsz",
  outcome: "fails",
  broken: onLoad(({ index, p_filesz, p_memsz }, view) =>
    !view.loading().overruns.includes(index) ? undefined : {
      message:
        `p_filesz is ${hexAddr(p_filesz)}, p_memsz ${hexAddr(p_memsz)}: GRUB reserves p_memsz bytes, reads p_filesz ` +
        "bytes over what it keeps after them, and hangs.",
    }
  ),
  about: "A PT_LOAD has more bytes in the file (p_filesz) than in memory (p_memsz).",
  why:
    "GRUB does not compare the two. It reserves p_memsz bytes and reads p_filesz bytes into them, over its own heap.",
  mend: 'Make p_memsz at least p_filesz (gABI, "Program Header"). Linkers do, so find out what patched the file.',
  source: SOURCE,
};
