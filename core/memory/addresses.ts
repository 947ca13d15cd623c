/**
 * Virtual and physical addresses (Intel SDM vol. 3, "4-Level Paging"), and the one place where they are converted
 * between `bigint` and `number`.
 *
 * Inner loops hold a virtual address as its low 48 bits in a `number` ("low48"). Without the sign extension there is no
 * non-canonical hole, and the address space is one range from 0 to 2^48.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";

/** Size of a page and of a frame, in bytes. */
export const PAGE_SIZE = 4096;

/** One past the largest low48 value. */
export const LOW48_END: number = 2 ** 48;

/** The low48 value where the higher half starts, after the non-canonical hole. */
export const LOW48_HIGHER_HALF: number = 2 ** 47;

/** One past the largest physical address, which has 52 bits. */
export const PHYSICAL_END: number = 2 ** 52;

/** A canonical virtual address: bits 47 to 63 are equal. */
export type VirtAddr = bigint & { readonly brand: "VirtAddr" };

/**
 * Whether a value is a canonical 64-bit virtual address.
 *
 * @param value Any integer.
 * @returns True if it fits in 64 bits and bits 47 to 63 are equal.
 */
export function isCanonical(value: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, value)) === value;
}

/**
 * Checks a virtual address from the caller.
 *
 * @param value The address.
 * @returns The same value, as a canonical address.
 * @throws {TypeError} If it is not a `bigint`.
 * @throws {RangeError} If it is not canonical.
 */
export function virtAddr(value: bigint): VirtAddr {
  if (typeof value !== "bigint") throw new TypeError(`Cannot use ${value} as a virtual address: it must be a bigint`);
  if (!isCanonical(value)) {
    throw new RangeError(`Cannot use ${hexAddr(value)} as a virtual address: it is not canonical`);
  }
  return value as VirtAddr;
}

/**
 * Drops the sign extension of a virtual address.
 *
 * @param virt A virtual address; bits 48 to 63 are ignored.
 * @returns Its low 48 bits.
 */
export function low48(virt: bigint): number {
  return Number(BigInt.asUintN(48, virt));
}

// The 64 bits of one address, and their halves: reading a half is cheaper than arithmetic on a bigint.
const quad = new BigUint64Array(1);
const halves = new Uint32Array(quad.buffer);

/**
 * Drops the sign extension of a virtual address if it is canonical.
 *
 * @param virt Any integer.
 * @returns Its low 48 bits, or -1 if it is not a canonical address.
 */
export function canonicalLow48(virt: bigint): number {
  quad[0] = virt;
  const hi = halves[1];
  const sign = hi >>> 15; // bits 47 to 63
  if ((sign !== 0 && sign !== 0x1ffff) || BigInt.asUintN(64, virt) !== virt) return -1;
  return (hi & 0xffff) * 2 ** 32 + halves[0];
}

/**
 * Checks a virtual address from the caller and drops its sign extension.
 *
 * @param virt The address.
 * @returns Its low 48 bits.
 * @throws {TypeError} If it is not a `bigint`.
 * @throws {RangeError} If it is not canonical.
 */
export function checkedLow48(virt: bigint): number {
  const low = typeof virt === "bigint" ? canonicalLow48(virt) : -1;
  return low === -1 ? low48(virtAddr(virt)) : low; // throws
}

/**
 * Sign-extends the low 48 bits of a virtual address.
 *
 * @param low Low 48 bits, 0 to 2^48 - 1.
 * @returns The canonical address.
 */
export function canonical(low: number): VirtAddr {
  return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(low))) as VirtAddr;
}

/**
 * Returns the index into the level-4 table that a virtual address selects: its bits 39 to 47.
 *
 * @param low Low 48 bits of the address.
 * @returns 0 to 511.
 */
export function level4Index(low: number): number {
  return Math.floor(low / 2 ** 39);
}

/**
 * Whether a value is a power of two.
 *
 * @param value Any integer.
 * @returns True for 1, 2, 4 and so on.
 */
export function isPowerOfTwo(value: bigint): boolean {
  return value > 0n && (value & (value - 1n)) === 0n;
}

/**
 * Rounds down to a page boundary.
 *
 * @param address An address or offset, at most 2^53.
 * @returns The start of the page or frame that contains it.
 */
export function pageStart(address: number): number {
  return address - (address % PAGE_SIZE);
}

/**
 * Rounds up to a page boundary.
 *
 * @param address An address or offset, at most 2^53 - 4096.
 * @returns The first page boundary at or above it.
 */
export function alignUp(address: number): number {
  return pageStart(address + PAGE_SIZE - 1);
}

/**
 * Checks a physical address or size from the caller.
 *
 * @param value The value in bytes.
 * @param name Its name in the message.
 * @returns The same value.
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not a multiple of 4096 from 0 to 2^52.
 */
export function physicalPages(value: number, name: string): number {
  if (typeof value !== "number") throw new TypeError(`Cannot use ${value} as ${name}: it must be a number`);
  if (!Number.isInteger(value) || value < 0 || value > PHYSICAL_END || value % PAGE_SIZE !== 0) {
    const shown = Number.isInteger(value) ? hexAddr(value) : value;
    throw new RangeError(`Cannot use ${shown} as ${name}: it must be a multiple of 4096 from 0 to 2^52`);
  }
  return value;
}
