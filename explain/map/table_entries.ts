/**
 * The entries of page tables themselves, down to a level.
 *
 * @module
 */

import { entryFrame, PAGE_SIZES, type PageSize, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { decodeEntry, type EntryFlag } from "../tables/decode_entry.ts";
import { continuedPages, entryAt, entryKind, nextPresent, pageMasks } from "../tables/entry_scan.ts";
import type { EntryPlace } from "../tables/table_items.ts";
import { entryPlace, goDown, levelOnPath, rootPath } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";

/** An entry that is in use, or several that map consecutive pages with the same flags. */
export interface MapTableEntry extends EntryPlace {
  /** What it does: maps a page, points to a table, to a table above it, or to one in unknown memory, or is refused. */
  readonly kind: "page" | "table" | "recursive" | "unknown" | "reserved";
  /** How many entries there are: more than one only for pages. `size` is that of all. */
  readonly count: number;
  /** The 64 bits of the first one. */
  readonly entry: bigint;
  /** Physical address of the page or table. */
  readonly phys: number;
  /** Size of each page in bytes, if they map pages. */
  readonly pageSize?: PageSize;
  /** The names of the flags that are set, lowest bit first. */
  readonly flags: readonly EntryFlag[];
}

/** The lowest level of tables whose entries to list. */
export type DeepestLevel = 4 | 3 | 2 | 1;

/**
 * Lists the entries in use of the tables down to a level, each before those of the table that it points to. A table that
 * is in use at several places is listed at each of them, so a consumer should be ready to stop; there are never more
 * than a few thousand look-ups between two entries.
 *
 * @param tables The tables.
 * @param deepest The lowest level of tables whose entries to list.
 * @returns The entries, one by one.
 */
export function* tableEntries(
  tables: TableSet,
  deepest: DeepestLevel,
): Generator<MapTableEntry, void, undefined> {
  const top = tables.levels;
  const path = rootPath(tables);
  for (let level: number = top; path && level <= top;) {
    const { words, next } = path[level];
    const index = nextPresent(words, next);
    if (index === TABLE_ENTRIES) {
      level++;
      continue;
    }
    const [lo, hi] = [words[index * 2], words[index * 2 + 1]];
    const kind = entryKind(lo, level);
    const count = kind === "page" ? continuedPages(words, index, level, pageMasks(level, 0, 0, true)) : 1;
    path[level].next = index + count;
    const place = entryPlace(path, level, index);
    const target = entryFrame(lo, hi, kind === "page" ? level : 1);
    const isRecursive = kind === "table" && levelOnPath(path, level, target) !== undefined;
    const below = kind === "table" && !isRecursive ? tables.pages.words(target) : undefined;
    const entry = entryAt(words, index);
    yield {
      ...place,
      size: place.size * count,
      kind: kind !== "table" ? kind as "page" | "reserved" : isRecursive ? "recursive" : below ? "table" : "unknown",
      count,
      entry,
      phys: target,
      ...(kind === "page" ? { pageSize: PAGE_SIZES[level - 1] } : {}),
      flags: decodeEntry(entry, level).flags,
    };
    if (!below || level === deepest) continue;
    goDown(path, level, index, target, below);
    level--;
  }
}
