/**
 * Applies `DT_RELR` entries (gABI, "Relative Relocation Table"): words that the offset is added to, encoded as
 * addresses and bitmaps.
 *
 * @module
 */

import type { TableRange } from "./relocation_tables.ts";
import { type RelocationTarget, viewOf } from "./relocation_target.ts";

const WORD = 8n;
const BITS = 63n;

/**
 * Applies a table of entries. An even entry is the address of a word. In an odd entry, each bit except the lowest
 * stands for one of the next 63 words.
 *
 * @param range The table.
 * @param target The memory.
 * @param counts Counts the words as "RELR".
 * @throws {LoadError} "relocation-out-of-segment", "page-not-mapped", "address-overflow" or "address-not-canonical".
 */
export function applyRelr(
  { tag, address, size }: TableRange,
  target: RelocationTarget,
  counts: Map<string, number>,
): void {
  const relocate = (place: bigint): void => {
    const word = viewOf(target.read(place, 8, `the word of ${tag}`)).getBigUint64(0, true);
    target.write64(place, BigInt.asUintN(64, word + target.offset));
    counts.set("RELR", (counts.get("RELR") ?? 0) + 1);
  };
  let next = 0n;
  for (let at = 0n; at + WORD <= size; at += WORD) {
    const entry = viewOf(target.read(address + at, 8, `the relocation of ${tag}`)).getBigUint64(0, true);
    if ((entry & 1n) === 0n) {
      relocate(entry);
      next = entry + WORD;
      continue;
    }
    for (let bit = 0n; bit < BITS; bit++) {
      if ((entry >> (bit + 1n)) & 1n) relocate(next + bit * WORD);
    }
    next += BITS * WORD;
  }
}
