/**
 * Segments that a loader leaves out without a word because the machine has no memory for them.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { FindingRule } from "../finding.ts";
import type { LoaderName } from "../loader.ts";
import { type AddressRange, inWords, isForX86, loadsOf, named } from "./segments.ts";

/** The loaders that do not compare every `p_paddr` with memory; the others refuse such a file. */
const UNCHECKED: readonly LoaderName[] = ["qemu-kernel", "grub-multiboot"];

/** A PC with this much memory or more has 3 GiB of it below 4 GiB, and the rest above. */
const SPLIT = { from: 0xe000_0000, low: 0xc000_0000n, high: 1n << 32n };

function memoryRanges(memory: number): readonly AddressRange[] {
  if (memory < SPLIT.from) return [{ start: 0n, end: BigInt(memory) }];
  return [{ start: 0n, end: SPLIT.low }, { start: SPLIT.high, end: SPLIT.high + BigInt(memory) - SPLIT.low }];
}

/** A `PT_LOAD` with file bytes where there is no memory. */
export const bytesOutsideRam: FindingRule = {
  id: "bytes-outside-ram",
  severity: "warning",
  parts: [],
  find: ({ model, intended, memory }) => {
    if (!isForX86(model) || !intended.some((name) => UNCHECKED.includes(name))) return [];
    const ranges = memoryRanges(memory);
    const [{ end }] = ranges;
    const outside = loadsOf(model).filter(({ p_paddr, p_filesz }) =>
      p_filesz > 0n && !ranges.some(({ start, end }) => start <= p_paddr && p_paddr + p_filesz <= end)
    );
    if (outside.length === 0) return [];
    const [header] = outside;
    const range = { start: header.p_paddr, end: header.p_paddr + header.p_filesz };
    const others = outside.length === 1 ? "" : ` (${outside.length} program headers have such bytes)`;
    const message = `Program header ${header.index} puts file bytes at physical ${inWords(range)}, and the machine's ` +
      `memory ${ranges.length > 1 ? "below 4 GiB " : ""}ends at ${hexAddr(end)}${others}: bytes are lost, and the ` +
      "loader says nothing.";
    return [{ index: header.index, message, ranges: [named(header, range), { name: "memory", ...ranges[0] }] }];
  },
  about: "A PT_LOAD segment has bytes of the file at physical addresses above the end of the machine's memory, in a " +
    "file for QEMU's -kernel or GRUB's command multiboot.",
  why:
    "These two loaders do not compare where a segment is placed with the memory that there is, as others do. The kernel " +
    "is entered, and reads other bytes where its code or data should be.",
  mend:
    "Give the machine more memory (-m in QEMU; kload check --memory tells how much is assumed), or set lower load " +
    "addresses in the linker script: .data : AT(ADDR(.data) - KERNEL_OFFSET) { … }",
  source: "QEMU 7.2, hw/core/loader.c: rom_reset, as measured; GRUB 2.06, as measured",
};
