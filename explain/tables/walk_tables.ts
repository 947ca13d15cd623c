/**
 * Walks page tables as the processor does, and keeps what it reads (Intel SDM vol. 3, "Paging").
 *
 * @module
 */

import { entryFrame, HI_NO_EXECUTE, LO_USER, LO_WRITABLE, PAGE_SIZES, type PageSize } from "../../core/paging/entry.ts";
import { type DecodedEntry, decodeEntry } from "./decode_entry.ts";
import { entryAt } from "./entry_scan.ts";
import type { TableLevel, TableSet } from "./table_set.ts";

/** A permission that entries can take away. */
export type Permission = "write" | "execute" | "user";

/** What the processor reads of one table. */
export interface WalkedLevel extends DecodedEntry {
  /** Physical address of the table. */
  readonly table: number;
  /** Index of the entry in it, 0 to 511: these nine bits of the address. */
  readonly index: number;
  /** The permissions that this entry does not give, which are those of no page below it. */
  readonly denies: readonly Permission[];
}

/** Where a walk ends. */
export type WalkEnd =
  | {
    /** At a page. */
    readonly kind: "page";
    /** Physical address of the byte. */
    readonly phys: number;
    /** Size of the page in bytes. */
    readonly pageSize: PageSize;
    /** Whether every level allows writes. */
    readonly writable: boolean;
    /** Whether no level forbids execution. */
    readonly executable: boolean;
    /** Whether every level allows user mode. */
    readonly user: boolean;
  }
  | {
    /**
     * At an entry that is not present, at one with reserved bits set, at a table in unknown memory, or
     * before the first table: the address is not canonical.
     */
    readonly kind: "absent" | "reserved" | "unknown" | "not-canonical";
    /** Level of that table. */
    readonly level: TableLevel;
  };

/** A walk. */
export interface Walk {
  /** What was read, from the highest level on. */
  readonly levels: readonly WalkedLevel[];
  /** Where it ends. */
  readonly end: WalkEnd;
}

/**
 * Completes an address by copies of the highest bit that is translated.
 *
 * @param address The address; bits above that one do not count.
 * @param levels Number of levels of page tables.
 * @returns The canonical address, of 64 bits.
 */
export function signExtended(address: bigint, levels: 4 | 5): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(levels === 5 ? 57 : 48, address));
}

/**
 * Whether an address has equal bits from the highest one that is translated on.
 *
 * @param address The address.
 * @param levels Number of levels of page tables.
 * @returns True if the processor accepts it.
 */
export function isCanonicalFor(address: bigint, levels: 4 | 5): boolean {
  return signExtended(address, levels) === address;
}

/** The index that an address has at a level: nine of its bits. */
function indexAt(address: bigint, level: TableLevel): number {
  return Number((address >> BigInt(level * 9 + 3)) & 0x1ffn);
}

/**
 * Walks to the entry that maps an address, or shows that nothing does.
 *
 * @param tables The tables.
 * @param address The virtual address, of 64 bits.
 * @returns What was read, and where the walk ends.
 */
export function walkTables({ root, levels: count, pages }: TableSet, address: bigint): Walk {
  if (!isCanonicalFor(address, count)) return { levels: [], end: { kind: "not-canonical", level: count } };
  const levels: WalkedLevel[] = [];
  let table = root;
  for (let level: TableLevel = count;; level = (level - 1) as TableLevel) {
    const words = pages.words(table);
    if (!words) return { levels, end: { kind: "unknown", level } };
    const index = indexAt(address, level);
    const [lo, hi] = words.subarray(index * 2, index * 2 + 2);
    const decoded = decodeEntry(entryAt(words, index), level);
    levels.push({ ...decoded, table, index, denies: decoded.kind === "absent" ? [] : deniedBy(lo, hi) });
    if (decoded.kind === "absent") return { levels, end: { kind: "absent", level } };
    if (decoded.flags.includes("RESERVED")) return { levels, end: { kind: "reserved", level } };
    if (decoded.kind === "page") return { levels, end: pageAt(levels, lo, hi, level, address) };
    table = entryFrame(lo, hi, 1);
  }
}

function deniedBy(lo: number, hi: number): readonly Permission[] {
  return [
    ...((lo & LO_WRITABLE) === 0 ? ["write" as const] : []),
    ...((hi & HI_NO_EXECUTE) === 0 ? [] : ["execute" as const]),
    ...((lo & LO_USER) === 0 ? ["user" as const] : []),
  ];
}

function pageAt(levels: readonly WalkedLevel[], lo: number, hi: number, level: TableLevel, address: bigint): WalkEnd {
  const pageSize = PAGE_SIZES[level - 1];
  const granted = (permission: Permission): boolean => levels.every(({ denies }) => !denies.includes(permission));
  return {
    kind: "page",
    phys: entryFrame(lo, hi, level) + Number(address & BigInt(pageSize - 1)),
    pageSize,
    writable: granted("write"),
    executable: granted("execute"),
    user: granted("user"),
  };
}
