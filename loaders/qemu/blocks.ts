/**
 * What QEMU makes of a kernel's `PT_LOAD`s: blocks of read-only memory, which it copies into the guest at reset.
 * include/hw/elf_ops.h, `load_elf`, and hw/core/loader.c.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";

/** A block that is to be copied. */
export interface QemuBlock {
  /** Index of its program header; absent for the firmware. */
  readonly index?: number;
  /** Physical address. */
  readonly start: bigint;
  /** Number of bytes that come from the file. */
  readonly dataSize: bigint;
  /** Its size; the rest is zeroed. */
  readonly size: bigint;
}

/** The blocks of a kernel. */
export interface QemuBlocks {
  /** The blocks, in the order of the program headers. A header whose `p_memsz` is 0 has none. */
  readonly blocks: readonly QemuBlock[];
  /** The sum of their sizes. */
  readonly total: bigint;
  /** The index of the header at which that sum no longer fits into 63 bits. */
  readonly tooBigAt?: number;
  /** The lowest physical address; 2^64 - 1 if there is no `PT_LOAD`. */
  readonly low: bigint;
  /** The end of the highest. */
  readonly high: bigint;
}

/** The firmware, SeaBIOS, at the end of the first 4 GiB. */
export const FIRMWARE: QemuBlock = { start: 0xfffc_0000n, dataSize: 0x4_0000n, size: 0x4_0000n };

const LARGEST_SUM = (1n << 63n) - 1n;

/**
 * Computes the blocks of a kernel.
 *
 * @param headers All program headers.
 * @param bits The size of addresses in its headers: 64, or 32 in an ELF32 file.
 * @returns The blocks.
 */
export function qemuBlocks(headers: readonly ProgramHeader[], bits: number): QemuBlocks {
  const loads = headers.filter(({ p_type }) => p_type === PT_LOAD);
  const meets = overlapSearch(loads, bits);
  const blocks: QemuBlock[] = [];
  let [total, low, high] = [0n, (1n << 64n) - 1n, 0n];
  let tooBigAt: number | undefined;
  for (const { index, p_paddr: start, p_filesz: dataSize, p_memsz } of loads) {
    const size = p_memsz > dataSize && meets(index, start + dataSize, start + p_memsz) ? dataSize : p_memsz;
    if (total + size > LARGEST_SUM) tooBigAt ??= index;
    total += size;
    if (start < low) low = start;
    const end = BigInt.asUintN(64, start + size);
    if (end > high) high = end;
    if (size > 0n) blocks.push({ index, start, dataSize, size });
  }
  return { blocks, total, ...(tooBigAt === undefined ? {} : { tooBigAt }), low, high };
}

/**
 * Prepares to tell whether the zeroed part of a segment meets another segment, in which case QEMU leaves it out. All
 * addresses are taken modulo the size of a word, so that an end may be lower than its start.
 */
function overlapSearch(
  loads: readonly ProgramHeader[],
  bits: number,
): (index: number, start: bigint, end: bigint) => boolean {
  const word = (value: bigint): bigint => BigInt.asUintN(bits, value);
  const ranges = loads.map(({ index, p_paddr, p_memsz }) => ({ index, start: p_paddr, end: word(p_paddr + p_memsz) }))
    .sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  // For each number of ranges from the lowest on: the highest end, and the highest of the others.
  const highest: (readonly [typeof ranges[number], typeof ranges[number] | undefined])[] = [];
  for (const range of ranges) {
    const [first, second] = highest.at(-1) ?? [undefined, undefined];
    if (!first || range.end > first.end) highest.push([range, first]);
    else highest.push([first, !second || range.end > second.end ? range : second]);
  }
  return (index, from, to) => {
    const [start, end] = [word(from), word(to)];
    let [low, count] = [0, ranges.length];
    while (low < count) {
      const middle = (low + count) >> 1;
      if (ranges[middle].start < end) low = middle + 1;
      else count = middle;
    }
    if (low === 0) return false;
    const [first, second] = highest[low - 1];
    const other = first.index === index ? second : first;
    return other !== undefined && other.end > start;
  };
}

/** Sorts blocks as QEMU lists them: by address, and by header where that is the same; the firmware is first there. */
export function inQemuOrder(blocks: readonly QemuBlock[]): readonly QemuBlock[] {
  return [FIRMWARE, ...blocks].sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
}
