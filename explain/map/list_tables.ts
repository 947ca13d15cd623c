/**
 * Lists page tables, each once.
 *
 * @module
 */

import type { Pause } from "../../core/intake/pause.ts";
import type { FrameRun } from "../../core/memory/frame_allocator.ts";
import { entryFrame, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { entryKind, nextPresent } from "../tables/entry_scan.ts";
import { ENTRY_PAGES, goDown, levelOnPath, PAGE_BYTES, pageAddress, rootPath, tableKey } from "../tables/table_path.ts";
import type { TableLevel, TableSet } from "../tables/table_set.ts";
import type { MapTable, MapTotals } from "./address_map.ts";
import { overlapIndex } from "./overlap_index.ts";

/** The tables, and how many there are of each level. */
export interface ListedTables {
  /** The first of them, those above before those below. */
  readonly tables: readonly MapTable[];
  /** How many there are of each level, highest first. */
  readonly counts: MapTotals["tables"];
}

/** A table, while its entries and those that point to it are being counted. */
type Counted = { -readonly [K in keyof MapTable]: MapTable[K] };

/**
 * Lists the tables under a root. A table that is in use at several places is listed once for each level that it is used
 * at, so the work is bounded by the memory that they lie in, however they refer to one another.
 *
 * @param set The tables.
 * @param limit The most tables to list. All are counted.
 * @param pause Called between tables.
 * @param frames What frames are for, if that is known.
 * @returns The tables and their numbers.
 */
export async function listTables(
  set: TableSet,
  limit: number,
  pause: Pause,
  frames: readonly FrameRun[] = [],
): Promise<ListedTables> {
  const { levels: top, pages } = set;
  const path = rootPath(set);
  const tables: Counted[] = [];
  const ownerAt = overlapIndex(
    frames.map(({ phys, size, owner }) => ({ start: phys, end: phys + size, value: owner })),
  );
  const known = new Map<number, Counted | undefined>();
  const numbers = new Array<number>(top + 1).fill(0);
  const add = (level: number, frame: number, page: number, words: Uint32Array): void => {
    numbers[level]++;
    const size = BigInt(ENTRY_PAGES[level] * TABLE_ENTRIES * PAGE_BYTES);
    const references = level === top ? 0 : 1;
    const virt = pageAddress(page, top);
    const [owner] = ownerAt(frame, PAGE_BYTES).values;
    const used = countPresent(words);
    const table = tables.length === limit
      ? undefined
      : { level: level as TableLevel, frame, virt, size, used, references, ...(owner === undefined ? {} : { owner }) };
    if (table) tables.push(table);
    known.set(tableKey(frame, level), table);
  };
  if (path) add(top, set.root, 0, path[top].words);
  for (let level: number = path ? top : top + 1; path && level <= top;) {
    const table = path[level];
    const index = level === 1 ? TABLE_ENTRIES : nextPresent(table.words, table.next);
    if (index === TABLE_ENTRIES) {
      level++;
      continue;
    }
    table.next = index + 1;
    const lo = table.words[index * 2];
    const frame = entryFrame(lo, table.words[index * 2 + 1], 1);
    if (entryKind(lo, level) !== "table" || levelOnPath(path, level, frame) !== undefined) continue;
    const key = tableKey(frame, level - 1);
    if (known.has(key)) {
      const again = known.get(key);
      if (again) again.references++;
      continue;
    }
    const words = pages.words(frame);
    if (!words) continue;
    goDown(path, level, index, frame, words);
    level--;
    add(level, frame, path[level].page, words);
    const turn = pause();
    if (turn) await turn;
  }
  const counts = numbers.map((count, level) => ({ level: level as TableLevel, tables: count })).slice(1).reverse();
  return { tables, counts: counts.filter((each) => each.tables > 0) };
}

function countPresent(words: Uint32Array): number {
  let count = 0;
  for (let at = 0; at < words.length; at += 2) count += words[at] & 1;
  return count;
}
