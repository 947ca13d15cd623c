/**
 * Bytes by virtual address: reading through the page tables.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { virtAddr } from "../memory/addresses.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { Mapper } from "../paging/mapper.ts";

/**
 * Reads bytes by their virtual address, across pages.
 *
 * @param memory The physical memory.
 * @param pageTable Page tables in it.
 * @param virt Virtual address of the first byte.
 * @param length Number of bytes.
 * @returns A copy of the bytes.
 * @throws {LoadError} "page-not-mapped" where a page is missing.
 * @throws {RangeError} Where the address is not canonical, the length is no whole number of bytes that memory could
 * hold, or a frame lies outside memory.
 */
export function readVirtual(memory: PhysicalMemory, pageTable: Mapper, virt: bigint, length: number): Uint8Array {
  virtAddr(virt);
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`Cannot read ${length} bytes`);
  const pieces = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const at = virt + BigInt(done);
    const page = pageTable.translate(at);
    if (!page.mapped) throw new LoadError("page-not-mapped", { field: "address", value: at });
    const size = Math.min(length - done, page.pageSize - page.phys % page.pageSize);
    pieces.set(memory.bytes(page.phys, size), done);
    done += size;
  }
  return pieces;
}
