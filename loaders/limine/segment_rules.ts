/**
 * Limine's rules on the segments of a kernel, one by one and against each other.
 *
 * @module
 */

import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import type { Conflict } from "./conflict.ts";
import { LINK_HIGH, PAGE_OF_ITS_OWN } from "./mends.ts";
import { describeLoad, fieldOf, flagsOf, memoryRange } from "./places.ts";
import { HIGHER_HALF } from "./image.ts";
import type { LimineView } from "./view.ts";

/** Nothing is loaded. */
export const noLoads: Rule<LimineView> = {
  id: "no-load-segment",
  outcome: "refuses",
  words: "elf: Executable has no loadable segments",
  broken: ({ loads }) => {
    return loads.length > 0 ? undefined : { message: "No program header is a PT_LOAD with a p_memsz above 0." };
  },
  about: "No program header is of type PT_LOAD with a p_memsz that is not 0.",
  why: "There is nothing to load.",
  mend: "Check the PHDRS command and the file: a debug file or an object file has nothing to load.",
  source: "Limine, common/lib/elf.c: elf64_max_align",
};

/** Every segment has the alignment 0. */
export const alignZeroOnly: Rule<LimineView> = {
  id: "align-zero-only",
  outcome: "refuses",
  words: "elf: Executable has no loadable segments",
  broken: (view) => {
    const { loads } = view;
    if (loads.length === 0 || loads.some(({ p_align }) => p_align > 0n)) return undefined;
    const which = loads.length === 1 ? "The one segment to load has" : `All ${loads.length} segments to load have`;
    const message = `${which} a p_align of 0, which Limine treats as no segments at all.`;
    return { ...fieldOf(view, loads[0], "p_align"), message };
  },
  about: "Every PT_LOAD with a p_memsz above 0 has a p_align of 0.",
  why: "Limine looks for the largest p_align, and takes 0 to mean that there is no segment. The ELF specification " +
    "allows 0.",
  mend: "Set p_align to 0x1000: link with `-z max-page-size=0x1000`, without `-n` (`--nmagic`) or `-N`.",
  source: "Limine, common/lib/elf.c: elf64_max_align",
};

/** An alignment is not a power of two. */
export const alignNotPower: Rule<LimineView> = {
  id: "align-not-power",
  outcome: "refuses",
  words: "elf: p_align is not a power of 2",
  broken: (view) => {
    const load = view.loads.find(({ p_align }) => p_align > 1n && (p_align & (p_align - 1n)) !== 0n);
    if (!load) return undefined;
    const { index, p_align } = load;
    const message = `The p_align of program header ${index} is ${hexAddr(p_align)}, not a power of two.`;
    return { ...fieldOf(view, load, "p_align"), message };
  },
  about: "The p_align of a PT_LOAD is neither 0 nor a power of two.",
  why: "The ELF specification asks for powers of two, and addresses are rounded to them.",
  mend: "Check ALIGN(…) in the linker script and `-z max-page-size=`, which must be powers of two.",
  source: "Limine, common/lib/elf.c: elf64_max_align",
};

