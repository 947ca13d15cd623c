/**
 * The dynamic table (gABI, "Dynamic Section"), as it is in the file.
 *
 * @module
 */

import { DT_NULL } from "./constants.ts";
import { elfReader } from "./reader.ts";

/** An `Elf64_Dyn`, unchecked. */
export interface DynamicEntry {
  /** What the entry holds, such as 7 (`DT_RELA`). */
  readonly d_tag: bigint;
  /** `d_val` or `d_ptr`: a number, or an address as linked. */
  readonly d_un: bigint;
}

/** Size of an entry in bytes: `d_tag` and `d_un`, eight bytes each. */
export const DYNAMIC_ENTRY_SIZE = 16;

/**
 * Reads the entries of a 64-bit dynamic table one by one. Nothing is checked, and a partial entry at the end is
 * ignored.
 *
 * @param bytes The table's bytes.
 * @param fileOffset Where in the file they start.
 * @param options `pastNull`: whether to also yield `DT_NULL` and the entries after it.
 * @returns The entries, in file order.
 */
export function* dynamicEntries(
  bytes: Uint8Array,
  fileOffset: number,
  { pastNull = false }: { readonly pastNull?: boolean } = {},
): Generator<DynamicEntry> {
  const reader = elfReader(bytes, { subject: "the dynamic table", fileOffset });
  for (let at = 0; at + DYNAMIC_ENTRY_SIZE <= reader.length; at += DYNAMIC_ENTRY_SIZE) {
    const d_tag = reader.u64(at);
    if (d_tag === DT_NULL && !pastNull) return;
    yield { d_tag, d_un: reader.u64(at + 8) };
  }
}
