/**
 * The types of a map: an address space as runs of pages, by level-4 entry, and the gaps between them.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { PageSize } from "../../core/paging/entry.ts";
import type { ListedTable } from "../tables/list_tables.ts";
import type { RecursiveEntry, TableProblem } from "../tables/table_items.ts";
import type { TableLevel } from "../tables/table_set.ts";
import type { MapTableEntry } from "./table_entries.ts";

/** What all levels of the page tables allow together. A page that is mapped can always be read. */
export type MapPermissions = "R--" | "R-X" | "RW-" | "RWX";

/** The names in a range, in the order of addresses. */
export interface NameRange {
  /** The first one. */
  readonly first: string;
  /** The last one. */
  readonly last: string;
  /** How many there are. */
  readonly count: number;
}

/** Pages that are contiguous in both address spaces, and do not differ in anything that is said of them here. */
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
  /** What the frames are for, if that is known of all of them and is the same. */
  readonly owner?: FrameOwner;
  /** Otherwise, what some of the frames of each page are for, if that is known: at most eight. */
  readonly owners?: readonly FrameOwner[];
  /** The run is part of a map of all physical memory; it does not end where the frames change their owner. */
  readonly directMap?: true;
  /** Indices of the `PT_LOAD` headers that have bytes in its pages: at most eight, ascending by address. */
  readonly segments: readonly number[];
  /** The sections that have bytes in its pages, if names are known and there are any. */
  readonly sections?: NameRange;
  /** The symbols in its pages, if names are known and there are any. */
  readonly symbols?: NameRange;
  /** File offset of the first byte, if the frames are those that the file was read into. */
  readonly fileOffset?: number;
}

/** Addresses at which nothing is mapped. */
export interface MapGap {
  /** The first one. */
  readonly virt: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/** All of physical memory, mapped at an offset. */
export interface MapOfMemory {
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** What is added to a physical address, modulo 2^64: 0 if memory is mapped at its own addresses. */
  readonly offset: bigint;
}

/** A number of runs, and of bytes in them. */
export interface RunCount {
  /** Number of runs. */
  readonly runs: number;
  /** Number of bytes. */
  readonly bytes: bigint;
}

/** An entry of a level-4 table that is in use, and what is mapped in its 512 GiB. */
export interface MapEntry {
  /** Index in its table. */
  readonly index: number;
  /** Index of the level-5 entry above it, if there are five levels. */
  readonly level5Index?: number;
  /** The first address that it covers. */
  readonly virt: bigint;
  /** The entry's 64 bits. */
  readonly entry: bigint;
  /** What it does: points to a table, to a table above, to one in unknown memory, or is refused by the processor. */
  readonly kind: "table" | "recursive" | "unknown" | "reserved";
  /** The runs that were asked for, ascending by virtual address. */
  readonly runs: readonly MapRun[];
  /** What a filter left out. */
  readonly left: RunCount;
}

/** A page table. */
export interface MapTable extends Omit<ListedTable, "kind"> {
  /** Number of bytes that it covers. */
  readonly size: bigint;
  /** What its frame is for, if that is known. */
  readonly owner?: FrameOwner;
}

/** Pages with the same permissions. */
export interface PermissionCount {
  /** What all levels allow together. */
  readonly permissions: MapPermissions;
  /** Whether all levels allow user mode. */
  readonly user: boolean;
  /** Number of pages, of whatever size. */
  readonly pages: number;
  /** Number of bytes. */
  readonly bytes: bigint;
}

/** Sums over all that was read, including what a filter left out. */
export interface MapTotals {
  /** Number of runs. */
  readonly runs: number;
  /** Number of bytes that are mapped. */
  readonly bytes: bigint;
  /** Number of bytes at which nothing is mapped. */
  readonly unmapped: bigint;
  /** Pages by permission, for each that occurs. */
  readonly permissions: readonly PermissionCount[];
  /** Pages by their size, for each that occurs, smallest first. */
  readonly pages: readonly { readonly pageSize: PageSize; readonly pages: number }[];
  /** Number of pages that are writable and executable. */
  readonly writableAndExecutable: number;
  /** Number of page tables by level, highest first. One that is in use at several places counts once a level. */
  readonly tables: readonly { readonly level: TableLevel; readonly tables: number }[];
}

/** An address space. */
export interface MapModel {
  /** Physical address of the table of the highest level. */
  readonly root: number;
  /** Number of levels. */
  readonly levels: 4 | 5;
  /** The level-4 entries in use, ascending by virtual address. */
  readonly entries: readonly MapEntry[];
  /** The ranges at which nothing is mapped, ascending. Addresses that are not canonical are in none. */
  readonly gaps: readonly MapGap[];
  /** Entries and tables whose pages are not listed: what is wrong with them, or that tables contain themselves. */
  readonly parts: readonly (RecursiveEntry | TableProblem)[];
  /** The maps of all physical memory. */
  readonly directMaps: readonly MapOfMemory[];
  /** The page tables, those above before those below; no more than the limit, though `totals` has the numbers of all. */
  readonly tables: readonly MapTable[];
  /** The entries of the tables, if they were asked for: no more than the limit. */
  readonly tableEntries?: readonly MapTableEntry[];
  /** Sums over all that was read. */
  readonly totals: MapTotals;
  /** From where on nothing is listed and why, if that is before the end of the address space. */
  readonly stopped?: { readonly virt: bigint; readonly because: "limit" | "work" };
  /** The address of the first entry that is missing in `tableEntries` because of the limit, if one is. */
  readonly entriesStopped?: bigint;
}
