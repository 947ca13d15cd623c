/**
 * Limine's rules on how much memory a kernel needs, and where.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { Rule } from "../rule.ts";
import { FREE_BELOW_1_MIB } from "./placement.ts";
import { describePlace, fieldOf } from "./places.ts";
import { HIGHER_HALF, leastSlide } from "./image.ts";
import type { LimineView } from "./view.ts";

const OUT_OF_MEMORY = "High memory allocator: Out of memory";

/** The largest alignment is a multiple of 4 GiB. */
export const alignHuge: Rule<LimineView> = {
  id: "align-huge",
  outcome: "refuses",
  broken: (view) => {
    const { alignment, dividesByZero } = view.placement();
    const load = view.loads.find(({ p_align }) => p_align === alignment);
    if (!dividesByZero || !load) return undefined;
    const message = `The p_align of program header ${load.index}, ${hexAddr(alignment)}, is a multiple of 4 GiB, ` +
      "which the BIOS port of Limine takes as 0 and divides by.";
    return { ...fieldOf(view, load, "p_align"), message };
  },
  about: "The largest p_align of all PT_LOAD is a multiple of 4 GiB.",
  why: "On BIOS machines Limine is a 32-bit program: its allocator takes the lower half of the alignment, which is 0.",
  mend: "Align segments to no more than they need: `-z max-page-size=0x1000`, or 0x200000 for large pages.",
  source: "Limine, common/mm/pmm.s2.c: ext_mem_alloc_type_aligned_mode",
};

/** The image does not fit in memory. */
export const imageTooLarge: Rule<LimineView> = {
  id: "out-of-memory",
  outcome: "refuses",
  words: OUT_OF_MEMORY,
  broken: (view) => {
    const { fits, dividesByZero, needed, alignment, free, size } = view.placement();
    if (fits || dividesByZero) return undefined;
    const message = `The image of ${hexAddr(size)} bytes takes a block of ${hexAddr(needed)}, at a multiple of ` +
      `${hexAddr(alignment)}. Of ${hexAddr(view.memory)} bytes of memory about ${hexAddr(free)} are free, without ` +
      "such a block.";
    return { message };
  },
  about: "The image, from the first address of a segment to the last, does not fit in memory in one piece. Its size " +
    "is rounded up, and its address down, to the largest p_align.",
  why: "Limine loads a kernel as one block of memory below 4 GiB on BIOS machines, gaps and bss included.",
  mend: "Close gaps between segments, make the bss smaller or allocate it at run time, and align segments to no more " +
    "than they need.",
  source: "Limine, common/mm/pmm.s2.c: ext_mem_alloc_type_aligned_mode",
};

/** The stack that the kernel asks for does not fit in memory. */
export const stackTooLarge: Rule<LimineView> = {
  id: "stack-too-large",
  outcome: "refuses",
  words: OUT_OF_MEMORY,
  broken: (view) => {
    const request = view.requests().requests.find(({ name }) => name === "stack size");
    const size = request?.word(6) ?? 0n;
    const { free, needed } = view.placement();
    if (!request || BigInt.asUintN(32, size) + needed <= free) return undefined;
    const message = `The stack size request at ${describePlace(request)} asks for ${hexAddr(size)} bytes, and after ` +
      `the image about ${hexAddr(free > needed ? free - needed : 0n)} are free.`;
    return { ...(request.offset === undefined ? {} : { offset: request.offset }), message };
  },
  about: "The stack size request asks for more memory than is free.",
  why: "Limine allocates the stack in one piece below 4 GiB on BIOS machines, for each processor.",
  mend: "Ask for a smaller stack: 64 KiB is what a kernel gets without the request.",
  source: "Limine, common/protos/limine.c: limine_load",
};

/** The stack that the kernel asks for has 4 GiB or more. */
export const stackWraps: Rule<LimineView> = {
  id: "stack-size-wraps",
  outcome: "fails",
  broken: (view) => {
    const request = view.requests().requests.find(({ name }) => name === "stack size");
    const size = request?.word(6) ?? 0n;
    if (!request || size < 2n ** 32n) return undefined;
    const message = `The stack size request at ${describePlace(request)} asks for ${hexAddr(size)} bytes, of which ` +
      `Limine allocates ${hexAddr(BigInt.asUintN(32, size))}: the stack pointer lies outside the stack.`;
    return { ...(request.offset === undefined ? {} : { offset: request.offset }), message };
  },
  about: "The stack size request asks for 4 GiB or more.",
  why:
    "On BIOS machines Limine is a 32-bit program: it allocates the size modulo 4 GiB, and enters the kernel with a " +
    "stack pointer that is not in memory.",
  mend: "Ask for a smaller stack: 64 KiB is what a kernel gets without the request.",
  source: "Limine, common/protos/limine.c: limine_load; seen in Limine 8.2.0",
};

