/**
 * Reads and writes bytes at virtual addresses, through page tables.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { isCanonical, PAGE_SIZE } from "../memory/addresses.ts";
import { typedValue } from "../intake/value_kind.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { Mapper } from "../paging/mapper.ts";

/** The part of a range that lies in one page. */
interface Piece {
  /** Virtual address of its first byte. */
  readonly at: bigint;
  /** Its offset in the range, in bytes. */
  readonly from: number;
  /** Number of bytes. */
  readonly size: number;
  /** Physical address of its first byte. */
  readonly phys: number;
}

/**
 * Reads bytes at a virtual address, across pages.
 *
 * @param memory The physical memory.
 * @param pageTable Page tables in it.
 * @param virt Virtual address of the first byte.
 * @param length Number of bytes.
 * @returns A copy of the bytes.
 * @throws {LoadError} "page-not-mapped", "frame-out-of-memory", "address-not-canonical" or "address-overflow".
 * @throws {TypeError} If the address is not a `bigint`.
 * @throws {RangeError} If the length is not a non-negative integer.
 */
export function readVirtual(memory: PhysicalMemory, pageTable: Mapper, virt: bigint, length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`Cannot read ${length} bytes`);
  const pieces = findPieces(memory, pageTable, virt, length);
  const bytes = new Uint8Array(length);
  for (const { phys, from, size } of pieces) bytes.set(memory.bytes(phys, size), from);
  return bytes;
}

/**
 * Writes bytes at a virtual address, across pages. All pages are checked before the first write.
 *
 * @param memory The physical memory.
 * @param pageTable Page tables in it.
 * @param virt Virtual address of the first byte.
 * @param bytes The bytes.
 * @param unshare Gives the page at an address its own frame and returns the physical address of the byte there.
 * @throws {LoadError} As {@linkcode readVirtual}, before anything is written, and what `unshare` throws.
 * @throws {TypeError} If the address is not a `bigint`.
 */
export function writeVirtual(
  memory: PhysicalMemory,
  pageTable: Mapper,
  virt: bigint,
  bytes: Uint8Array,
  unshare: (virt: bigint) => number,
): void {
  for (const { at, from, size } of findPieces(memory, pageTable, virt, bytes.length)) {
    memory.bytes(unshare(at), size).set(bytes.subarray(from, from + size));
  }
}

/** Splits a range at every 4 KiB boundary, even inside larger pages. */
function findPieces(memory: PhysicalMemory, pageTable: Mapper, virt: bigint, length: number): readonly Piece[] {
  checkRange(virt, length);
  const end = memory.base + memory.size;
  const pieces: Piece[] = [];
  for (let from = 0; from < length;) {
    const at = virt + BigInt(from);
    const size = Math.min(length - from, PAGE_SIZE - Number(at & BigInt(PAGE_SIZE - 1)));
    const page = pageTable.translate(at);
    if (!page.mapped) throw new LoadError("page-not-mapped", { field: "address", value: at });
    if (page.phys < memory.base || page.phys + size > end) {
      throw new LoadError("frame-out-of-memory", { field: "address", value: at });
    }
    pieces.push({ at, from, size, phys: page.phys });
    from += size;
  }
  return pieces;
}

function checkRange(virt: bigint, length: number): void {
  if (typeof virt !== "bigint") {
    throw new TypeError(`Cannot use ${typedValue(virt)} as a virtual address: it must be a bigint`);
  }
  if (!isCanonical(virt)) throw new LoadError("address-not-canonical", { field: "address", value: virt });
  const last = virt + BigInt(Math.max(0, length - 1));
  if (last >= 1n << 64n) throw new LoadError("address-overflow", { field: "the last byte's address", value: last });
  if (!isCanonical(last)) { // no safe length reaches across the hole
    throw new LoadError("address-not-canonical", { field: "the last byte's address", value: last });
  }
}
