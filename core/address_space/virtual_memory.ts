/**
 * Reads and writes bytes at virtual addresses, through page tables.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, canonicalLow48, LOW48_END, LOW48_HIGHER_HALF, PAGE_SIZE } from "../memory/addresses.ts";
import { typedValue } from "../intake/value_kind.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { PageTables } from "../paging/mapper.ts";

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
export function readVirtual(memory: PhysicalMemory, pageTable: PageTables, virt: bigint, length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`Cannot read ${length} bytes`);
  const low = checkRange(virt, length);
  if (length > 0 && sizeInPage(low, length) === length) {
    return memory.bytes(findByte(memory, pageTable, low, length), length).slice(); // most reads: one page
  }
  const pieces = findPieces(memory, pageTable, low, length);
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
  pageTable: PageTables,
  virt: bigint,
  bytes: Uint8Array,
  unshare: (virt: bigint) => number,
): void {
  for (const { from, size } of findPieces(memory, pageTable, checkRange(virt, bytes.length), bytes.length)) {
    memory.bytes(unshare(virt + BigInt(from)), size).set(bytes.subarray(from, from + size));
  }
}

/** The part of a range that lies in one page. */
interface Piece {
  /** Its offset in the range, in bytes. */
  readonly from: number;
  /** Number of bytes. */
  readonly size: number;
  /** Physical address of its first byte. */
  readonly phys: number;
}

/** Splits a range at every 4 KiB boundary, even inside larger pages. */
function findPieces(memory: PhysicalMemory, pageTable: PageTables, low: number, length: number): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < length;) {
    const size = sizeInPage(low + from, length - from);
    pieces.push({ from, size, phys: findByte(memory, pageTable, low + from, size) });
    from += size;
  }
  return pieces;
}

/** The number of bytes, at most `length`, from an address to the end of its page of 4 KiB. */
function sizeInPage(low: number, length: number): number {
  return Math.min(length, PAGE_SIZE - (low & (PAGE_SIZE - 1)));
}

/** Finds the physical address of a byte; it and the next `size - 1` must lie in memory. */
function findByte(
  { base, size: memorySize }: PhysicalMemory,
  pageTable: PageTables,
  low: number,
  size: number,
): number {
  const phys = pageTable.physAt(low);
  if (phys >= base && phys + size <= base + memorySize) return phys;
  const code = phys === -1 ? "page-not-mapped" : "frame-out-of-memory";
  throw new LoadError(code, { field: "address", value: canonical(low) });
}

/** Checks a range, and returns the low 48 bits of its first address. */
function checkRange(virt: bigint, length: number): number {
  if (typeof virt !== "bigint") {
    throw new TypeError(`Cannot use ${typedValue(virt)} as a virtual address: it must be a bigint`);
  }
  const low = canonicalLow48(virt);
  if (low === -1) throw new LoadError("address-not-canonical", { field: "address", value: virt });
  const half = low < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  if (low + length <= half) return low;
  const last = virt + BigInt(length - 1);
  const code = last >= 1n << 64n ? "address-overflow" : "address-not-canonical"; // no safe length reaches across the hole
  throw new LoadError(code, { field: "the last byte's address", value: last });
}
