/**
 * Which level-4 entries the program headers use.
 *
 * @module
 */

import { PT_TLS } from "../elf/constants.ts";
import { extentOf } from "../elf/extent.ts";
import type { Segment } from "../elf/program_header.ts";
import { level4Index, low48, LOW48_END } from "../memory/addresses.ts";
import { signExtendBit47 } from "../memory/sign_extend.ts";
import { type UsedLevel4Entries, usedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";

/** What the entries follow from. */
export interface KernelAddresses {
  /** The segments, whose level-4 entries are asked for. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`. */
  readonly virtualAddressOffset: bigint;
  /** The base that the caller gave, if any. */
  readonly kernelBase?: bigint;
  /** Level-4 entries that were chosen for a position-independent kernel. */
  readonly chosenEntries?: readonly number[];
}

/**
 * Marks entry 0, which boot loaders use for themselves, and what the rule set counts of the headers.
 *
 * @param counts Which headers count.
 * @param addresses The headers and what moves them.
 * @returns A bookkeeping with these entries in use.
 */
export function level4Usage(counts: Rules["level4Usage"], addresses: KernelAddresses): UsedLevel4Entries {
  const { segments, virtualAddressOffset, chosenEntries } = addresses;
  const used = usedLevel4Entries([0, ...(chosenEntries ?? [])]);
  if (counts === "every-header" && !chosenEntries) markExtent(addresses, used);
  for (const phdr of segments) {
    if (counts === "every-header-inclusive") markInclusive(phdr, virtualAddressOffset, used);
    else if (phdr.p_memsz > 0n && (counts === "every-header" || isLoaded(phdr))) {
      mark(phdr, virtualAddressOffset, used);
    }
  }
  return used;
}

function isLoaded({ load, p_type }: Segment): boolean {
  return load !== undefined || p_type === PT_TLS;
}

function mark({ p_vaddr, p_memsz }: Segment, offset: bigint, used: UsedLevel4Entries): void {
  const start = low48(p_vaddr + offset);
  const reachesEnd = p_memsz >= BigInt(LOW48_END - start);
  used.mark(level4Index(start), reachesEnd ? 511 : level4Index(start + Number(p_memsz) - 1));
}

/** v0.11 of the original: the whole extent, from the base that the caller gave or from the lowest address on. */
function markExtent({ kernelBase, segments }: KernelAddresses, used: UsedLevel4Entries): void {
  const { low, size } = extentOf(segments);
  const start = kernelBase ?? low;
  used.mark(level4Index(low48(start)), level4Index(low48(start + size - 1n)));
}

/** The older original's way: every header of any type, its end counted in; each address has to be canonical. */
function markInclusive(phdr: Segment, offset: bigint, used: UsedLevel4Entries): void {
  const { index, p_vaddr, p_memsz } = phdr;
  const first = signExtendBit47(p_vaddr + offset, "p_vaddr", index);
  const last = signExtendBit47(p_vaddr + offset + p_memsz, "p_vaddr + p_memsz", index);
  used.mark(level4Index(low48(first)), level4Index(low48(last)));
}
