/**
 * Finds where a frame is used as a page table.
 *
 * @module
 */

import { entryFrame, LO_HUGE, LO_PRESENT, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import type { TableLevel, TableSet } from "../tables/table_set.ts";

/** A page table, by where the walk comes to it. */
export interface TablePlace {
  /** Its level. */
  readonly level: TableLevel;
  /** The first virtual address that it covers, of 64 bits. */
  readonly covers: bigint;
}

/** The most tables to look at: enough for 128 GiB of pages of 4 KiB. */
const MOST_TABLES = 2 ** 16;

/**
 * Finds a table, level by level.
 *
 * @param tables The page tables.
 * @param frame Physical address of a frame.
 * @returns The first place where it is used; `undefined` if it is none of the tables, or was not found among the first.
 */
export function tablePlace(tables: TableSet, frame: number): TablePlace | undefined {
  const { root, levels: top, pages } = tables;
  const seen = new Set<number>();
  let all: readonly { readonly frame: number; readonly covers: bigint }[] = [{ frame: root, covers: 0n }];
  for (let level: number = top; level >= 1; level--) {
    const found = all.find((table) => table.frame === frame);
    if (found) return { level: level as TableLevel, covers: signExtended(found.covers, top) };
    if (level === 1) return undefined;
    const below: { readonly frame: number; readonly covers: bigint }[] = [];
    for (const { frame: table, covers } of all) {
      const words = pages.words(table);
      if (!words) continue;
      for (let index = 0; index < TABLE_ENTRIES; index++) {
        const lo = words[index * 2];
        if ((lo & LO_PRESENT) === 0 || (lo & LO_HUGE) !== 0) continue;
        const next = entryFrame(lo, words[index * 2 + 1], 1);
        const key = next / 512 + level;
        if (seen.has(key)) continue;
        if (seen.size >= MOST_TABLES) return undefined;
        seen.add(key);
        below.push({ frame: next, covers: covers + (BigInt(index) << BigInt(level * 9 + 3)) });
      }
    }
    all = below;
  }
  return undefined;
}

/**
 * Completes an address of 48 or 57 bits.
 *
 * @param address The address without sign extension.
 * @param levels Number of levels of page tables.
 * @returns The canonical address, of 64 bits.
 */
export function signExtended(address: bigint, levels: 4 | 5): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(levels === 5 ? 57 : 48, address));
}
