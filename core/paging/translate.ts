/**
 * Translates and walks addresses as the processor does.
 *
 * @module
 */

import { entryFlags, entryFrame, LO_HUGE, LO_PRESENT, PAGE_SIZES, type PageSize } from "./entry.ts";
import { tableBelow, type Tables, walkToEnd } from "./tables.ts";

/** What {@linkcode Mapper.translate} finds: the physical address, or the level where the walk ended. */
export type Translation =
  | {
    /** The address is mapped. */
    readonly mapped: true;
    /** Physical address of the byte. */
    readonly phys: number;
    /** Size in bytes of the page that it is in. */
    readonly pageSize: PageSize;
    /** Flags of the leaf entry, as bits of the entry. */
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

/**
 * Finds the physical address of a byte, and the page that it is in.
 *
 * @param tables The tables.
 * @param low Low 48 bits of the virtual address.
 * @returns The physical address and the page, or the level where the walk ended.
 * @throws {LoadError} "table-out-of-memory" if an entry points outside memory.
 */
export function translate(tables: Tables, low: number): Translation {
  const { level, slot, mapped } = walkToEnd(tables, low);
  if (!mapped) return { mapped, level };
  const pageSize = PAGE_SIZES[level - 1];
  return {
    mapped,
    phys: entryFrame(tables.words[slot], tables.words[slot + 1], level) + (low & (pageSize - 1)),
    pageSize,
    flags: entryFlags(tables.entries[slot / 2], level),
  };
}

/**
 * Finds the physical address of a byte, and nothing else.
 *
 * @param tables The tables.
 * @param low Low 48 bits of the virtual address.
 * @returns The physical address, or -1 if nothing is mapped there.
 * @throws {LoadError} "table-out-of-memory" if an entry points outside memory.
 */
export function physAt(tables: Tables, low: number): number {
  const { level, slot, mapped } = walkToEnd(tables, low);
  if (!mapped) return -1;
  return entryFrame(tables.words[slot], tables.words[slot + 1], level) + (low & (PAGE_SIZES[level - 1] - 1));
}

/**
 * Lists the entries that the processor reads for an address.
 *
 * @param tables The tables.
 * @param low Low 48 bits of the virtual address.
 * @returns The entries, from level 4 to the one where the walk ends.
 * @throws {LoadError} "table-out-of-memory" if an entry points outside memory.
 */
export function walk(tables: Tables, low: number): readonly WalkStep[] {
  const { words, rootTable } = tables;
  const upper = (low / 2 ** 30) | 0; // bits 30 to 47
  const lower = low | 0; // bits 0 to 31
  const step4 = stepAt(tables, 4, rootTable, upper >>> 9);
  const slot4 = rootTable + step4.index * 2;
  if ((words[slot4] & LO_PRESENT) === 0) return [step4];
  const table3 = tableBelow(tables, slot4);
  const step3 = stepAt(tables, 3, table3, upper & 511);
  const slot3 = table3 + step3.index * 2;
  if (!pointsToTable(words[slot3])) return [step4, step3];
  const table2 = tableBelow(tables, slot3);
  const step2 = stepAt(tables, 2, table2, (lower >>> 21) & 511);
  const slot2 = table2 + step2.index * 2;
  if (!pointsToTable(words[slot2])) return [step4, step3, step2];
  return [step4, step3, step2, stepAt(tables, 1, tableBelow(tables, slot2), (lower >>> 12) & 511)];
}

function stepAt({ entries, firstWord }: Tables, level: number, table: number, index: number): WalkStep {
  return { level, table: (table + firstWord) * 4, index, entry: entries[table / 2 + index] };
}

/** Whether an entry of level 3 or 2 is present and does not map a page. */
function pointsToTable(lo: number): boolean {
  return (lo & (LO_PRESENT | LO_HUGE)) === LO_PRESENT;
}
