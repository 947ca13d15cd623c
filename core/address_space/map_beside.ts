/**
 * Mapping beside the kernel: what plugins add to its address space.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { hexAddr, level4Index, low48, LOW48_HIGHER_HALF, PAGE_SIZE, virtAddr } from "../memory/addresses.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import { ownerOf } from "../pipeline/at_header.ts";
import type { Checked } from "../pipeline/stage.ts";

/**
 * Checks an address that a caller gave for something beside the kernel.
 *
 * @param doing What is done there, such as "map the ramdisk".
 * @param address The address; where it is left out there is nothing to check.
 * @param size Number of bytes that have to lie in the address's half; not checked where it is left out.
 * @throws {TypeError} Where the address is no `bigint`.
 * @throws {RangeError} Where it is not canonical, not a multiple of 4096, or too near the end of its half.
 */
export function checkPlace(doing: string, address: bigint | undefined, size = 0): void {
  if (address === undefined) return;
  if (virtAddr(address) % BigInt(PAGE_SIZE) !== 0n) {
    throw new RangeError(`Cannot ${doing} at ${hexAddr(address)}: it is not a multiple of 4096`);
  }
  if (low48(address) % LOW48_HIGHER_HALF + size > LOW48_HIGHER_HALF) {
    throw new RangeError(`Cannot ${doing} at ${hexAddr(address)}: it crosses the end of the half`);
  }
}

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
export function mapBeside<T>(what: string, segments: Checked["segments"], map: () => T): T {
  try {
    return map();
  } catch (error) {
    if (!(error instanceof LoadError) || error.code !== "page-already-mapped") throw error;
    const value = error.detail.value as bigint;
    throw new LoadError("page-already-mapped", { field: what, value, ...ownerOf(value, segments) });
  }
}
