/**
 * Which level-4 entries the program headers use.
 *
 * @module
 */

import { PT_TLS } from "../elf/constants.ts";
import { checkedAddress } from "../elf/checked_address.ts";
import { extentOf } from "../elf/extent.ts";
import type { LoadRange, Segment } from "../elf/program_header.ts";
import { level4Index, LOW48_HIGHER_HALF } from "../memory/addresses.ts";
import { LEVEL_SPAN, TABLE_ENTRIES } from "../paging/entry.ts";
import { type UsedLevel4Entries, usedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";

/** What determines the entries in use. */
export interface KernelAddresses {
  /** The rule set. */
  readonly rules: Rules;
  /** The segments. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`, modulo 2^64. */
  readonly virtualAddressOffset: bigint;
  /** The base that the caller chose, if any. */
  readonly kernelBase?: bigint;
}

/**
 * Marks entry 0, which boot loaders use for themselves, and the entries of the headers that the rule set counts.
 *
 * @param addresses The headers, the offset, and the rules.
 * @returns The entries in use.
 */
export function level4Usage(addresses: KernelAddresses): UsedLevel4Entries {
  const { rules, segments, virtualAddressOffset } = addresses;
  const used = usedLevel4Entries([0]);
  if (rules.level4Usage === "every-header") markExtent(addresses, used);
  for (const phdr of segments) {
    if (rules.level4Usage === "loaded" && phdr.load) {
      markLoaded(phdr.load, used);
      continue;
    }
    const start = BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset);
    if (rules.level4Usage === "every-header-inclusive") markInclusive(phdr, start, rules, used);
    else if (phdr.p_memsz > 0n && (rules.level4Usage === "every-header" || phdr.p_type === PT_TLS)) {
      mark(start, phdr.p_memsz, used);
    }
  }
  return used;
}

/** Marks the entries of a loaded segment, which lies in one half. */
function markLoaded({ start, memSize }: LoadRange, used: UsedLevel4Entries): void {
  if (memSize > 0) used.mark(level4Index(start), level4Index(start + memSize - 1));
}

const HOLE_START = BigInt(LOW48_HIGHER_HALF);
const HOLE_END = -HOLE_START & ((1n << 64n) - 1n);

/** Marks the entries of a range, separately in each half: the range may cross the hole, or end in it. */
function mark(start: bigint, size: bigint, used: UsedLevel4Entries): void {
  const last = start + size - 1n;
  if (start < HOLE_START) used.mark(entryOf(start), last < HOLE_START ? entryOf(last) : TABLE_ENTRIES / 2 - 1);
  if (last >= HOLE_END) used.mark(start < HOLE_END ? TABLE_ENTRIES / 2 : entryOf(start), entryOf(last));
}

/** The index of the entry that a canonical address selects: its bits 39 to 47. */
function entryOf(virt: bigint): number {
  return Number(BigInt.asUintN(48, virt) / BigInt(LEVEL_SPAN[4]));
}

/** v0.11 of the original: the whole extent, starting at the caller's base or at the lowest address. */
function markExtent({ kernelBase, segments, virtualAddressOffset }: KernelAddresses, used: UsedLevel4Entries): void {
  const { low, size } = extentOf(segments);
  if (size > 0n) mark(kernelBase ?? BigInt.asUintN(64, low + virtualAddressOffset), size, used);
}

/**
 * v0.10 of the original: every header of any type, with its end included; start and end must both be valid addresses.
 */
function markInclusive({ index, p_memsz }: Segment, start: bigint, rules: Rules, used: UsedLevel4Entries): void {
  const first = checkedAddress(start, "p_vaddr", rules, index);
  const last = checkedAddress(start + p_memsz, "p_vaddr + p_memsz", rules, index);
  used.mark(entryOf(first), entryOf(last));
}
