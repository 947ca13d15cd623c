/**
 * The types of a map: an address space by level-4 entry, as runs of pages and the gaps between them.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { PageSize } from "../../core/paging/entry.ts";
import type { TableLevel } from "../tables/table_set.ts";

/** What all levels of the page tables allow together. A page that is mapped can always be read. */
export type MapPermissions = "R--" | "R-X" | "RW-" | "RWX";

/** The names in a range, of sections or of symbols. */
export interface NameRange {
  /** Name of the first one. */
  readonly first: string;
  /** Name of the last one. */
  readonly last: string;
  /** How many there are. */
  readonly count: number;
}

/** Pages that are contiguous in both address spaces, and equal in all that is said of them here. */
export interface MapRun {
  /** Virtual address of the first byte. */
  readonly virt: bigint;
  /** Physical address of the first byte. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** What all levels allow together. */
  readonly permissions: MapPermissions;
  /** Whether all levels allow user mode. */
  readonly user: boolean;
  /** What the frames are for, if that is known of all of them and the same. */
  readonly owner?: FrameOwner;
  /** What some of the frames are for, if they are not all for the same: at most 8. */
  readonly owners?: readonly FrameOwner[];
  /** The run is in a map of all physical memory. It is not split where the owner of its frames changes. */
  readonly directMap?: true;
  /** Indices of the `PT_LOAD` headers that have bytes in its pages: at most 8, by address. */
  readonly segments: readonly number[];
  /** The sections that have bytes in its pages, if names were given and there are any. */
  readonly sections?: NameRange;
  /** The symbols in its pages, if names were given and there are any. */
  readonly symbols?: NameRange;
  /** File offset of the first byte, if the frames are those that the file was read into. */
  readonly fileOffset?: number;
}

/** Virtual addresses at which nothing is mapped. */
export interface MapGap {
  /** The first address. */
  readonly virt: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/** A part of the address space that cannot be listed, or is not listed for a reason. */
export interface MapPart extends MapGap {
  /** Why: page tables seen as pages, or an entry with something wrong. */
  readonly kind: "recursive" | "problem";
  /** Level of the table that has the entry. */
  readonly level: TableLevel;
  /** Physical address of that table. */
  readonly table: number;
  /** Index of the entry in it. */
  readonly index: number;
  /** The entry's 64 bits. */
  readonly entry: bigint;
  /** The same in one sentence. */
  readonly message: string;
}

/** A map of all physical memory at an offset. */
export interface MapOfMemory {
  /** What was added to physical addresses, modulo 2^64; 0 if they are mapped at themselves. */
  readonly offset: bigint;
  /** The first physical address that is mapped. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
}

/** An entry of a level-4 table that is in use, and what is mapped in its 512 GiB. */
export interface MapEntry {
  /** Index in its table. */
  readonly index: number;
  /** Index of the level-5 entry above it, where there are five levels. */
  readonly level5Index?: number;
  /** The first address that it covers. */
  readonly virt: bigint;
  /** The entry's 64 bits. */
  readonly entry: bigint;
  /** The runs of pages, ascending by virtual address. */
  readonly runs: readonly MapRun[];
  /** What is in use, but not listed as runs. */
  readonly parts: readonly MapPart[];
  /** The maps of all physical memory that have pages in it. */
  readonly directMaps: readonly MapOfMemory[];
  /** The runs that a filter left out. */
  readonly left: MapCount;
}

/** A number of runs, and of bytes in them. */
export interface MapCount {
  /** Number of runs. */
  readonly runs: number;
  /** Number of bytes. */
  readonly bytes: bigint;
}

/** A page table. */
export interface MapTable {
  /** Level, 5 to 1. */
  readonly level: TableLevel;
  /** Physical address of its frame. */
  readonly frame: number;
  /** The first virtual address that it covers. */
  readonly virt: bigint;
  /** Number of bytes that it covers. */
  readonly size: bigint;
  /** Number of its entries that are in use. */
  readonly used: number;
  /** What its frame is for, if that is known. */
  readonly owner?: FrameOwner;
}

/** Sums over the whole map, including what a filter left out. */
export interface MapTotals {
  /** Mapped bytes by permission, for each that occurs. */
  readonly permissions: readonly {
    readonly permissions: MapPermissions;
    readonly user: boolean;
    readonly pages: number;
    readonly bytes: bigint;
  }[];
  /** Pages by their size, for each that occurs. */
  readonly pages: readonly { readonly pageSize: PageSize; readonly pages: number }[];
  /** Page tables by level, highest first. */
  readonly tables: readonly { readonly level: TableLevel; readonly tables: number }[];
  /** Pages that are writable and executable. */
  readonly writableAndExecutable: number;
  /** All runs. */
  readonly runs: number;
  /** All mapped bytes. */
  readonly bytes: bigint;
  /** All bytes at which nothing is mapped. */
  readonly unmapped: bigint;
}

/** An address space as a map. */
export interface MapModel {
  /** Physical address of the table of the highest level. */
  readonly root: number;
  /** Number of levels. */
  readonly levels: 4 | 5;
  /** The level-4 entries that are in use, ascending by virtual address. */
  readonly entries: readonly MapEntry[];
  /** The ranges at which nothing is mapped, ascending; those that are not canonical are no addresses, and no gap. */
  readonly gaps: readonly MapGap[];
  /** The page tables; parents come before their children. */
  readonly tables: readonly MapTable[];
  /** Sums over what was listed. */
  readonly totals: MapTotals;
  /** Where the listing stopped, if it did before the end of the address space, and why. */
  readonly stopped?: { readonly virt: bigint; readonly because: "limit" | "work" };
}
