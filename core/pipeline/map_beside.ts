/**
 * Mapping beside the kernel: what plugins add to its address space.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { level4Index, low48 } from "../memory/addresses.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import { ownerOf } from "./at_header.ts";
import type { Checked } from "./stage.ts";

/**
 * Finds an address for a range and marks its level-4 entries as used.
 *
 * @param size Number of bytes.
 * @param address The address that was asked for; a free one where it is left out.
 * @param used The bookkeeping of level-4 entries.
 * @returns The address.
 * @throws {LoadError} "level4-exhausted" where no address is free.
 */
export function reserveAddress(size: number, address: bigint | undefined, used: UsedLevel4Entries): bigint {
  const virt = address ?? used.getFreeAddress(BigInt(size));
  const low = low48(virt);
  used.mark(level4Index(low), level4Index(low + size - 1));
  return virt;
}

/**
 * Maps; where a page is mapped already, the error says what was to be mapped, and which program header is in the way.
 *
 * @param what What is mapped, such as "the kernel stack's page".
 * @param checked The program headers.
 * @param map Does the mapping.
 * @returns What `map` gives.
 * @throws {LoadError} "page-already-mapped" with that name, and whatever else `map` throws.
 */
export function mapBeside<T>(what: string, checked: Checked["checked"], map: () => T): T {
  try {
    return map();
  } catch (error) {
    if (!(error instanceof LoadError) || error.code !== "page-already-mapped") throw error;
    const value = error.detail.value as bigint;
    throw new LoadError("page-already-mapped", { field: what, value, ...ownerOf(value, checked) });
  }
}
