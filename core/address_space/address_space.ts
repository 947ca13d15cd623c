/**
 * The address space: memory, frames, page tables and free level-4 entries as one thing, which stages, handlers and what
 * follows a load all work on.
 *
 * @module
 */

import { amended, LoadError } from "../errors.ts";
import { hexAddr } from "../hex.ts";
import { alignUp, level4Index, low48, LOW48_HIGHER_HALF, PAGE_SIZE, virtAddr } from "../memory/addresses.ts";
import type { FrameOwner, FrameRun } from "../memory/frame_allocator.ts";
import type { FrameLedger } from "../memory/frame_ledger.ts";
import type { Segment } from "../elf/program_header.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { FreshRun } from "../paging/map_run.ts";
import type { MapOptions, Mapper } from "../paging/mapper.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";
import { segmentOfPage } from "./segment_of_page.ts";
import { type Sharing, unshare } from "./unshare.ts";
import { readVirtual, writeVirtual } from "./virtual_memory.ts";

/**
 * Everything that a load works on. Addresses are canonical. No function but `read` accepts a range in a level-4 entry
 * that points to the level-4 table itself: they throw a `LoadError` "range-recursive".
 */
export interface AddressSpace {
  /** The physical memory. */
  readonly memory: PhysicalMemory;
  /** Its frames: taken from here, they are zeroed and entered under their owner. */
  readonly frames: FrameLedger;
  /** The page tables. Pages of the file are shared with the file's own bytes: write through {@linkcode write}. */
  readonly pageTable: Mapper;
  /** The level-4 entries in use: what the kernel uses, and what was reserved next to it. */
  readonly usedLevel4Entries: UsedLevel4Entries;
  /** Where the file's bytes lie. */
  readonly file: {
    /** Physical address of the first, a multiple of 4096. */
    readonly phys: number;
    /** Number of bytes that are kept. */
    readonly size: number;
  };
  /** Every frame in use as runs by owner: the file's bytes, page tables, copies, bss and what was added. */
  readonly frameRuns: () => readonly FrameRun[];
  /**
   * Takes consecutive zeroed frames: the physical address of the first. Throws a `LoadError` "frames-exhausted" if there
   * are not that many in one piece, and a `RangeError` if `count` is not a whole number above 0.
   */
  readonly allocateFrames: (count: number, owner: FrameOwner) => number;
  /**
   * Finds `size` bytes of free addresses, or takes those from `address` on, and marks their level-4 entries as used.
   * Throws a `LoadError` "level4-exhausted", and a `RangeError` if `size` is not a whole number above 0, `address` is not
   * a canonical multiple of 4096, or the range leaves its half of the address space.
   */
  readonly reserve: (size: number, address?: bigint) => bigint;
  /**
   * Maps pages as {@linkcode Mapper.mapTo} does. If a page is mapped already, the error says what was to be mapped
   * (`what`, such as "the kernel stack's page"; "page" if left out), and which program header is in the way, if one is.
   */
  readonly map: (
    virt: bigint,
    phys: number,
    flags: bigint,
    options?: MapOptions & { readonly what?: string },
  ) => void;
  /**
   * Counts the frames that `map` would take for the tables of such pages. Throws like `map`, but changes nothing: for
   * checking before frames are taken.
   */
  readonly missingTables: (
    virt: bigint,
    options?: Pick<MapOptions, "size" | "pageSize"> & { readonly what?: string },
  ) => number;
  /**
   * Maps `size` bytes of pages onto zeroed frames of `owner` and returns the runs of frames; each frame is taken before
   * the tables that its page needs. Throws like `map`, and "frames-exhausted"; pages before the failing one stay mapped.
   */
  readonly mapFresh: (
    virt: bigint,
    size: number,
    flags: bigint,
    owner: FrameOwner,
    options?: { readonly what?: string },
  ) => readonly FreshRun[];
  /**
   * Gives the page at an address a frame of its own, unless it has one, and returns the physical address of the byte at
   * `virt`. Its flags stay. The file's bytes in the page must have arrived. Throws a `LoadError` "page-not-mapped" or
   * "frames-exhausted".
   */
  readonly unshare: (virt: bigint) => number;
  /**
   * Reads bytes by their virtual address, across pages; a copy. Throws a `LoadError` "page-not-mapped",
   * "frame-out-of-memory", "address-not-canonical" or "address-overflow".
   */
  readonly read: (virt: bigint, length: number) => Uint8Array;
  /** Writes bytes by their virtual address, across pages, unsharing each; throws like `read`, before it writes. */
  readonly write: (virt: bigint, bytes: Uint8Array) => void;
}

