/**
 * The extent of a kernel, from its lowest to its highest address.
 *
 * @module
 */

import { PT_LOAD } from "./constants.ts";
import type { ProgramHeader } from "./program_header.ts";

/** The range that the `PT_LOAD` headers of a kernel span, as linked. */
export interface Extent {
  /** The lowest `p_vaddr`; 0 without a `PT_LOAD` header. */
  readonly low: bigint;
  /** Number of bytes from there to the highest `p_vaddr + p_memsz`. */
  readonly size: bigint;
  /** The largest `p_align`; 1 without a `PT_LOAD` header. */
  readonly align: bigint;
}

/**
 * Finds the range that the `PT_LOAD` headers span.
 *
 * @param headers Program headers, checked or not.
 * @returns The extent; headers without memory count too.
 */
export function extentOf(headers: readonly ProgramHeader[]): Extent {
  const loads = headers.filter(({ p_type }) => p_type === PT_LOAD);
  if (loads.length === 0) return { low: 0n, size: 0n, align: 1n };
  const low = loads.map(({ p_vaddr }) => p_vaddr).reduce((a, b) => a < b ? a : b);
  const high = loads.map(({ p_vaddr, p_memsz }) => p_vaddr + p_memsz).reduce((a, b) => a > b ? a : b);
  const align = loads.map(({ p_align }) => p_align).reduce((a, b) => a > b ? a : b);
  return { low, size: high - low, align };
}
