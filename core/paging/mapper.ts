/**
 * The mapper: maps, unmaps, updates, translates and lists pages in page tables that lie in physical memory.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { checkedLow48, low48 } from "../memory/addresses.ts";
import type { FrameOwner } from "../memory/frame_allocator.ts";
import type { FrameLedger } from "../memory/frame_ledger.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import {
  type FlagHalves,
  flagHalves,
  HI_FRAME,
  LO_HUGE,
  LO_PRESENT,
  LO_USER,
  LO_WRITABLE,
  type PageSize,
  TABLE_ENTRIES,
} from "./entry.ts";
import { type UnmappedRun, unmapRun, updateRun } from "./change_run.ts";
import { changeEntries } from "./entry_runs.ts";
import { entryMasks, type FlagChange } from "./flag_change.ts";
import { type Leaf, leaves, readLeaf } from "./leaves.ts";
import { listTables, type Mapping, mappings, type Table } from "./listing.ts";
import { countMissingTables, type FreshRun, mapFresh, mapRun } from "./map_run.ts";
import { type LeafLevel, type Range, rangeToChange, rangeToMap } from "./page_range.ts";
import { isRecursive, openTables, refuseRecursive, type Tables, type WalkEnd, walkToEnd } from "./tables.ts";
import { physAt, translate, type Translation, walk, type WalkStep } from "./translate.ts";

const ENTRY_INDICES: readonly number[] = Array.from({ length: TABLE_ENTRIES }, (_, index) => index);

/** How {@linkcode Mapper.mapTo} maps. */
export interface MapOptions {
  /** Number of bytes to map, a multiple of `pageSize`. Default: one page. */
  readonly size?: number;
  /** Size of each page in bytes. Default: 4096. */
  readonly pageSize?: PageSize;
  /**
   * Flags (bits 0 to 11 except bit 7) that every entry above the leaves must have at least, in addition to `PRESENT`.
   * Default: what the flags of the leaves need, by the mapper's own rule.
   */
  readonly parentFlags?: bigint;
}

/**
 * Page tables that can be read and changed. Every function throws a `RangeError` for an address that is not canonical,
 * and a `LoadError` "table-out-of-memory" if an entry points outside physical memory.
 */
export interface Mapper {
  /** Physical address of the level-4 table: the value for CR3. */
  readonly level4Frame: number;
  /** Finds the physical address of a byte, and the page that it is in. */
  readonly translate: (virt: bigint) => Translation;
  /** Lists the entries that the processor reads for an address, from level 4 to the one where the walk ends. */
  readonly walk: (virt: bigint) => readonly WalkStep[];
  /**
   * Maps one page or a range of pages and adds missing tables. Everything is checked first: a call that fails leaves
   * the tables as they were. Throws a `LoadError` "page-already-mapped", "range-recursive" or "frames-exhausted", and a
   * `RangeError` if an address or the size is not a multiple of the page size or the range leaves its half of the
   * address space.
   */
  readonly mapTo: (virt: bigint, phys: number, flags: bigint, options?: MapOptions) => void;
  /**
   * Unmaps one page, or with `size` every page of a range; tables are kept. Throws a `LoadError` "page-not-mapped" or
   * "range-recursive".
   *
   * A range takes pages of any size. Everything is checked first: a call that fails leaves the tables as they were. The
   * error "page-not-mapped" names the first address that is not mapped. Throws a `RangeError` if the address or the
   * size is not a multiple of 4096, a larger page lies only partly in the range, or the range leaves its half of the
   * address space.
   */
  readonly unmap: {
    /** Clears the leaf entry of the page at an address, and returns what it was. */
    (virt: bigint): Leaf;
    /** Clears the leaf entries of `size` bytes of pages, and returns what they were as merged runs, ascending. */
    (virt: bigint, range: { readonly size: number }): readonly UnmappedRun[];
  };
  /**
   * Changes the flags in the leaf entry of the page at an address, or with `size` of every page of a range, and returns
   * the number of entries that are different now. A `bigint` replaces all flags; an object clears and sets some and
   * leaves the others of each page as they are. A page larger than 4 KiB keeps its `HUGE_PAGE` in any case. Throws
   * as `unmap` does, a `TypeError` if flags are not a `bigint`, and a `RangeError` if a bit of the physical address is
   * set; a call that fails leaves the tables as they were.
   */
  readonly updateFlags: (
    virt: bigint,
    flags: bigint | FlagChange,
    range?: { readonly size: number },
  ) => number;
  /** Lists every page, ascending. */
  readonly leaves: () => Iterable<Leaf>;
  /** Lists every page as merged runs, ascending, with the permissions that all levels combined grant. */
  readonly mappings: () => Iterable<Mapping>;
  /** Lists every table in ascending order; parents come before their children. */
  readonly tables: () => Iterable<Table>;
}

