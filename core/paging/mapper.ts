/**
 * The mapper: maps, unmaps, updates, translates and lists pages in page tables that lie in physical memory.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { canonical, hexAddr, low48, LOW48_END, LOW48_HIGHER_HALF, PAGE_SIZE, virtAddr } from "../memory/addresses.ts";
import { PHYSICAL_END } from "../memory/addresses.ts";
import type { FrameLedger, FrameRun } from "../memory/frame_allocator.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import { entryFlags, entryFrame, flagHalves, LEVEL_SPAN, LO_PRESENT, LO_USER, LO_WRITABLE } from "./entry.ts";
import { type FlagHalves, type PageSize, TABLE_ENTRIES } from "./entry.ts";
import { openTables, type Tables, visitTables, type WalkEnd, walkToEnd } from "./tables.ts";

/** What {@linkcode Mapper.translate} finds: the physical address, or the level where the walk ended. */
export type Translation =
  | {
    /** The address is mapped. */
    readonly mapped: true;
    /** Physical address of the very byte. */
    readonly phys: number;
    /** Size in bytes of the page that it is in. */
    readonly pageSize: PageSize;
    /** Flags of the leaf entry, in its own bits. */
    readonly flags: bigint;
  }
  | {
    /** The address is not mapped. */
    readonly mapped: false;
    /** Level of the table, 4 to 1, whose entry is not present. */
    readonly level: number;
  };

/** One step of a walk: the entry that an address selects in one table. */
export interface WalkStep {
  /** Level of the table, 4 to 1. */
  readonly level: number;
  /** Physical address of the table. */
  readonly table: number;
  /** Index of the entry in it, 0 to 511. */
  readonly index: number;
  /** The entry's 64 bits. */
  readonly entry: bigint;
}

/** One page: a leaf of the page tables. */
export interface Leaf {
  /** Virtual address of the page. */
  readonly virt: bigint;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Its size in bytes. */
  readonly pageSize: PageSize;
  /** Flags of the leaf entry alone, in its own bits. */
  readonly flags: bigint;
}

/** One page table. */
export interface Table {
  /** Level, 4 to 1. */
  readonly level: number;
  /** Physical address of its frame. */
  readonly frame: number;
  /** First virtual address that it covers. */
  readonly virt: bigint;
}

/** A run of pages that are neighbours in both address spaces, with equal size and permissions. */
export interface Mapping {
  /** Virtual address of the first page. */
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
}

/** How {@linkcode Mapper.mapTo} maps. */
export interface MapOptions {
  /** Number of bytes to map, a multiple of `pageSize`; one page where it is left out. */
  readonly size?: number;
  /** Size in bytes of each page; 4096 where it is left out. */
  readonly pageSize?: PageSize;
  /** Flags that every entry above the leaves is to have at least; the mapper's own rule where they are left out. */
  readonly parentFlags?: bigint;
}

/**
 * Page tables that can be read and changed. Every function refuses an address that is not canonical with a
 * `RangeError`, and throws a `LoadError` "table-out-of-memory" where an entry points outside physical memory.
 */
export interface Mapper {
  /** Physical address of the level-4 table: what CR3 gets. */
  readonly level4Frame: number;
  /** Finds the physical address of a byte, and the page that it is in. */
  readonly translate: (virt: bigint) => Translation;
  /** Lists the entries that the processor reads for an address, level 4 first, up to the one where the walk ends. */
  readonly walk: (virt: bigint) => readonly WalkStep[];
  /**
   * Maps one page, or a range of them, and makes the tables that are missing. Everything is checked first: a call that
   * fails leaves the tables as they were. Throws a `LoadError` "page-already-mapped" or "frames-exhausted", and a
   * `RangeError` where an address or the size is no multiple of the page size or the range leaves its half of the
   * address space.
   */
  readonly mapTo: (virt: bigint, phys: number, flags: bigint, options?: MapOptions) => void;
  /** Clears the leaf of a page and returns what it was; tables stay. Throws a `LoadError` "page-not-mapped". */
  readonly unmap: (virt: bigint) => Leaf;
  /** Replaces the flags of a page's leaf. Throws a `LoadError` "page-not-mapped". */
  readonly updateFlags: (virt: bigint, flags: bigint) => void;
  /** Lists every page, ascending. */
  readonly leaves: () => Iterable<Leaf>;
  /** Lists every page as merged runs, ascending, with the permissions that all levels together grant. */
  readonly mappings: () => Iterable<Mapping>;
  /** Lists every table, a table before those below it, ascending. */
  readonly tables: () => Iterable<Table>;
}