/** What an address space is made of. */
export interface AddressSpaceParts extends Sharing {
  /** Frames that are in use and did not come from `frames`, in addition to the file's. */
  readonly given: readonly FrameRun[];
  /** The segments, for errors. */
  readonly segments: readonly Segment[];
  /** Whether a bss that ends on a page boundary has the next page too; for errors. */
  readonly bssEnd: Rules["bssEnd"];
  /** Finds the level-4 entries that the kernel uses; called once, when they are first asked for. */
  readonly findUsedEntries: () => UsedLevel4Entries;
}

/**
 * Puts an address space together.
 *
 * @param parts What it is made of.
 * @returns The address space.
 */
export function openAddressSpace(parts: AddressSpaceParts): AddressSpace {
  const { memory, frames, pageTable, file, given, findUsedEntries } = parts;
  let used: UsedLevel4Entries | undefined;
  const named = <T>(what: string, map: () => T): T => {
    try {
      return map();
    } catch (error) {
      if (!(error instanceof LoadError) || error.code !== "page-already-mapped") throw error;
      throw amended(error, { detail: { field: what, ...segmentOfPage(error.detail.value as bigint, parts) } });
    }
  };
  const space: AddressSpace = {
    memory,
    frames,
    pageTable,
    get usedLevel4Entries() {
      return used ??= findUsedEntries();
    },
    file,
    frameRuns: () => [{ phys: file.phys, size: alignUp(file.size), owner: "file" }, ...given, ...frames.runs()],
    allocateFrames: (count, owner) => {
      if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`Cannot allocate ${count} frames`);
      const run = frames.allocateRun(count, owner);
      if (run?.size === count * PAGE_SIZE) return run.phys;
      throw new LoadError("frames-exhausted", { field: owner, value: count * PAGE_SIZE });
    },
    reserve: (size, address) => {
      if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`Cannot reserve ${size} bytes`);
      const { usedLevel4Entries } = space;
      for (const index of pageTable.recursiveEntries()) usedLevel4Entries.mark(index, index);
      if (address === undefined) return usedLevel4Entries.getFreeAddress(BigInt(size));
      checkReserved(address, size);
      pageTable.refuseRecursive(address, size);
      const low = low48(address);
      usedLevel4Entries.mark(level4Index(low), level4Index(low + size - 1));
      return address;
    },
    map: (virt, phys, flags, { what = "page", ...options } = {}) => {
      named(what, () => pageTable.mapTo(virt, phys, flags, options));
    },
    missingTables: (virt, { what = "page", ...options } = {}) => {
      return named(what, () => pageTable.missingTables(virt, options));
    },
    mapFresh: (virt, size, flags, owner, { what = "page" } = {}) => {
      return named(what, () => pageTable.mapFresh(virt, size, flags, owner));
    },
    unshare: (virt) => unshare(virt, parts),
    read: (virt, length) => readVirtual(memory, pageTable, virt, length),
    write: (virt, bytes) => writeVirtual(memory, pageTable, virt, bytes, (at) => unshare(at, parts)),
  };
  return Object.freeze(space);
}

/** Refuses an address that the caller chose and that cannot be the start of such a range. */
function checkReserved(address: bigint, size: number): void {
  if (virtAddr(address) % BigInt(PAGE_SIZE) !== 0n) {
    throw new RangeError(`Cannot map ${size} bytes at ${hexAddr(address)}: the address must be a multiple of 4096`);
  }
  if (low48(address) % LOW48_HIGHER_HALF + size > LOW48_HIGHER_HALF) {
    throw new RangeError(
      `Cannot map ${size} bytes at ${hexAddr(address)}: the range leaves its half of the address space`,
    );
  }
}