/** A segment of a kernel that cannot be moved is below the higher half. */
export const lowerHalf: Rule<LimineView> = {
  id: "lower-half",
  outcome: "refuses",
  words: "elf: Lower half PHDRs are not allowed",
  broken: (view) => {
    if (view.isRelocatable) return undefined;
    const load = view.loads.find(({ p_vaddr }) => p_vaddr < HIGHER_HALF);
    if (!load) return undefined;
    const { index, p_vaddr } = load;
    const message = `Program header ${index} is loaded at ${hexAddr(p_vaddr)}, below ${hexAddr(HIGHER_HALF)}.`;
    return { ...fieldOf(view, load, "p_vaddr"), message };
  },
  about: "A PT_LOAD of an ET_EXEC has a p_vaddr below 0xffffffff80000000.",
  why: "Limine loads kernels into the top 2 GiB of the address space only.",
  mend: `${LINK_HIGH[0].toUpperCase()}${
    LINK_HIGH.slice(1)
  }. Compile with \`-mcmodel=kernel\` (\`-C code-model=kernel\`).`,
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** Some segments are below the higher half and some in it. */
export const mixedHalves: Rule<LimineView> = {
  id: "mixed-halves",
  outcome: "refuses",
  words: "elf: Mix of lower and higher half PHDRs in relocatable kernel",
  broken: (view) => {
    const { loads, version, isRelocatable } = view;
    if (!isRelocatable) return undefined;
    const firstLow = loads.findIndex(isLow);
    const load = version.isChecked
      ? loads.find((each) => isLow(each) !== isLow(loads[0]))
      : loads.find((each, at) => firstLow >= 0 && at > firstLow && !isLow(each));
    if (!load) return undefined;
    const side = isLow(load) ? "below" : "at or above";
    const message = `Program header ${load.index} is loaded at ${hexAddr(load.p_vaddr)}, ${side} ` +
      `${hexAddr(HIGHER_HALF)}, and another segment is on the other side.`;
    return { ...fieldOf(view, load, "p_vaddr"), message };
  },
  about: "An ET_DYN has segments below 0xffffffff80000000 and others at or above it. Limine 8 refuses only if one " +
    "in the lower half comes before one in the higher half.",
  why: "Limine moves all segments by the same distance, up to the higher half.",
  mend: "Link all segments from one address on: assign to `.` once, before the first section.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

function isLow({ p_vaddr }: ProgramHeader): boolean {
  return p_vaddr < HIGHER_HALF;
}

/** A rule on two segments. */
function conflictRule(
  kind: Conflict["kind"],
  describe: (view: LimineView, conflict: Conflict) => Breach,
): Rule<LimineView>["broken"] {
  return (view) => {
    const conflict = view.conflict();
    return conflict?.kind === kind ? describe(view, conflict) : undefined;
  };
}

/** Two segments overlap. */
export const virtualOverlap: Rule<LimineView> = {
  id: "segments-overlap",
  outcome: "refuses",
  broken: conflictRule("overlap", (view, { outer, inner }) => ({
    ...fieldOf(view, outer, "p_vaddr"),
    message: `${capital(describeLoad(outer))} and ${describeLoad(inner)} overlap.`,
    words: `elf: Attempted to load ELF file with overlapping PHDRs (${outer.index} and ${inner.index} overlap)`,
    ranges: [memoryRange(outer), memoryRange(inner)],
  })),
  about: "The addresses of two PT_LOAD, from p_vaddr for p_memsz bytes, overlap.",
  why: "One would overwrite the other.",
  mend: "Check the addresses that the linker script assigns, and that a bss ends before the next segment begins.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** Two segments with different flags share a page. */
export const sharedPageFlags: Rule<LimineView> = {
  id: "shared-page-permissions",
  outcome: "refuses",
  words: "elf: Attempted to load ELF file with PHDRs with different permissions sharing the same memory page.",
  broken: conflictRule("flags", (view, { outer, inner }) => ({
    ...fieldOf(view, outer, "p_flags"),
    message: `${capital(describeLoad(outer))} is ${flagsOf(outer)}, ${describeLoad(inner)} is ${flagsOf(inner)}, ` +
      "and they share a page.",
    ranges: [memoryRange(outer), memoryRange(inner)],
  })),
  about: "Two PT_LOAD share a page of 4 KiB and differ in p_flags. With the same flags they may share one.",
  why: "A page has one set of permissions: one of the segments would get the other's.",
  mend: `${capital(PAGE_OF_ITS_OWN)}`,
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** A segment ends above 2^64. */
export const addressOverflow: Rule<LimineView> = {
  id: "address-overflow",
  outcome: "refuses",
  broken: conflictRule("overflow", (view, { outer, inner }) => ({
    index: outer.index,
    offset: fieldOf(view, inner, "p_memsz").offset,
    message: `Program header ${inner.index} has ${hexAddr(inner.p_memsz)} bytes in memory from ` +
      `${hexAddr(inner.p_vaddr)} on, which reaches the end of the address space.`,
    words: `elf: p_vaddr + p_memsz overflow in PHDR ${inner.index}`,
  })),
  about: "The sum of p_vaddr and p_memsz of a PT_LOAD is 2^64 or more.",
  why: "The sum does not fit in 64 bits; Limine refuses even a segment that ends exactly there.",
  mend: "Link the kernel lower, or make the bss smaller: the last page of the address space has to stay free.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** A segment ends above 2^64, and Limine takes its end for a low address. */
export const addressWraps: Rule<LimineView> = {
  ...addressOverflow,
  outcome: "fails",
  broken: (view) => {
    const { loads, start } = view;
    const { size } = view.placement();
    const load = loads.find(({ p_vaddr, p_memsz }) => p_vaddr - start + p_memsz > size);
    if (!load) return undefined;
    const { index, p_vaddr, p_memsz } = load;
    const message = `Program header ${index} has ${hexAddr(p_memsz)} bytes in memory from ${hexAddr(p_vaddr)} on, ` +
      `which reaches the end of the address space: Limine allocates ${hexAddr(size)} bytes for the whole image, and ` +
      "the segment lies outside them.";
    return { ...fieldOf(view, load, "p_memsz"), message };
  },
  about: "The sum of p_vaddr and p_memsz of a PT_LOAD is 2^64 or more, and another PT_LOAD ends below 2^64.",
  why: "Limine 8 computes the sum modulo 2^64: the segment seems to end at a low address, and the image is taken for " +
    "smaller than it is.",
  source: "Limine 8, common/lib/elf.c: elf64_load; seen in Limine 8.2.0",
};

/** A segment has more bytes in the file than in memory. */
export const filesLarger: Rule<LimineView> = {
  id: "filesz-gt-memsz",
  outcome: "refuses",
  words: "elf: p_filesz > p_memsz",
  broken: (view) => {
    const load = view.loads.find(({ p_filesz, p_memsz }) => p_filesz > p_memsz);
    if (!load) return undefined;
    const { index, p_filesz, p_memsz } = load;
    const message = `Program header ${index} has ${hexAddr(p_filesz)} bytes in the file, but only ` +
      `${hexAddr(p_memsz)} in memory.`;
    return { ...fieldOf(view, load, "p_filesz"), message };
  },
  about: "The p_filesz of a PT_LOAD is larger than its p_memsz, which is not 0.",
  why: "The bytes that do not fit would overwrite what follows the segment.",
  mend: "Link the kernel again: linkers do not write such headers, but tools that edit them do.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

/** A segment's file bytes are not all in the file. */
export const outsideFile: Rule<LimineView> = {
  id: "segment-out-of-file",
  outcome: "refuses",
  broken: (view) => {
    const length = BigInt(view.model.length);
    const load = view.loads.find(({ p_offset, p_filesz }) => p_offset + p_filesz > length);
    if (!load) return undefined;
    const { index, p_offset, p_filesz } = load;
    const message = `Program header ${index} has its bytes at file offsets ${hexRange(p_offset, p_filesz)}, ` +
      `past the end of the file (${hexAddr(length)}).`;
    const words = p_offset + p_filesz < 2n ** 64n
      ? "elf: p_offset + p_filesz exceeds file size"
      : "elf: p_offset + p_filesz overflow";
    return { ...fieldOf(view, load, "p_offset"), message, words };
  },
  about: "The file bytes of a PT_LOAD end past the end of the file.",
  why: "The file is cut off, or its headers are wrong. Limine 8 loads what lies in memory after the file.",
  mend: "Build or copy the file again: it is incomplete.",
  source: "Limine, common/lib/elf.c: elf64_load",
};

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