/** What a mapper works on. */
export interface MapperOptions {
  /** The memory that the tables lie in. */
  readonly memory: PhysicalMemory;
  /** Physical address of the level-4 table, a zeroed or existing one. */
  readonly level4Frame: number;
  /** Where frames for new tables come from. */
  readonly frames: FrameLedger;
  /** Flags of entries above the leaves: always writable, or as the leaf is. */
  readonly parentFlags: "writable" | "as-leaf";
}

type LeafLevel = 1 | 2 | 3;

const PAGE_SIZES: readonly PageSize[] = [0x1000, 0x20_0000, 0x4000_0000];

/**
 * Opens page tables for reading and changing.
 *
 * @param options The memory, the level-4 table, the frames, and the rule for entries above the leaves.
 * @returns The mapper; it holds no state beside the tables themselves.
 */
export function createMapper({ memory, level4Frame, frames, parentFlags }: MapperOptions): Mapper {
  const tables = openTables(memory, level4Frame);
  return Object.freeze(
    {
      level4Frame,
      translate: (virt) => translate(tables, low48(virtAddr(virt))),
      walk: (virt) => walk(tables, low48(virtAddr(virt))),
      mapTo: (virt, phys, flags, options = {}) => {
        const range = checkRange(virt, phys, options);
        const leaf = flagHalves(flags, range.pageSize);
        const parents = options.parentFlags === undefined
          ? LO_PRESENT | (leaf.lo & (LO_WRITABLE | LO_USER)) | (parentFlags === "writable" ? LO_WRITABLE : 0)
          : flagHalves(options.parentFlags, 0x1000).lo;
        mapRun(tables, frames, range, leaf, parents);
      },
      unmap: (virt) => {
        const end = findLeaf(tables, virt);
        const leaf = readLeaf(tables, end, canonical(low48(virt)));
        tables.words.fill(0, end.slot, end.slot + 2);
        return leaf;
      },
      updateFlags: (virt, flags) => {
        const end = findLeaf(tables, virt);
        const { phys, pageSize } = readLeaf(tables, end, virt);
        writeRun(tables, end.slot, 1, phys, LEVEL_SPAN[end.level as LeafLevel], flagHalves(flags, pageSize));
      },
      leaves: () => leaves(tables),
      mappings: () => mappings(tables),
      tables: function* () {
        for (const visit of visitTables(tables)) {
          if ("frame" in visit) yield { level: visit.level, frame: visit.frame, virt: canonical(visit.low) };
        }
      },
    } satisfies Mapper,
  );
}

function translate(tables: Tables, low: number): Translation {
  const { level, slot, mapped } = walkToEnd(tables, low);
  if (!mapped) return { mapped, level };
  const lo = tables.words[slot];
  const hi = tables.words[slot + 1];
  const pageSize = PAGE_SIZES[level - 1];
  return {
    mapped,
    phys: entryFrame(lo, hi, level) + (low % pageSize),
    pageSize,
    flags: entryFlags(lo, hi, level),
  };
}

function walk(tables: Tables, low: number): readonly WalkStep[] {
  const { words, slot: slotOf, child } = tables;
  const end = walkToEnd(tables, low);
  const steps: WalkStep[] = [];
  let table = tables.root;
  for (let level = 4;; level--) {
    const slot = slotOf(table, level, low);
    const entry = (BigInt(words[slot + 1]) << 32n) | BigInt(words[slot]);
    const index = Math.floor(low / LEVEL_SPAN[level as 1 | 2 | 3 | 4]) % TABLE_ENTRIES;
    steps.push({ level, table, index, entry });
    if (level === end.level) return steps;
    table = child(slot);
  }
}

interface Range {
  readonly low: number;
  readonly phys: number;
  readonly size: number;
  readonly pageSize: PageSize;
  readonly level: LeafLevel;
}