/** Page tables with the operations that only the loader uses. */
export interface PageTables extends Mapper {
  /**
   * Maps `size` bytes of pages onto zeroed frames of an owner and returns the runs of frames. Each frame is taken
   * before the tables that its page needs. Throws like `mapTo`, but pages before the failing one stay mapped.
   */
  readonly mapFresh: (virt: bigint, size: number, flags: bigint, owner: FrameOwner) => readonly FreshRun[];
  /**
   * Maps 4 KiB pages by the low 48 bits of their addresses, which the caller has checked; the range may cross the
   * non-canonical hole. Throws like `mapTo`.
   */
  readonly mapLow: (low: number, phys: number, size: number, leaf: FlagHalves) => void;
  /** Maps pages like `mapLow`, onto frames like `mapFresh`. */
  readonly mapFreshLow: (low: number, size: number, leaf: FlagHalves, owner: FrameOwner) => readonly FreshRun[];
  /** Counts the frames that `mapTo` would take for page tables. Throws like `mapTo` but changes nothing. */
  readonly missingTables: (virt: bigint, options?: Pick<MapOptions, "size" | "pageSize">) => number;
  /**
   * Points the entry of a 4 KiB page to another frame and sets bits in it; its other flags stay as they are. Throws a
   * `LoadError` "page-not-mapped" or "range-recursive".
   */
  readonly moveTo: (virt: bigint, phys: number, set: bigint) => void;
  /** Returns the physical address of the byte at an address, given by its low 48 bits, or -1 if it is not mapped. */
  readonly physAt: (low: number) => number;
  /** Indices of the level-4 entries that point to the level-4 table itself, ascending. */
  readonly recursiveEntries: () => readonly number[];
  /** Throws a `LoadError` "range-recursive" if a level-4 entry of the range points to the level-4 table itself. */
  readonly refuseRecursive: (virt: bigint, size: number) => void;
}

/** What a mapper works on. */
export interface MapperOptions {
  /** The memory that the tables lie in. */
  readonly memory: PhysicalMemory;
  /** Physical address of the level-4 table, zeroed or in use. */
  readonly level4Frame: number;
  /** Where frames for new tables come from. */
  readonly frames: FrameLedger;
  /** Flags of entries above the leaves: always writable, or writable if the leaf is. */
  readonly parentFlags: "writable" | "as-leaf";
}

/**
 * Opens page tables for reading and changing.
 *
 * @param options The memory, the level-4 table, the frames, and the rule for entries above the leaves.
 * @returns The mapper; besides the tables themselves, it only keeps frames that a failed call took.
 */
