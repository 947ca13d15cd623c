/**
 * The address space: memory, frames, page tables and free level-4 entries as one object. Stages, handlers and the
 * functions after a load all work on it.
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
import type { MapOptions, Mapper, PageTables } from "../paging/mapper.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";
import { segmentOfPage } from "./segment_of_page.ts";
import { type Sharing, unshare } from "./unshare.ts";
import { readVirtual, writeVirtual } from "./virtual_memory.ts";

/**
 * Everything that a load works on. Addresses are canonical. Apart from `read`, no function accepts a range in a level-4
 * entry that points to the level-4 table itself: they throw a `LoadError` "range-recursive".
 */
export interface AddressSpace {
  /** The physical memory. */
  readonly memory: PhysicalMemory;
  /** Its frames. A frame taken from here is zeroed and recorded under its owner. */
  readonly frames: FrameLedger;
  /** The page tables. Pages of the file share frames with the file's bytes: to write to them, use `write`. */
  readonly pageTable: Mapper;
  /** The level-4 entries in use: those of the kernel, and those reserved since. */
  readonly usedLevel4Entries: UsedLevel4Entries;
  /** Where the file's bytes lie. */
  readonly file: {
    /** Physical address of the first byte, a multiple of 4096. */
    readonly phys: number;
    /** Number of bytes kept. */
    readonly size: number;
  };
  /** Every frame in use, as runs by owner: the file's bytes, page tables, copies, bss, and what was added later. */
  readonly frameRuns: () => readonly FrameRun[];
  /**
   * Takes consecutive zeroed frames and returns the physical address of the first. Throws a `LoadError`
   * "frames-exhausted" if there are not that many in one run, and a `RangeError` if `count` is not a positive integer.
   */
  readonly allocateFrames: (count: number, owner: FrameOwner) => number;
  /**
   * Finds `size` bytes of free addresses, or takes those starting at `address`, and marks their level-4 entries as
   * used. Throws a `LoadError` "level4-exhausted", and a `RangeError` if `size` is not a positive integer, `address` is
   * not a canonical multiple of 4096, or the range leaves its half of the address space.
   */
  readonly reserve: (size: number, address?: bigint) => bigint;
  /**
   * Maps pages like {@linkcode Mapper.mapTo}. If a page is already mapped, the error names what was to be mapped
   * (`what`, such as "the kernel stack's page"; default: "page") and the program header that owns the page, if any.
   */
  readonly map: (
    virt: bigint,
    phys: number,
    flags: bigint,
    options?: MapOptions & { readonly what?: string },
  ) => void;
  /**
   * Counts the frames that `map` would take for page tables. Throws like `map` but changes nothing, so it can check
   * before any frame is taken.
   */
  readonly missingTables: (
    virt: bigint,
    options?: Pick<MapOptions, "size" | "pageSize"> & { readonly what?: string },
  ) => number;
  /**
   * Maps `size` bytes of pages onto zeroed frames of `owner` and returns the runs of frames. Each frame is taken before
   * the tables that its page needs. Throws like `map`, but pages before the failing one stay mapped.
   */
  readonly mapFresh: (
    virt: bigint,
    size: number,
    flags: bigint,
    owner: FrameOwner,
    options?: { readonly what?: string },
  ) => readonly FreshRun[];
  /**
   * Gives the page at an address its own frame, unless it has one, and returns the physical address of the byte at
   * `virt`. The flags stay the same. The file's bytes in the page must have arrived. Throws a `LoadError`
   * "page-not-mapped" or "frames-exhausted".
   */
  readonly unshare: (virt: bigint) => number;
  /**
   * Reads bytes at a virtual address, across pages, and returns a copy. Throws a `LoadError` "page-not-mapped",
   * "frame-out-of-memory", "address-not-canonical" or "address-overflow".
   */
  readonly read: (virt: bigint, length: number) => Uint8Array;
  /**
   * Writes bytes at a virtual address, across pages, unsharing each page. Throws like `read` before anything is
   * written, and like `unshare`.
   */
  readonly write: (virt: bigint, bytes: Uint8Array) => void;
}

