/**
 * What was written to a byte after it was loaded: relocations, random bytes, and anything else.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { isObject } from "../../core/intake/value_kind.ts";
import type { KernelRelocations, RelocationEntry } from "../relocations/kernel_relocations.ts";
import type { TableSet } from "../tables/table_set.ts";
import { type KernelLayout, linkedFor } from "./kernel_layout.ts";
import type { LoadedByte } from "./segment_reasons.ts";
import { readMapped } from "./read_mapped.ts";
import type { Reason } from "./reason.ts";

/** Finds relocation entries by the words that they write. */
type Relocations = Pick<KernelRelocations, "at">;

/** The byte to explain. */
export interface WrittenByte {
  /** Its virtual address. */
  readonly address: bigint;
  /** Its physical address. */
  readonly phys: number;
  /** What the load did for it. */
  readonly loaded: LoadedByte;
}

/**
 * Finds what wrote to a byte after it was loaded.
 *
 * @param layout The kernel.
 * @param tables Its page tables.
 * @param relocations Its relocation entries, if they are known.
 * @param byte The byte.
 * @returns The reasons, in the order in which they came about.
 */
export function writtenReasons(
  layout: KernelLayout,
  tables: TableSet,
  relocations: Relocations | undefined,
  { address, phys, loaded: { expected } }: WrittenByte,
): readonly Reason[] {
  const is = layout.byteAt(phys);
  const differs = expected !== undefined && is !== undefined && is !== expected;
  const relocation = relocations && relocationReason(layout, tables, relocations, address, differs);
  const randomized = isRandomized(layout, address);
  const reasons: Reason[] = relocation ? [relocation] : [];
  if (randomized) {
    reasons.push({
      kind: "randomized",
      message: "The plugin openbsd filled the byte's range with random bytes (PT_OPENBSD_RANDOMIZE).",
    });
  }
  if (differs && relocation?.kind !== "relocated" && !randomized) {
    reasons.push({
      kind: "changed",
      was: expected,
      is,
      message: `The byte is ${hexAddr(is)}, not ${hexAddr(expected)} as loaded: something wrote to it later.`,
    });
  }
  return reasons;
}

const WORD = 8;

/** The last relocation for the byte: it wrote the value that is there, or was not applied. */
function relocationReason(
  layout: KernelLayout,
  tables: TableSet,
  relocations: Relocations,
  address: bigint,
  differs: boolean,
): Reason | undefined {
  const { kernel } = layout;
  const linked = linkedFor(layout, address);
  const entry = relocations.at(linked).at(-1);
  if (!entry) return undefined;
  const place = BigInt.asUintN(64, address - (linked - entry.place));
  const word = readMapped(tables, place, WORD);
  const value = valueOf(entry, kernel.virtualAddressOffset);
  if (!word || value === undefined) return undefined;
  const found = new DataView(word.buffer).getBigUint64(0, true);
  const mayBeWritten = differs || wasApplied(layout, entry);
  if (mayBeWritten !== (value === found)) return undefined;
  const { table, entry: number, type, symbol, addend = 0n } = entry;
  const name = symbol?.name;
  const facts = { table, entry: number, type, ...(name ? { symbol: name } : {}), addend, place };
  const start = `Entry ${number} of ${table} (${type}${name ? `, symbol ${name}` : ""}, ` +
    `${type === "RELR" ? "value in the file" : "addend"} ${hexAddr(addend)})`;
  return mayBeWritten
    ? { kind: "relocated", ...facts, value, message: `${start} wrote ${hexAddr(value)} at ${hexAddr(place)}.` }
    : {
      kind: "not-relocated",
      ...facts,
      message: `${start} is for the word at ${hexAddr(place)}, but was not applied: the word is ${hexAddr(found)}.`,
    };
}

/** Whether the plugin relocate applied entries of this type. */
function wasApplied({ kernel, rules }: KernelLayout, { type, tag }: RelocationEntry): boolean {
  if (rules.relocationTables === "rela" && tag !== "DT_RELA") return false;
  const { relocate } = kernel.results;
  const counts: unknown = isObject(relocate) ? relocate.counts : undefined;
  return isObject(counts) && typeof counts[type] === "number" && counts[type] > 0;
}

/** The value that the plugin relocate writes for an entry (System V ABI, AMD64 supplement, "Relocation Types"). */
function valueOf({ type, symbol, addend = 0n }: RelocationEntry, offset: bigint): bigint | undefined {
  if (type === "RELR" || (type === "R_X86_64_RELATIVE" && !symbol)) return BigInt.asUintN(64, offset + addend);
  const address = symbol?.defined ? symbol.value + (symbol.absolute ? 0n : offset) : 0n;
  if (type === "R_X86_64_64") return BigInt.asUintN(64, address + addend);
  return type === "R_X86_64_GLOB_DAT" || type === "R_X86_64_JUMP_SLOT" ? BigInt.asUintN(64, address) : undefined;
}

/** Whether the plugin openbsd says that it filled a range with the byte. */
function isRandomized({ kernel: { results: { openbsd } } }: KernelLayout, address: bigint): boolean {
  const ranges: unknown = isObject(openbsd) ? openbsd.randomized : undefined;
  return Array.isArray(ranges) && ranges.some((range: unknown) => {
    if (!isObject(range) || typeof range.virt !== "bigint" || typeof range.size !== "bigint") return false;
    return BigInt.asUintN(64, address - range.virt) < range.size;
  });
}
