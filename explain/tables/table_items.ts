/**
 * What a listing of page tables finds, one by one.
 *
 * @module
 */

import type { PageSize } from "../../core/paging/entry.ts";
import type { TableLevel } from "./table_set.ts";

/** A run of pages that are contiguous in both address spaces, with the same size and permissions. */
export interface PageRun {
  /** What it is. */
  readonly kind: "pages";
  /** Virtual address of the first page, of 64 bits. */
  readonly virt: bigint;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of `pageSize`. */
  readonly size: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** Whether every level allows writes. */
  readonly writable: boolean;
  /** Whether no level forbids execution. */
  readonly executable: boolean;
  /** Whether every level allows user mode. */
  readonly user: boolean;
  /** Flags of each leaf entry alone, as bits of the entry; only if runs are told apart by them. */
  readonly flags?: bigint;
}

/** Where an entry is, and which addresses it decides about. */
export interface EntryPlace {
  /** Level of the table that the entry is in, 5 to 1. */
  readonly level: TableLevel;
  /** Physical address of that table. */
  readonly table: number;
  /** Index of the entry in it, 0 to 511. */
  readonly index: number;
  /** The first virtual address that it is for, of 64 bits. */
  readonly virt: bigint;
  /** Number of bytes that it is for: a power of two. */
  readonly size: number;
}

/**
 * An entry that points to a table on the way to it, so that the tables contain themselves. What it maps, mostly the
 * tables themselves, is not listed.
 */
export interface RecursiveEntry extends EntryPlace {
  /** What it is. */
  readonly kind: "recursive";
  /** Physical address of the table that it points to. */
  readonly target: number;
  /** Level at which that table is used on the way to the entry. */
  readonly targetLevel: TableLevel;
}

/** An entry that is present and has bits set that must be 0: an access to its addresses raises a page fault. */
export interface ReservedEntry extends EntryPlace {
  /** What it is. */
  readonly kind: "reserved";
  /** The entry's 64 bits. */
  readonly entry: bigint;
}

/** A table in unknown memory. What it maps cannot be listed. */
export interface UnknownTable {
  /** What it is. */
  readonly kind: "unknown";
  /** Level of the table, 5 to 1. */
  readonly level: TableLevel;
  /** Its physical address. */
  readonly table: number;
  /** The first virtual address that it covers, of 64 bits. */
  readonly virt: bigint;
  /** Number of bytes that it covers: a power of two. */
  readonly size: number;
}

/** A sign of life after much was read and nothing was found: a moment to pause, or to hear an abort. */
export interface ListProgress {
  /** What it is. */
  readonly kind: "progress";
  /** Number of tables read so far; one that is in use at several places counts each time. */
  readonly tables: number;
}

/** What keeps a part of the tables from being listed. */
export type TableProblem = ReservedEntry | UnknownTable;

/** What {@linkcode listRuns} finds. */
export type TableItem = PageRun | RecursiveEntry | TableProblem | ListProgress;

/** How to list. */
export interface ListOptions {
  /**
   * After how many tables without anything found there is an item of kind "progress", so that the consumer can pause; a
   * table takes about a microsecond. By default never.
   */
  readonly progressAfter?: number;
}

/** How to list runs. */
export interface RunOptions extends ListOptions {
  /** Whether a run also ends where the flags of leaf entries change, and has them; false by default. */
  readonly leafFlags?: boolean;
}
