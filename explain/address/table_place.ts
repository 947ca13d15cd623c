/**
 * Finds where a frame is used as a page table.
 *
 * @module
 */

import { tablesBelow } from "../tables/entry_scan.ts";
import { tableKey } from "../tables/table_path.ts";
import type { TableLevel, TableSet } from "../tables/table_set.ts";
import { signExtended } from "../tables/walk_tables.ts";

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
      for (const { index, frame: next } of tablesBelow(words, level)) {
        const key = tableKey(next, level - 1);
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
