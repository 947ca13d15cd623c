/**
 * What is known of a guest's memory: as it was when the guest stopped, or else as it was loaded.
 *
 * @module
 */

import { lowerHalf, rangeIndex, upperHalf } from "../../core/address_space/range_index.ts";
import { PF_X, PT_LOAD } from "../../core/elf/constants.ts";
import { tablesOf } from "../explained.ts";
import { readVirtual } from "../tables/read_virtual.ts";
import type { TableSet } from "../tables/table_set.ts";
import { walkTables } from "../tables/walk_tables.ts";
import type { Registers } from "./registers.ts";
import type { StartedKernel, StoppedGuest } from "./stopped_guest.ts";

/** A guest's memory, by virtual address. */
export interface GuestMemory {
  /** Reads bytes; `undefined` if not all of them are known. */
  readonly read: (address: bigint, length: number) => Uint8Array | undefined;
  /** Whether what is read is what was there when the guest stopped; otherwise it is what was loaded. */
  readonly isCurrent: boolean;
  /** The page tables that the kernel was started with, as they were then. */
  readonly initial: TableSet;
  /** The page tables that CR3 points to, as they were when the guest stopped, if they are known. */
  readonly current?: TableSet;
  /** Whether an address is in a page that the tables in use, or else the initial ones, allow to execute. */
  readonly isExecutable: (address: bigint) => boolean;
  /** Whether an address is in a page that these tables map. */
  readonly isMapped: (address: bigint) => boolean;
  /** Whether an address is in a segment of the kernel that asks for execution. */
  readonly isText: (address: bigint) => boolean;
  /** Whether CR3 points to the level-4 table that the kernel was started with; its entries may have changed. */
  readonly usesInitial: boolean;
}

// Intel SDM vol. 3, "Use of CR3 with 4-Level Paging and 5-Level Paging": bits 51:12 are the table's address
const CR3_TABLE = 0xf_ffff_ffff_f000n;
const CR4_LA57 = 1n << 12n;

/** The most bytes that are read at once. */
const MOST_BYTES = 2 ** 16;

/**
 * Finds out how a guest's memory can be read.
 *
 * @param guest The guest.
 * @param started The kernel that it was started with.
 * @param registers The registers; without CR3, the tables that the kernel was started with are taken to be in use.
 * @returns Its memory.
 */
export function guestMemory(guest: StoppedGuest, { kernel }: StartedKernel, registers: Registers): GuestMemory {
  const initial = tablesOf(kernel);
  const cr3 = registers.get("CR3");
  const root = cr3 === undefined ? initial.root : Number(cr3 & CR3_TABLE);
  const usesInitial = root === initial.root;
  const { pages, read } = guest;
  const levels = ((registers.get("CR4") ?? 0n) & CR4_LA57) === 0n ? 4 : 5;
  const current: TableSet | undefined = pages && { root, levels, pages };
  const seen = current ?? initial;
  return {
    read: (address, length) => {
      if (length > MOST_BYTES) return undefined;
      return read ? read(address, length) : readThrough(seen, address, length);
    },
    isCurrent: read !== undefined || current !== undefined,
    initial,
    ...(current ? { current } : {}),
    isExecutable: executablePages(seen),
    isMapped: (address) => walkTables(seen, BigInt.asUintN(64, address)).end.kind === "page",
    isText: textOf(kernel),
    usesInitial,
  };
}

/** Looks up each page once: memory does not change while a fault is explained. */
function executablePages(tables: TableSet): (address: bigint) => boolean {
  const known = new Map<bigint, boolean>();
  return (address) => {
    const page = BigInt.asUintN(64, address) >> 12n;
    const found = known.get(page);
    if (found !== undefined) return found;
    const { end } = walkTables(tables, page << 12n);
    const isExecutable = end.kind === "page" && end.executable;
    known.set(page, isExecutable);
    return isExecutable;
  };
}

function textOf({ programHeaders, virtualAddressOffset }: StartedKernel["kernel"]): (address: bigint) => boolean {
  const text = programHeaders.filter(({ p_type, p_flags }) => p_type === PT_LOAD && (p_flags & PF_X) !== 0);
  const { reaching } = rangeIndex(text.map(({ p_vaddr, p_memsz }) => {
    const start = BigInt.asUintN(64, p_vaddr + virtualAddressOffset);
    return { start, end: start + p_memsz };
  }));
  return (address) => address < (reaching(upperHalf(address), lowerHalf(address))?.end ?? 0n);
}

/**
 * Reads bytes through page tables.
 *
 * @param tables The tables.
 * @param address The virtual address.
 * @param length Number of bytes.
 * @returns A copy; `undefined` if not all of them are mapped and known.
 */
export function readThrough(tables: TableSet, address: bigint, length: number): Uint8Array | undefined {
  const bytes = readVirtual(tables, BigInt.asUintN(64, address), length);
  return bytes.length === length ? bytes : undefined;
}

/**
 * Reads a 64-bit word.
 *
 * @param memory The memory.
 * @param address Its virtual address.
 * @returns The word; `undefined` if it is not known.
 */
export function readWord({ read }: Pick<GuestMemory, "read">, address: bigint): bigint | undefined {
  const bytes = read(BigInt.asUintN(64, address), 8);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}
