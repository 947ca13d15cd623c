/**
 * The extent of a kernel: from its lowest to its highest address.
 *
 * @module
 */

import { PT_LOAD, PT_TLS } from "./constants.ts";
import type { ProgramHeader } from "./program_header.ts";
import { LoadError } from "../errors.ts";
import { isCanonical } from "../memory/addresses.ts";

/** What the `PT_LOAD` headers of a kernel span, before anything is added to their addresses. */
export interface Extent {
  /** The lowest `p_vaddr`, 0 where there is none. */
  readonly low: bigint;
  /** Number of bytes from there to the highest `p_vaddr + p_memsz`. */
  readonly size: bigint;
  /** The largest `p_align`; 1 where there is no header. */
  readonly align: bigint;
}

/**
 * Finds what the `PT_LOAD` headers span.
 *
 * @param headers Program headers, checked or not.
 * @returns The extent; headers without memory count.
 */
export function extentOf(headers: readonly ProgramHeader[]): Extent {
  const loads = headers.filter(({ p_type }) => p_type === PT_LOAD);
  if (loads.length === 0) return { low: 0n, size: 0n, align: 1n };
  const low = loads.map(({ p_vaddr }) => p_vaddr).reduce((a, b) => a < b ? a : b);
  const high = loads.map(({ p_vaddr, p_memsz }) => p_vaddr + p_memsz).reduce((a, b) => a > b ? a : b);
  const align = loads.map(({ p_align }) => p_align).reduce((a, b) => a > b ? a : b);
  return { low, size: high - low, align };
}

/**
 * v0.11 of the original: checks the whole extent, and every header that has memory, whatever its type.
 *
 * @param headers The program headers.
 * @param offset What is added to every `p_vaddr`.
 * @param kernelBase The base that the caller gave, where the extent is taken to start.
 * @throws {LoadError} "no-load-segment", "address-overflow" or "address-not-canonical".
 */
export function checkExtent(headers: readonly ProgramHeader[], offset: bigint, kernelBase: bigint | undefined): void {
  const { low, size } = extentOf(headers);
  if (size === 0n) throw new LoadError("no-load-segment", { field: "e_phnum", value: headers.length });
  if (low + size >= 1n << 64n) {
    throw new LoadError("address-overflow", { field: "the highest p_vaddr + p_memsz", value: low + size });
  }
  checkEnds(kernelBase ?? low + offset, size, "the kernel's extent");
  checkCanonical(BigInt.asUintN(64, offset), "virtualAddressOffset");
  for (const { index, p_type, p_vaddr, p_memsz } of headers) {
    const start = p_vaddr + offset;
    if (p_memsz > 0n) checkEnds(start, p_memsz, "p_vaddr + virtualAddressOffset", index);
    else if (p_type === PT_TLS && (start < 0n || start >= 1n << 64n)) {
      throw new LoadError("address-overflow", { index, field: "p_vaddr + virtualAddressOffset", value: start });
    }
  }
}

function checkEnds(start: bigint, size: bigint, what: string, index?: number): void {
  checkCanonical(start, what, index);
  checkCanonical(start + size - 1n, `the last byte of ${what}`, index);
}

function checkCanonical(value: bigint, field: string, index?: number): void {
  const place = { ...(index === undefined ? {} : { index }), field, value };
  if (value < 0n || value >= 1n << 64n) throw new LoadError("address-overflow", place);
  if (!isCanonical(value)) throw new LoadError("address-not-canonical", place);
}
