/**
 * Reads bytes at virtual addresses, as far as they are mapped and their memory is known.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { TableSet } from "../tables/table_set.ts";
import { walkTables } from "../tables/walk_tables.ts";

/**
 * Reads bytes at a virtual address.
 *
 * @param tables The page tables.
 * @param address Virtual address of the first byte.
 * @param length Number of bytes; those after the lower half are at the start of the upper half.
 * @returns A copy of the bytes; `undefined` if one of them is not mapped, or its memory is not known.
 */
export function readMapped(tables: TableSet, address: bigint, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  const bits = tables.levels === 5 ? 57 : 48;
  for (let done = 0; done < length;) {
    const at = BigInt.asUintN(64, BigInt.asIntN(bits, address + BigInt(done)));
    const size = Math.min(length - done, PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)));
    const { end } = walkTables(tables, at);
    const piece = end.kind === "page" ? tables.pages.bytes(end.phys, size) : undefined;
    if (!piece) return undefined;
    bytes.set(piece, done);
    done += size;
  }
  return bytes;
}
