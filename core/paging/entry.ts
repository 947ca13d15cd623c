/**
 * Page-table entries (Intel SDM vol. 3, "4-Level Paging", tables 4-15 to 4-20): their flags and their 32-bit halves.
 *
 * @module
 */

/** Bit 0: the entry is in use. */
export const PRESENT = 1n;
/** Bit 1: writes are allowed, if every level allows them. */
export const WRITABLE: bigint = 1n << 1n;
/** Bit 2: user mode may access, if every level allows it. */
export const USER_ACCESSIBLE: bigint = 1n << 2n;
/** Bit 3 (PWT): write-through caching. */
export const WRITE_THROUGH: bigint = 1n << 3n;
/** Bit 4 (PCD): caching is disabled. */
export const NO_CACHE: bigint = 1n << 4n;
/** Bit 5: the processor has used the entry. */
export const ACCESSED: bigint = 1n << 5n;
/** Bit 6: the processor has written to the page. */
export const DIRTY: bigint = 1n << 6n;
/** Bit 7 (PS) at levels 3 and 2: the entry maps a page of 1 GiB or 2 MiB. */
export const HUGE_PAGE: bigint = 1n << 7n;
/** Bit 7 (PAT) at level 1: selects the memory type. */
export const PAT: bigint = 1n << 7n;
/** Bit 8: the TLB keeps the translation when CR3 changes. */
export const GLOBAL: bigint = 1n << 8n;
/** Bit 9: free for software. */
export const BIT_9: bigint = 1n << 9n;
/** Bit 10: free for software. */
export const BIT_10: bigint = 1n << 10n;
/** Bit 11: free for software. */
export const BIT_11: bigint = 1n << 11n;
/** Bit 12 (PAT) of an entry that maps 2 MiB or 1 GiB: selects the memory type. */
export const HUGE_PAGE_PAT: bigint = 1n << 12n;
/** Bits 52 to 58: free for software. */
export const BITS_52_TO_58: bigint = 0x7fn << 52n;
/** Bits 59 to 62: the protection key, if the processor has them enabled; otherwise free for software. */
export const PROTECTION_KEY: bigint = 0xfn << 59n;
/** Bit 63: instructions cannot be fetched. */
export const NO_EXECUTE: bigint = 1n << 63n;

/** A page size in bytes: 4 KiB, 2 MiB or 1 GiB. */
export type PageSize = 0x1000 | 0x20_0000 | 0x4000_0000;

/** The page sizes, starting with level 1. */
export const PAGE_SIZES: readonly PageSize[] = [0x1000, 0x20_0000, 0x4000_0000];

/** Number of bytes that one entry covers, by level; index 0 is unused. */
export const LEVEL_SPAN = [1, 2 ** 12, 2 ** 21, 2 ** 30, 2 ** 39] as const;

/** Number of entries in a table. */
export const TABLE_ENTRIES = 512;

// Inner loops see an entry as two 32-bit halves: "lo" has bits 0 to 31, "hi" has bits 32 to 63.
export const LO_PRESENT = 1;
export const LO_WRITABLE = 1 << 1;
export const LO_USER = 1 << 2;
export const LO_HUGE = 1 << 7;
export const HI_NO_EXECUTE = 1 << 31;
/** Bits 32 to 51 of the physical address. */
export const HI_FRAME = 0xfffff;

/** The bits of an entry's low half that belong to its physical address, by the level of a leaf. */
export function frameBits(level: number): number {
  return -1 << (level * 9 + 3);
}

/**
 * Returns the physical address in an entry.
 *
 * @param lo Bits 0 to 31 of the entry.
 * @param hi Bits 32 to 63.
 * @param level The level of a leaf, which determines the lowest address bit; 1 for an entry that points to a table.
 * @returns The address: bits 12, 21 or 30 up to bit 51.
 */
export function entryFrame(lo: number, hi: number, level: number): number {
  return (hi & HI_FRAME) * 2 ** 32 + ((lo & frameBits(level)) >>> 0);
}

/** The bits of a leaf entry that are not its physical address, by level; index 0 is unused. */
const FLAG_BITS: readonly bigint[] = [0n, 0xfff0_0000_0000_0fffn, 0xfff0_0000_001f_ffffn, 0xfff0_0000_3fff_ffffn];

/**
 * Returns the flags in an entry: all bits except the physical address.
 *
 * @param entry The entry.
 * @param level The level of a leaf, as for {@linkcode entryFrame}.
 * @returns The flags, as bits of the entry.
 */
export function entryFlags(entry: bigint, level: number): bigint {
  return BigInt.asUintN(64, entry & FLAG_BITS[level]); // asUintN keeps it in one machine word
}

/** Flags as the two halves that the inner loops write. */
export interface FlagHalves {
  /** Bits 0 to 12. */
  readonly lo: number;
  /** Bits 52 to 63, at bits 20 to 31. */
  readonly hi: number;
}

/**
 * Splits flags from the caller into halves.
 *
 * @param flags The flags, as bits of the entry.
 * @param pageSize The page size; above 4 KiB, `HUGE_PAGE` is added.
 * @returns The halves.
 * @throws {TypeError} If they are not a `bigint`.
 * @throws {RangeError} If a bit of the physical address is set.
 */
export function flagHalves(flags: bigint, pageSize: PageSize): FlagHalves {
  if (typeof flags !== "bigint") throw new TypeError(`Cannot use ${flags} as flags: it must be a bigint`);
  const huge = pageSize !== 0x1000;
  const allowed = 0xfffn | (huge ? HUGE_PAGE_PAT : 0n) | (0xfffn << 52n);
  if ((flags & ~allowed) !== 0n) {
    throw new RangeError(`Cannot use 0x${flags.toString(16)} as flags: bits of the physical address are set`);
  }
  return { lo: Number(flags & 0x1fffn) | (huge ? LO_HUGE : 0), hi: Number(flags >> 52n) << 20 };
}
