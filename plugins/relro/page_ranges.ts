/**
 * Which pages a `PT_GNU_RELRO` header covers.
 *
 * @module
 */

import { checkedAddress, checkedRange } from "../../core/elf/checked_address.ts";
import type { Segment } from "../../core/elf/program_header.ts";
import { LoadError } from "../../core/errors.ts";
import { alignUp, low48, LOW48_HIGHER_HALF, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";

/** A range of addresses, by their low 48 bits. */
export interface LowRange {
  /** The first address. */
  readonly start: number;
  /** The address after the last. */
  readonly end: number;
}

type Needs = Pick<PluginContext, "rules" | "signedOffset">;

/**
 * Finds the bytes of a header that has memory.
 *
 * @param phdr The header.
 * @param context The load.
 * @returns Their range.
 * @throws {LoadError} "address-overflow" or "address-not-canonical".
 */
export function bytesOf(phdr: Segment, { rules, signedOffset }: Needs): LowRange {
  const { first, last } = checkedRange(phdr, signedOffset, rules);
  return { start: first, end: last + 1 };
}

/**
 * Finds the pages that a header covers, as the rule set says.
 *
 * @param phdr The header.
 * @param context The load.
 * @returns Their range.
 * @throws {LoadError} "address-overflow" or "address-not-canonical".
 */
export function pagesOf(phdr: Segment, context: Needs): LowRange {
  if (context.rules.relroRange === "ends") return pagesOfEnds(phdr, context);
  if (phdr.p_memsz === 0n) return { start: 0, end: 0 };
  const { start, end } = bytesOf(phdr, context);
  return { start: pageStart(start), end: alignUp(end) };
}

/**
 * v0.11 of the original: it steps to the page after each one, so a range must not include the last page of the lower
 * half.
 */
function pagesOfEnds({ index, p_vaddr, p_memsz }: Segment, { signedOffset }: Needs): LowRange {
  const canonicalLow48 = (value: bigint, field: string): number =>
    low48(checkedAddress(value, field, { addresses: "canonical-steps" }, index));
  const start = p_vaddr + signedOffset;
  const end = start + p_memsz;
  const first = pageStart(canonicalLow48(start, "p_vaddr"));
  canonicalLow48(end, "p_vaddr + p_memsz");
  const last = pageStart(canonicalLow48(end - 1n, "p_vaddr + p_memsz - 1"));
  const lastOfLowerHalf = LOW48_HIGHER_HALF - PAGE_SIZE;
  if (first <= lastOfLowerHalf && last >= lastOfLowerHalf) {
    const place = { index, field: "the page after p_vaddr + p_memsz", value: BigInt(LOW48_HIGHER_HALF) };
    throw new LoadError("address-not-canonical", place);
  }
  return { start: first, end: last + PAGE_SIZE };
}
