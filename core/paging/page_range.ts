/**
 * Checks ranges of pages from the caller once; later code uses the low 48 bits of their addresses.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";
import { checkedLow48, LOW48_END, LOW48_HIGHER_HALF, PAGE_SIZE, PHYSICAL_END } from "../memory/addresses.ts";
import { LEVEL_SPAN, PAGE_SIZES, type PageSize, TABLE_ENTRIES } from "./entry.ts";

/** A level whose entries can map pages. */
export type LeafLevel = 1 | 2 | 3;

/** A range of addresses that has been checked. */
export interface Range {
  /** Low 48 bits of the first address. */
  readonly low: number;
  /** Number of bytes. */
  readonly size: number;
}

/** A range of pages of one size, and their frames. */
export interface FrameRange extends Range {
  /** Physical address of the first frame. */
  readonly phys: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** Level of the tables whose entries map such pages. */
  readonly level: LeafLevel;
}

/**
 * Checks a range that is to be mapped.
 *
 * @param virt Virtual address of the first page.
 * @param phys Physical address of its frame.
 * @param options `size`: number of bytes, one page by default. `pageSize`: 4096 by default.
 * @returns The range.
 * @throws {TypeError} If `virt` is not a `bigint`.
 * @throws {RangeError} If there is no such page size, something is not a multiple of it, or the range leaves its half
 * of the address space or physical memory.
 */
export function rangeToMap(
  virt: bigint,
  phys: number,
  { size, pageSize = 0x1000 }: { readonly size?: number; readonly pageSize?: PageSize },
): FrameRange {
  const level = (PAGE_SIZES.indexOf(pageSize) + 1) as 0 | LeafLevel;
  if (level === 0) {
    throw new RangeError(`Cannot map pages of ${pageSize} bytes: x86-64 has pages of 4 KiB, 2 MiB and 1 GiB`);
  }
  const low = checkedLow48(virt);
  const bytes = size ?? pageSize;
  checkMultiple("map", "virt", low, pageSize, virt);
  checkMultiple("map", "phys", phys, pageSize);
  checkMultiple("map", "size", bytes, pageSize);
  checkHalf("map", virt, low, bytes);
  if (phys + bytes > PHYSICAL_END) throw new RangeError(`Cannot map: phys ${hexAddr(phys)} + size is above 2^52`);
  return { low, phys, size: bytes, pageSize, level };
}

/**
 * Checks a range whose pages, of any size, are to be changed.
 *
 * @param verb What is to be done with them.
 * @param virt Virtual address of the first page.
 * @param size Number of bytes.
 * @returns The range.
 * @throws {TypeError} If `virt` is not a `bigint`.
 * @throws {RangeError} If `virt` is not canonical, or not a multiple of 4096, as `size` must be, or the range leaves
 * its half of the address space.
 */
export function rangeToChange(verb: "unmap" | "update", virt: bigint, size: number): Range {
  const low = checkedLow48(virt);
  checkMultiple(verb, "virt", low, PAGE_SIZE, virt);
  checkMultiple(verb, "size", size, PAGE_SIZE);
  checkHalf(verb, virt, low, size);
  return { low, size };
}

function checkMultiple(
  verb: string,
  name: string,
  value: number,
  pageSize: number,
  shown: bigint | number = value,
): void {
  if (Number.isSafeInteger(value) && value >= 0 && value % pageSize === 0) return;
  const text = Number.isSafeInteger(value) ? hexAddr(shown) : `${shown}`;
  throw new RangeError(`Cannot ${verb}: ${name} is ${text}, not a multiple of the page size ${hexAddr(pageSize)}`);
}

function checkHalf(verb: string, virt: bigint, low: number, size: number): void {
  const half = low < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  if (low + size <= half) return;
  throw new RangeError(
    `Cannot ${verb} ${hexAddr(size)} bytes at ${hexAddr(virt)}: the range leaves its half of the address space`,
  );
}

/**
 * Counts the entries of one table that a range covers.
 *
 * @param low Low 48 bits of the range's first address, a multiple of what an entry covers.
 * @param size Number of bytes.
 * @param level Level of the table.
 * @returns The number of entries that it covers entirely, from that of `low` up to the end of the table.
 */
export function entriesLeft(low: number, size: number, level: LeafLevel): number {
  const step = LEVEL_SPAN[level];
  const index = Math.floor(low / step) % TABLE_ENTRIES;
  return Math.min(Math.floor(size / step), TABLE_ENTRIES - index);
}