/** The parts of an address space. */
export interface AddressSpaceParts extends Sharing {
  /** Frames in use that did not come from `frames`, apart from the file's. */
  readonly given: readonly FrameRun[];
  /** The segments, for error messages. */
  readonly segments: readonly Segment[];
  /** Whether a bss that ends on a page boundary also takes the next page; for error messages. */
  readonly bssEnd: Rules["bssEnd"];
  /** Finds the level-4 entries that the kernel uses; called once, on first use. */
  readonly findUsedEntries: () => UsedLevel4Entries;
}

/**
 * Assembles an address space.
 *
 * @param parts Its parts.
 * @returns The address space.
 */
export function openAddressSpace(parts: AddressSpaceParts): AddressSpace {
  return Object.freeze(new Space(parts));
}

/**
 * Returns the page tables of an address space with the operations that only the loader uses.
 *
 * @param space An address space of {@linkcode openAddressSpace}.
 * @returns The same page tables.
 */
export function loaderTables({ pageTable }: AddressSpace): PageTables {
  return pageTable as PageTables;
}

/** A class for the same reason as the ascending frame allocator: its getter. */
class Space implements AddressSpace {
  readonly memory: PhysicalMemory;
  readonly frames: FrameLedger;
  readonly pageTable: PageTables;
  readonly file: AddressSpace["file"];
  readonly #parts: AddressSpaceParts;
  #used: UsedLevel4Entries | undefined;

  constructor(parts: AddressSpaceParts) {
    this.memory = parts.memory;
    this.frames = parts.frames;
    this.pageTable = parts.pageTable;
    this.file = parts.file;
    this.#parts = parts;
  }

  get usedLevel4Entries(): UsedLevel4Entries {
    return this.#used ??= this.#parts.findUsedEntries();
  }

  readonly frameRuns: AddressSpace["frameRuns"] = () => {
    const { file, given, frames } = this.#parts;
    return [{ phys: file.phys, size: alignUp(file.size), owner: "file" }, ...given, ...frames.runs()];
  };

  readonly allocateFrames: AddressSpace["allocateFrames"] = (count, owner) => {
    if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`Cannot allocate ${count} frames`);
    const run = this.frames.allocateRun(count, owner);
    if (run?.size === count * PAGE_SIZE) return run.phys;
    throw new LoadError("frames-exhausted", { field: owner, value: count * PAGE_SIZE });
  };

  readonly reserve: AddressSpace["reserve"] = (size, address) => {
    if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`Cannot reserve ${size} bytes`);
    const { pageTable, usedLevel4Entries } = this;
    for (const index of pageTable.recursiveEntries()) usedLevel4Entries.mark(index, index);
    if (address === undefined) return usedLevel4Entries.getFreeAddress(BigInt(size));
    checkReserved(address, size);
    pageTable.refuseRecursive(address, size);
    const low = low48(address);
    usedLevel4Entries.mark(level4Index(low), level4Index(low + size - 1));
    return address;
  };

  readonly map: AddressSpace["map"] = (virt, phys, flags, { what = "page", ...options } = {}) => {
    this.#named(what, () => this.pageTable.mapTo(virt, phys, flags, options));
  };

  readonly missingTables: AddressSpace["missingTables"] = (virt, { what = "page", ...options } = {}) => {
    return this.#named(what, () => this.pageTable.missingTables(virt, options));
  };

  readonly mapFresh: AddressSpace["mapFresh"] = (virt, size, flags, owner, { what = "page" } = {}) => {
    return this.#named(what, () => this.pageTable.mapFresh(virt, size, flags, owner));
  };

  readonly unshare: AddressSpace["unshare"] = (virt) => unshare(virt, this.#parts);

  readonly read: AddressSpace["read"] = (virt, length) => readVirtual(this.memory, this.pageTable, virt, length);

  readonly write: AddressSpace["write"] = (virt, bytes) => {
    writeVirtual(this.memory, this.pageTable, virt, bytes, this.unshare);
  };

  /**
   * Names what was to be mapped in the error about a page that is already mapped, and the header that owns the page.
   */
  #named<T>(what: string, map: () => T): T {
    try {
      return map();
    } catch (error) {
      if (!(error instanceof LoadError) || error.code !== "page-already-mapped") throw error;
      throw amended(error, { detail: { field: what, ...segmentOfPage(error.detail.value as bigint, this.#parts) } });
    }
  }
}

/** Refuses an address, chosen by the caller, that cannot be the start of such a range. */
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
