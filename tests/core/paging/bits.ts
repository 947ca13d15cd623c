/** Sizes of pages, and bits of entries by the Intel SDM, vol. 3, "4-Level Paging": not taken from the code under test. */

import type { PhysicalMemory } from "../../../core/memory/physical_memory.ts";

export const PAGE = 0x1000;
export const MIB2 = 0x20_0000;
export const GIB = 0x4000_0000;

export const P = 1n;
export const W = 2n;
export const U = 4n;
export const PS = 0x80n;
export const NX: bigint = 2n ** 63n;

/** Writes an entry of the table at a physical address. */
export function putEntry(memory: PhysicalMemory, table: number, index: number, entry: bigint): void {
  new DataView(memory.buffer).setBigUint64(table - memory.base + index * 8, entry, true);
}
