/**
 * The page tables of a map, with what their frames are for.
 *
 * @module
 */

import type { Pause } from "../../core/intake/pause.ts";
import type { FrameRun } from "../../core/memory/frame_allocator.ts";
import { TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { listTables } from "../tables/list_tables.ts";
import { ENTRY_PAGES, PAGE_BYTES } from "../tables/table_path.ts";
import type { TableLevel, TableSet } from "../tables/table_set.ts";
import type { MapTable, MapTotals } from "./address_map.ts";
import { overlapIndex } from "./overlap_index.ts";

/** The tables, and how many there are of each level. */
export interface MapTables {
  /** The first of them. */
  readonly tables: readonly MapTable[];
  /** How many there are of each level, highest first. */
  readonly counts: MapTotals["tables"];
}

/** How many tables to read before a pause. */
const TABLES_BETWEEN = 1000;

/**
 * Lists and counts the tables under a root.
 *
 * @param set The tables.
 * @param limit The most tables to list. All are counted.
 * @param frames What frames are for, if that is known.
 * @param pause Called between tables.
 * @returns The tables and their numbers.
 */
export async function mapTables(
  set: TableSet,
  limit: number,
  frames: readonly FrameRun[],
  pause: Pause,
): Promise<MapTables> {
  const ownerAt = overlapIndex(
    frames.map(({ phys, size, owner }) => ({ start: phys, end: phys + size, value: owner })),
  );
  const tables: MapTable[] = [];
  const numbers = new Map<TableLevel, number>();
  for (const item of listTables(set, { progressAfter: TABLES_BETWEEN })) {
    if (item.kind === "progress") {
      const turn = pause();
      if (turn) await turn;
      continue;
    }
    const { kind: _, ...table } = item;
    numbers.set(table.level, (numbers.get(table.level) ?? 0) + 1);
    if (tables.length === limit) continue;
    const [owner] = ownerAt(table.frame, PAGE_BYTES).values;
    const size = BigInt(ENTRY_PAGES[table.level] * TABLE_ENTRIES * PAGE_BYTES);
    tables.push({ ...table, size, ...(owner === undefined ? {} : { owner }) });
  }
  const counts = Array.from(numbers, ([level, count]) => ({ level, tables: count }));
  return { tables, counts: counts.sort((one, other) => other.level - one.level) };
}