/** The page tables of the segments do not fit in memory. */
export const tablesTooLarge: Rule<LimineView> = {
  id: "page-tables-too-large",
  outcome: "refuses",
  words: OUT_OF_MEMORY,
  broken: (view) => {
    const { tables } = view.entry();
    const { free, needed } = view.placement();
    if (tables + needed <= free + FREE_BELOW_1_MIB) return undefined;
    const message = `Each segment is mapped from its start rounded down to its p_align, to its end rounded up. That ` +
      `takes ${hexAddr(tables)} bytes of page tables.`;
    return { message };
  },
  about: "The page tables for the segments, each rounded to its p_align, do not fit in memory.",
  why: "Limine maps pages of 4 KiB only, and all that a p_align covers.",
  mend: "Align segments to no more than they need: `-z max-page-size=0x1000`.",
  source: "Limine, common/protos/limine.c: build_pagemap",
};

/** The image has 4 GiB or more. */
export const imageWraps: Rule<LimineView> = {
  id: "image-size-wraps",
  outcome: "fails",
  broken: (view) => {
    const { size } = view.placement();
    if (size < 2n ** 32n) return undefined;
    const message = `The image, from ${hexAddr(view.start)} to ${hexAddr(view.end)}, has ${hexAddr(size)} bytes, of ` +
      `which Limine allocates ${hexAddr(BigInt.asUintN(32, size))}: segments lie outside it.`;
    return { message };
  },
  about: "The image, from the first address of a segment to the last, has 4 GiB or more.",
  why: "On BIOS machines Limine 8 is a 32-bit program: it allocates the size modulo 4 GiB, and loads the rest over " +
    "other memory.",
  mend: "Close the gap between the segments: assign to `.` once, before the first section.",
  source: "Limine 8, common/lib/elf.c: elf64_load; seen in Limine 8.2.0",
};

/** How far an address is into its page, in words. */
function inPageWords(bytes: bigint): string {
  return bytes === 0n ? "at the start of a page" : `${hexAddr(bytes)} bytes after the start of a page`;
}

/** The image's address in memory does not fit its virtual address. */
export const baseUnaligned: Rule<LimineView> = {
  id: "image-base-unaligned",
  outcome: "fails",
  broken: (view) => {
    const { alignment, inPage } = view.placement();
    const { start, version, isRelocatable } = view;
    const isMoved = isRelocatable && version.randomizes && alignment % 0x1000n !== 0n;
    if (inPage === BigInt.asUintN(12, start + leastSlide(view)) && !isMoved) return undefined;
    const load = view.loads.find(({ p_vaddr }) => p_vaddr === start) ?? view.loads[0];
    const place = inPage === undefined || isMoved
      ? "which need not be as far into a page"
      : `here ${inPageWords(inPage)}`;
    const message =
      `The image's first virtual address, ${hexAddr(start)}, is ${inPageWords(start % 0x1000n)}. Limine ` +
      `puts its first byte at a multiple of the largest p_align, ${hexAddr(alignment)}, in memory: ${place}. It maps ` +
      "whole pages, so that the kernel's bytes appear at wrong addresses.";
    return { ...fieldOf(view, load, "p_vaddr"), message };
  },
  about: "The first address of the image and the place in memory that Limine gives it differ modulo 4096. With a " +
    "largest p_align that is a multiple of 4096, the first address has to be a multiple of 4096 too; with a smaller " +
    "one, the size of the image decides.",
  why: "Limine maps pages as though both were equally far into a page, and says nothing: the kernel's first " +
    "instruction is some other one.",
  mend: "Begin the first segment on a page (`. = ALIGN(4K);`) and link with `-z max-page-size=0x1000`, without `-n` " +
    "or `-N`.",
  source: "Limine, common/protos/limine.c: build_pagemap; seen in Limine 8.2.0",
};

/** A position-independent kernel is linked too high to be moved. */
export const imageTooHigh: Rule<LimineView> = {
  id: "image-too-high",
  outcome: "refuses",
  words: "elf: Image wants to load too high",
  broken: (view) => {
    const { isRelocatable, start } = view;
    if (!isRelocatable) return undefined;
    const { size, alignment } = view.placement();
    const end = BigInt.asUintN(64, start + leastSlide(view) + size);
    const room = end < HIGHER_HALF ? 2n ** 32n - (HIGHER_HALF - end) : 2n ** 64n - end;
    const places = room > 0n ? (room + alignment - 1n) / alignment : 0n;
    // 65,535 tries of a random distance below 4 GiB: with so few places, one is hardly hit
    if (places * alignment * 95_000n > 2n ** 32n) return undefined;
    const message = `The image ends ${hexAddr(room > 0n ? room : 0n)} bytes below the end of the address space, and ` +
      "Limine looks for a place above its link address at random: it will hardly find one.";
    return { message };
  },
  about: "A position-independent kernel is linked so close to the end of the address space that there is hardly any " +
    "room above it.",
  why: "Limine 8 moves position-independent kernels up by a random distance, and gives up after 65,536 tries.",
  mend: "Link it at 0xffffffff80000000 or at 0, or set `kaslr: no` in limine.conf.",
  source: "Limine, common/lib/elf.c: elf64_load",
};
