/**
 * What an address space is made of.
 *
 * @module
 */

import type { Segment } from "../elf/program_header.ts";
import type { FrameRun } from "../memory/frame_allocator.ts";
import type { FrameLedger } from "../memory/frame_ledger.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { PageTables } from "../paging/mapper.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";

/** Where the file's bytes lie. */
export interface FileRange {
  /** Physical address of the file's first byte, a multiple of 4096. */
  readonly phys: number;
  /** Number of bytes of the file that are kept. */
  readonly size: number;
}

/** What an address space is made of. */
export interface AddressSpaceParts {
  /** The physical memory. */
  readonly memory: PhysicalMemory;
  /** Its frames. */
  readonly frames: FrameLedger;
  /** The page tables in it. */
  readonly pageTable: PageTables;
  /** Where the file's bytes lie. */
  readonly file: FileRange;
  /** Frames that are in use and did not come from `frames`, in addition to the file's. */
  readonly given: readonly FrameRun[];
  /** The segments, for errors. */
  readonly segments: readonly Segment[];
  /** Whether a bss that ends on a page boundary has the next page too; for errors. */
  readonly bssEnd: Rules["bssEnd"];
  /** Whether pages with frames of their own are known by marks; else by where their frames lie. */
  readonly isMarking: () => boolean;
  /** Finds the level-4 entries that the kernel uses; called once, when they are first asked for. */
  readonly findUsedEntries: () => UsedLevel4Entries;
}
