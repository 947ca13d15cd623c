/**
 * Decodes page-table entries (Intel SDM vol. 3, "4-Level Paging and 5-Level Paging", tables 4-14 to 4-20).
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { HUGE_PAGE, PAGE_SIZES, type PageSize, PRESENT } from "../../core/paging/entry.ts";
import type { TableLevel } from "./table_set.ts";

/** The name of a flag in an entry. Bits that the processor ignores have the names of their places, such as "BIT_9". */
export type EntryFlag =
  | "PRESENT"
  | "WRITABLE"
  | "USER_ACCESSIBLE"
  | "WRITE_THROUGH"
  | "NO_CACHE"
  | "ACCESSED"
  | "DIRTY"
  | "HUGE_PAGE"
  | "PAT"
  | "GLOBAL"
  | "RESERVED"
  | "PROTECTION_KEY"
  | "NO_EXECUTE"
  | `BIT_${number}`;

/** A field of an entry. */
export interface EntryField {
  /** Number of its lowest bit. */
  readonly low: number;
  /** Number of its highest bit. */
  readonly high: number;
  /** Its name: that of a flag, or "ADDRESS". */
  readonly name: EntryFlag | "ADDRESS";
  /** Its value, shifted down to bit 0. */
  readonly value: bigint;
  /** What it means with this value. */
  readonly meaning: string;
}

/** An entry and what it means. */
export interface DecodedEntry {
  /** The entry's 64 bits. */
  readonly entry: bigint;
  /** Level of the table that it is in, 5 to 1. */
  readonly level: TableLevel;
  /** Whether it maps a page, points to a table, or is not present. */
  readonly kind: "page" | "table" | "absent";
  /** Physical address of the page or table; absent if the entry is not present. */
  readonly address?: number;
  /** Size of the page in bytes, if it maps one. */
  readonly pageSize?: PageSize;
  /** The names of the flags that are set, lowest bit first; none if it is not present: the processor reads no other. */
  readonly flags: readonly EntryFlag[];
  /** Every field, lowest bit first; only `PRESENT` for an entry that is not present. */
  readonly fields: readonly EntryField[];
}

const FIRST_SOFTWARE_BIT = 52;
const FIRST_KEY_BIT = 59;
const LAST_KEY_BIT = 62;
const LAST_ADDRESS_BIT = 51;

/**
 * Decodes an entry by the level of its table.
 *
 * @example
 * ```ts
 * import { decodeEntry } from "@kload/kload/explain";
 * import { assertEquals } from "@std/assert";
 *
 * const { kind, address, pageSize, flags } = decodeEntry(0x8000_0000_0020_0083n, 2);
 * assertEquals([kind, address, pageSize], ["page", 0x20_0000, 0x20_0000]);
 * assertEquals(flags, ["PRESENT", "WRITABLE", "HUGE_PAGE", "NO_EXECUTE"]);
 * ```
 *
 * @param entry The entry's 64 bits.
 * @param level Level of the table that it is in, 5 to 1.
 * @returns What it means.
 * @throws {TypeError} If the entry is not a `bigint`.
 * @throws {RangeError} If the entry does not fit in 64 bits, or the level is not 1 to 5.
 */
export function decodeEntry(entry: bigint, level: number): DecodedEntry {
  const known = checkLevel(level);
  if (typeof entry !== "bigint") throw new TypeError(`Cannot decode ${String(entry)}: pass a bigint`);
  if (BigInt.asUintN(64, entry) !== entry) {
    throw new RangeError(`Cannot decode 0x${entry.toString(16)}: an entry has 64 bits`);
  }
  if ((entry & PRESENT) === 0n) {
    return { entry, level: known, kind: "absent", flags: [], fields: [fieldOf(entry, known, "table", PRESENT_FIELD)] };
  }
  const isPage = known === 1 || (known < 4 && (entry & HUGE_PAGE) !== 0n);
  const kind = isPage ? "page" : "table";
  const fields = layoutOf(known, kind).map((place) => fieldOf(entry, known, kind, place));
  return {
    entry,
    level: known,
    kind,
    address: addressOf(entry, known, kind),
    ...(isPage ? { pageSize: PAGE_SIZES[known - 1] } : {}),
    flags: fields.filter(({ value }) => value !== 0n).map(({ name }) => name).filter((name) => name !== "ADDRESS"),
    fields,
  };
}

function checkLevel(level: number): TableLevel {
  if (Number.isInteger(level) && level >= 1 && level <= 5) return level as TableLevel;
  throw new RangeError(`Cannot decode an entry of level ${level}: it must be 1 to 5`);
}

type Kind = "page" | "table";

/** The lowest bit of the physical address. */
function lowestAddressBit(level: TableLevel, kind: Kind): number {
  return kind === "table" ? 12 : level * 9 + 3;
}

function addressOf(entry: bigint, level: TableLevel, kind: Kind): number {
  const low = BigInt(lowestAddressBit(level, kind));
  return Number((entry & ((1n << BigInt(LAST_ADDRESS_BIT + 1)) - 1n)) >> low << low);
}