function checkRange(virt: bigint, phys: number, { size, pageSize = 0x1000 }: MapOptions): Range {
  const level = (PAGE_SIZES.indexOf(pageSize) + 1) as 0 | LeafLevel;
  if (level === 0) throw new RangeError(`Cannot map pages of ${pageSize} bytes: x86-64 has 4 KiB, 2 MiB and 1 GiB`);
  const low = low48(virtAddr(virt));
  const bytes = size ?? pageSize;
  for (const [name, value] of [["virt", low], ["phys", phys], ["size", bytes]] as const) {
    if (!Number.isSafeInteger(value) || value < 0 || value % pageSize !== 0) {
      throw new RangeError(`Cannot map: ${name} is ${value}, no multiple of the page size ${hexAddr(pageSize)}`);
    }
  }
  const half = low < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  if (low + bytes > half) {
    throw new RangeError(`Cannot map ${hexAddr(bytes)} bytes at ${hexAddr(virt)}: they cross its end`);
  }
  if (phys + bytes > PHYSICAL_END) throw new RangeError(`Cannot map: physical ${hexAddr(phys)} + size is above 2^52`);
  return { low, phys, size: bytes, pageSize, level };
}

/** Maps a whole run: first checks every leaf and takes every frame that new tables need, then writes. */
function mapRun(tables: Tables, frames: FrameLedger, range: Range, leaf: FlagHalves, parents: number): void {
  const fresh = takeTableFrames(frames, countMissingTables(tables, range));
  const { level, low, size, phys } = range;
  const step = LEVEL_SPAN[level];
  for (let done = 0; done < size;) {
    const table = ensureTable(tables, fresh, low + done, level, parents);
    const slot = tables.slot(table, level, low + done);
    const count = entriesLeft(low + done, size - done, level);
    writeRun(tables, slot, count, phys + done, step, leaf);
    done += count * step;
  }
}

/** How many entries of the table that holds `low`'s entry belong to a range of `size` bytes from there. */
function entriesLeft(low: number, size: number, level: LeafLevel): number {
  const step = LEVEL_SPAN[level];
  const index = Math.floor(low / step) % TABLE_ENTRIES;
  return Math.min(size / step, TABLE_ENTRIES - index);
}

function countMissingTables(tables: Tables, { low, size, level }: Range): number {
  const { words } = tables;
  const step = LEVEL_SPAN[level];
  const counted = [-1, -1, -1, -1, -1];
  let missing = 0;
  for (let done = 0; done < size;) {
    const at = low + done;
    const count = entriesLeft(at, size - done, level);
    const end = walkDown(tables, at, level);
    if (end.level === level) {
      for (let slot = end.slot, last = slot + count * 2; slot < last; slot += 2) {
        if ((words[slot] | words[slot + 1]) !== 0) throw alreadyMapped(at + ((slot - end.slot) / 2) * step);
      }
    }
    for (let upper = end.level; upper > level; upper--) {
      const entry = Math.floor(at / LEVEL_SPAN[upper as 2 | 3 | 4]);
      if (counted[upper] === entry) continue;
      counted[upper] = entry;
      missing++;
    }
    done += count * step;
  }
  return missing;
}

/** The entry for an address in the table of `level`, or the empty entry above where the way down ends. */
function walkDown(tables: Tables, low: number, level: LeafLevel): { readonly level: number; readonly slot: number } {
  const { words, slot: slotOf, child, isLeaf } = tables;
  let table = tables.root;
  for (let upper = 4;; upper--) {
    const slot = slotOf(table, upper, low);
    const empty = (words[slot] | words[slot + 1]) === 0;
    if (upper === level || empty) return { level: upper, slot };
    if ((words[slot] & LO_PRESENT) === 0 || isLeaf(slot, upper)) throw alreadyMapped(low);
    table = child(slot);
  }
}

function alreadyMapped(low: number): LoadError {
  return new LoadError("page-already-mapped", { field: "page", value: canonical(low) });
}

/** Takes frames for tables in the allocator's order, last one first, to be popped. */
function takeTableFrames(frames: FrameLedger, count: number): number[] {
  const taken: number[] = [];
  while (taken.length < count) {
    const run: FrameRun | undefined = frames.allocateRun(count - taken.length, "table");
    if (!run) throw new LoadError("frames-exhausted", { field: "frames left for page tables", value: taken.length });
    for (let phys = run.phys; phys < run.phys + run.size; phys += PAGE_SIZE) taken.push(phys);
  }
  return taken.reverse();
}

