/**
 * Limine's rules on what it jumps to. It checks nothing of that: it is the processor that refuses.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import type { EntryPlace } from "./entry.ts";
import { describeLoad, flagsOf } from "./places.ts";
import type { LimineView } from "./view.ts";

/** Offset of `e_entry` in an `Elf64_Ehdr`. */
const E_ENTRY = 24;

/** A segment is mapped in the lower half. */
export const mappedLow: Rule<LimineView> = {
  id: "align-zero",
  outcome: "refuses",
  words: "limine: Virtual address of a PHDR in lower half",
  broken: (view) => {
    const load = view.entry().mappedLow;
    if (!load) return undefined;
    const { index, p_align } = load;
    const message = `Limine rounds the address of program header ${index} down to its p_align, ${hexAddr(p_align)}, ` +
      "which puts it in the lower half.";
    return { index, message };
  },
  about: "One PT_LOAD has a p_align of 0 and another does not; or one has a p_align above 2^63.",
  why: "Limine rounds the start of each segment down to its p_align; for a p_align of 0, that makes the address 0.",
  mend: "Set p_align to 0x1000: link with `-z max-page-size=0x1000`, without `-n` (`--nmagic`) or `-N`.",
  source: "Limine, common/protos/limine.c: build_pagemap",
};

/** The entry is in no segment's file bytes. */
export const entryOutside: Rule<LimineView> = {
  id: "entry-not-in-segment",
  outcome: "fails",
  broken: (view) => {
    const entry = view.entry();
    if (entry.load) return undefined;
    const message = `${nameOf(entry)} is in no segment's file bytes: there is no code.`;
    return { ...placeOf(entry), message };
  },
  about: "The entry point, e_entry or that of the entry point request, is an address in no PT_LOAD's file bytes.",
  why: "Limine jumps there all the same: to nothing, or to zero bytes. The machine resets.",
  mend: "Check ENTRY(…) in the linker script: it names the kernel's first function, at its virtual address.",
  source: "Limine, common/protos/limine.c: limine_load; seen in Limine 8.2.0",
};

/** The entry is on a page that is not executable. */
export const entryNotExecutable: Rule<LimineView> = {
  id: "entry-not-executable",
  outcome: "fails",
  broken: (view) => {
    const entry = view.entry();
    const { isExecutable, load, mappedBy } = entry;
    if (isExecutable || !load) return undefined;
    const other = mappedBy && mappedBy !== load
      ? `its page is mapped again for ${describeLoad(mappedBy)}, which is aligned to ${
        hexAddr(mappedBy.p_align)
      } and ` +
        `is ${flagsOf(mappedBy)}`
      : `${describeLoad(load)} is ${flagsOf(load)}`;
    return { ...placeOf(entry), message: `${nameOf(entry)} is on a page that is not executable: ${other}.` };
  },
  about: "The page of the entry point is mapped without PF_X. Each PT_LOAD is mapped from its start rounded down to " +
    "its p_align, to its end rounded up, and a later one replaces the pages of an earlier one.",
  why: "The first instruction causes a page fault, and without a handler the machine resets.",
  mend: "Give the segment of .text the flags of code: `text PT_LOAD FLAGS(5);` in PHDRS. With a p_align above " +
    "0x1000, align segments to as much: `. = ALIGN(0x200000);`.",
  source: "Limine, common/protos/limine.c: build_pagemap; seen in Limine 8.2.0",
};

/** The entry's bytes are 0. */
export const entryZero: Rule<LimineView> = {
  id: "entry-zero-bytes",
  outcome: "fails",
  broken: (view) => {
    const entry = view.entry();
    if (!entry.isZero) return undefined;
    const message = `${nameOf(entry)} holds zero bytes: they are instructions that write to address 0, which is not ` +
      "mapped.";
    return { ...placeOf(entry), message };
  },
  about: "The two bytes at the entry point are 0.",
  why: "They are the instruction `add %al, (%rax)`, and Limine enters kernels with 0 in RAX: the write to address 0 " +
    "causes a page fault.",
  mend: "Check ENTRY(…) in the linker script: it names the kernel's first function, at its virtual address.",
  source: 'Intel SDM vol. 2, "ADD"; protocol specification, "x86-64 entry machine state"; seen in Limine 8.2.0',
};

function nameOf({ address, request }: EntryPlace): string {
  return request ? `The entry of the entry point request, ${hexAddr(address)},` : `e_entry, ${hexAddr(address)},`;
}

function placeOf({ request, load }: EntryPlace): Pick<Breach, "index" | "offset"> {
  const offset = request ? request.offset : E_ENTRY;
  return { ...(load ? { index: load.index } : {}), ...(offset === undefined ? {} : { offset }) };
}