export function createMapper({ memory, level4Frame, frames, parentFlags }: MapperOptions): PageTables {
  const tables = openTables(memory, level4Frame);
  const parentsOf = ({ lo }: FlagHalves): number =>
    LO_PRESENT | (lo & (LO_WRITABLE | LO_USER)) | (parentFlags === "writable" ? LO_WRITABLE : 0);
  const changeable = (verb: "unmap" | "update", virt: bigint, { size }: { readonly size: number }): Range => {
    const range = rangeToChange(verb, virt, size);
    refuseRecursive(tables, range.low, range.size);
    return range;
  };
  const mapFreshLow: PageTables["mapFreshLow"] = (low, size, leaf, owner) => {
    refuseRecursive(tables, low, size);
    return mapFresh(tables, frames, { low, size }, leaf, parentsOf(leaf), owner);
  };
  function unmap(virt: bigint): Leaf;
  function unmap(virt: bigint, range: { readonly size: number }): readonly UnmappedRun[];
  function unmap(virt: bigint, range?: { readonly size: number }): Leaf | readonly UnmappedRun[] {
    if (range !== undefined) return unmapRun(tables, changeable("unmap", virt, range));
    const end = findLeaf(tables, virt);
    const leaf = readLeaf(tables, end, virt);
    tables.words.fill(0, end.slot, end.slot + 2);
    return leaf;
  }
  const mapper: PageTables = {
    level4Frame,
    translate: (virt) => translate(tables, checkedLow48(virt)),
    walk: (virt) => walk(tables, checkedLow48(virt)),
    mapTo: (virt, phys, flags, options = {}) => {
      const range = rangeToMap(virt, phys, options);
      const leaf = flagHalves(flags, range.pageSize);
      const parents = options.parentFlags === undefined ? parentsOf(leaf) : parentHalf(options.parentFlags);
      refuseRecursive(tables, range.low, range.size);
      mapRun(tables, frames, range, leaf, parents);
    },
    mapLow: (low, phys, size, leaf) => {
      refuseRecursive(tables, low, size);
      mapRun(tables, frames, { low, phys, size, pageSize: 0x1000, level: 1 }, leaf, parentsOf(leaf));
    },
    mapFresh: (virt, size, flags, owner) => {
      const leaf = flagHalves(flags, 0x1000);
      const { low } = rangeToMap(virt, 0, { size });
      return mapFreshLow(low, size, leaf, owner);
    },
    mapFreshLow,
    missingTables: (virt, options = {}) => {
      const range = rangeToMap(virt, 0, options);
      refuseRecursive(tables, range.low, range.size);
      return Math.max(0, countMissingTables(tables, range) - tables.spareFrames.length);
    },
    moveTo: (virt, phys, set) => {
      const { slot } = findLeaf(tables, virt);
      const { lo, hi } = flagHalves(set, 0x1000);
      const { words } = tables;
      words[slot] = (words[slot] & 0xfff) | (phys | 0) | lo;
      words[slot + 1] = (words[slot + 1] & ~HI_FRAME) | Math.floor(phys / 2 ** 32) | hi;
    },
    physAt: (low) => physAt(tables, low),
    recursiveEntries: () => ENTRY_INDICES.filter((index) => isRecursive(tables, index)),
    refuseRecursive: (virt, size) => refuseRecursive(tables, checkedLow48(virt), size),
    unmap,
    updateFlags: (virt, flags, range) => {
      if (range !== undefined) return updateRun(tables, changeable("update", virt, range), flags);
      const { level, slot } = findLeaf(tables, virt);
      return changeEntries(tables.words, slot, 1, entryMasks(flags, level as LeafLevel));
    },
    leaves: () => leaves(tables),
    mappings: () => ({ [Symbol.iterator]: () => mappings(tables) }),
    tables: () => ({ [Symbol.iterator]: () => listTables(tables) }),
  };
  return Object.freeze(mapper);
}

/**
 * Checks the caller's flags for entries above the leaves. They must not turn a table into a page or forbid execution.
 */
function parentHalf(flags: bigint): number {
  const { lo, hi } = flagHalves(flags, 0x1000);
  if (hi !== 0 || (lo & LO_HUGE) !== 0) {
    throw new RangeError(`Cannot use 0x${flags.toString(16)} as parentFlags: bit 7 or a bit above 51 is set`);
  }
  return lo | LO_PRESENT;
}

function findLeaf(tables: Tables, virt: bigint): WalkEnd {
  const end = walkToEnd(tables, checkedLow48(virt));
  if (!end.mapped) throw new LoadError("page-not-mapped", { field: "address", value: virt });
  refuseRecursive(tables, low48(virt), 1);
  return end;
}