/** The table of `level` that covers an address; tables on the way are made, or given the parent flags they lack. */
function ensureTable(tables: Tables, fresh: number[], low: number, level: LeafLevel, parents: number): number {
  const { words, slot: slotOf, child } = tables;
  let table = tables.root;
  for (let upper = 4; upper > level; upper--) {
    const slot = slotOf(table, upper, low);
    if ((words[slot] | words[slot + 1]) === 0) {
      const frame = fresh.pop()!;
      words[slot] = (frame % 2 ** 32) | parents;
      words[slot + 1] = Math.floor(frame / 2 ** 32);
    } else {
      words[slot] |= parents;
    }
    table = child(slot);
  }
  return table;
}

/** The inner loop: fills entries of one table. Halves stay 32-bit integers; a carry shows as an address of zero. */
function writeRun(tables: Tables, slot: number, count: number, phys: number, step: number, leaf: FlagHalves): void {
  const { words } = tables;
  const flags = leaf.lo | 0;
  let address = phys | 0;
  let hi = Math.floor(phys / 2 ** 32) | leaf.hi;
  for (let at = slot, end = slot + count * 2; at < end; at += 2) {
    words[at] = address | flags;
    words[at + 1] = hi;
    address = (address + step) | 0;
    if (address === 0) hi++;
  }
}

function findLeaf(tables: Tables, virt: bigint): WalkEnd {
  const end = walkToEnd(tables, low48(virtAddr(virt)));
  if (!end.mapped) throw new LoadError("page-not-mapped", { field: "address", value: virt });
  return end;
}

function readLeaf(tables: Tables, { level, slot }: WalkEnd, virt: bigint): Leaf {
  const lo = tables.words[slot];
  const hi = tables.words[slot + 1];
  const pageSize = PAGE_SIZES[level - 1];
  const phys = entryFrame(lo, hi, level);
  return { virt: virt - (virt % BigInt(pageSize)), phys, pageSize, flags: entryFlags(lo, hi, level) };
}

function* leaves(tables: Tables): Generator<Leaf> {
  const { words } = tables;
  for (const span of visitTables(tables)) {
    if ("frame" in span || span.level === 4) continue;
    for (let index = 0; index < span.count; index++) {
      const slot = span.slot + index * 2;
      if ((words[slot] & LO_PRESENT) === 0) continue;
      const virt = canonical(span.low + index * LEVEL_SPAN[span.level]);
      yield readLeaf(tables, { level: span.level, slot, mapped: true }, virt);
    }
  }
}

function* mappings(tables: Tables): Generator<Mapping> {
  const { words } = tables;
  let run = { low: 0, phys: 0, size: 0, level: 1, lo: 0, hi: 0 };
  for (const span of visitTables(tables)) {
    if ("frame" in span || span.level === 4) continue;
    const { level, granted } = span;
    const step = LEVEL_SPAN[level];
    for (let index = 0; index < span.count; index++) {
      const slot = span.slot + index * 2;
      if ((words[slot] & LO_PRESENT) === 0) continue;
      const low = span.low + index * step;
      const phys = entryFrame(words[slot], words[slot + 1], level);
      const lo = words[slot] & granted.lo;
      const hi = (words[slot + 1] | granted.hi) >> 31;
      const joins = level === run.level && lo === run.lo && hi === run.hi && low === run.low + run.size &&
        phys === run.phys + run.size && low !== LOW48_HIGHER_HALF;
      if (joins) {
        run.size += step;
      } else {
        if (run.size > 0) yield mappingOf(run);
        run = { low, phys, size: step, level, lo, hi };
      }
    }
  }
  if (run.size > 0) yield mappingOf(run);
}

function mappingOf(run: { low: number; phys: number; size: number; level: number; lo: number; hi: number }): Mapping {
  return {
    virt: canonical(run.low),
    phys: run.phys,
    size: run.size,
    pageSize: PAGE_SIZES[run.level - 1],
    writable: (run.lo & LO_WRITABLE) !== 0,
    executable: run.hi === 0,
    user: (run.lo & LO_USER) !== 0,
  };
}