/** The fields of an entry, as their lowest and highest bits. */
function rangesOf(level: TableLevel, kind: Kind): readonly (readonly [low: number, high: number])[] {
  const first = lowestAddressBit(level, kind);
  const bit = (at: number): readonly [number, number] => [at, at];
  const low = Array.from({ length: 12 }, (_, at) => bit(at));
  const between: readonly (readonly [number, number])[] = first === 12 ? [] : [bit(12), [13, first - 1]];
  const high = Array.from({ length: FIRST_KEY_BIT - FIRST_SOFTWARE_BIT }, (_, at) => bit(FIRST_SOFTWARE_BIT + at));
  const keys: readonly (readonly [number, number])[] = kind === "page"
    ? [[FIRST_KEY_BIT, LAST_KEY_BIT]]
    : Array.from({ length: LAST_KEY_BIT - FIRST_KEY_BIT + 1 }, (_, at) => bit(FIRST_KEY_BIT + at));
  return [...low, ...between, [first, LAST_ADDRESS_BIT], ...high, ...keys, bit(63)];
}

/** A field of entries of one kind: its place, and what does not depend on its value. */
interface FieldPlace extends Pick<EntryField, "low" | "high" | "name"> {
  /** `low`, and the bits of the value, as entries are. */
  readonly shift: bigint;
  readonly mask: bigint;
}

function fieldPlace(level: TableLevel, kind: Kind, low: number, high: number): FieldPlace {
  const mask = (1n << BigInt(high - low + 1)) - 1n;
  return { low, high, name: nameOf(level, kind, low, high), shift: BigInt(low), mask };
}

/** The fields by kind and level: every walk decodes several entries. */
const LAYOUTS = new Map<string, readonly FieldPlace[]>();

function layoutOf(level: TableLevel, kind: Kind): readonly FieldPlace[] {
  const key = `${kind} ${level}`;
  const known = LAYOUTS.get(key);
  if (known) return known;
  const layout = rangesOf(level, kind).map(([low, high]) => fieldPlace(level, kind, low, high));
  LAYOUTS.set(key, layout);
  return layout;
}

function fieldOf(
  entry: bigint,
  level: TableLevel,
  kind: Kind,
  { low, high, name, shift, mask }: FieldPlace,
): EntryField {
  const value = (entry >> shift) & mask;
  return { low, high, name, value, meaning: meaningOf(name, value, entry, level, kind) };
}

const COMMON: readonly EntryFlag[] = [
  ...["PRESENT", "WRITABLE", "USER_ACCESSIBLE", "WRITE_THROUGH", "NO_CACHE", "ACCESSED"] as const,
];

function nameOf(level: TableLevel, kind: Kind, low: number, high: number): EntryField["name"] {
  if (low < COMMON.length) return COMMON[low];
  if (low === 63) return "NO_EXECUTE";
  if (high === LAST_ADDRESS_BIT) return "ADDRESS";
  if (low === 7 && kind === "table") return level >= 4 ? "RESERVED" : "HUGE_PAGE";
  if (kind === "table") return `BIT_${low}`;
  if (low === 6) return "DIRTY";
  if (low === 7) return level === 1 ? "PAT" : "HUGE_PAGE";
  if (low === 8) return "GLOBAL";
  if (low === 12) return "PAT";
  if (low === 13) return "RESERVED";
  return low === FIRST_KEY_BIT ? "PROTECTION_KEY" : `BIT_${low}`;
}

const PRESENT_FIELD = fieldPlace(4, "table", 0, 0);

/** What fields mean when they are clear and when they are set. */
const MEANINGS: Readonly<Record<string, readonly [clear: string, set: string]>> = {
  PRESENT: ["not in use", "in use"],
  WRITABLE: ["writes are not allowed", "writes are allowed, if every level allows them"],
  USER_ACCESSIBLE: ["user mode has no access", "user mode has access, if every level allows it"],
  WRITE_THROUGH: ["write-back caching (PWT 0)", "write-through caching (PWT 1)"],
  NO_CACHE: ["cached (PCD 0)", "not cached (PCD 1)"],
  ACCESSED: ["not used by the processor yet", "used by the processor"],
  DIRTY: ["not written to yet", "written to"],
  GLOBAL: ["flushed from the TLB when CR3 is loaded", "kept in the TLB when CR3 is loaded, if CR4.PGE is set"],
  PAT: [
    "PWT and PCD choose from the lower half of IA32_PAT (PAT 0)",
    "PWT and PCD choose from the upper half of IA32_PAT (PAT 1)",
  ],
  NO_EXECUTE: [
    "instructions can be fetched, if every level allows it",
    "instructions cannot be fetched; must be 0 unless EFER.NXE is set",
  ],
};

/** In an entry that points to a table, these are about reading that table (Intel SDM vol. 3, "Memory Typing"). */
const TABLE_MEANINGS: typeof MEANINGS = {
  WRITE_THROUGH: [
    "the table is read with write-back caching (PWT 0)",
    "the table is read with write-through caching (PWT 1)",
  ],
  NO_CACHE: ["the table is cached (PCD 0)", "the table is not cached (PCD 1)"],
};

function meaningOf(name: EntryField["name"], value: bigint, entry: bigint, level: TableLevel, kind: Kind): string {
  const set = value !== 0n;
  if (name === "ADDRESS") {
    const address = hexAddr(addressOf(entry, level, kind));
    return kind === "page" ? `the page is at physical ${address}` : `the level-${level - 1} table is at ${address}`;
  }
  if (name === "HUGE_PAGE") return kind === "page" ? "maps a page" : "points to a table";
  if (name === "RESERVED") return set ? "must be 0: an access raises a page fault" : "must be 0";
  if (name === "PROTECTION_KEY") return `protection key ${value}, if CR4.PKE or CR4.PKS is set`;
  const meanings = (kind === "table" ? TABLE_MEANINGS[name] : undefined) ?? MEANINGS[name];
  return meanings?.[set ? 1 : 0] ?? "ignored by the processor, free for software";
}
