/**
 * The entries of level-4 tables, which divide an address space into parts of 512 GiB.
 *
 * @module
 */

import { TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { entryAt, nextPresent, tablesBelow } from "../tables/entry_scan.ts";
import { ENTRY_PAGES, pageAddress } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { MapEntry } from "./address_map.ts";

/**
 * Lists the level-4 entries in use.
 *
 * @param tables The tables.
 * @returns The entries, ascending by address.
 */
export function* level4Entries(
  { root, levels, pages }: TableSet,
): Generator<Pick<MapEntry, "index" | "level5Index" | "virt" | "entry">, void, undefined> {
  const words = pages.words(root);
  if (!words) return;
  if (levels === 4) return yield* entriesIn(words, undefined);
  for (const { index, frame } of tablesBelow(words, 5)) {
    const table = frame === root ? undefined : pages.words(frame);
    if (table) yield* entriesIn(table, index);
  }
}

function* entriesIn(words: Uint32Array, level5Index: number | undefined): ReturnType<typeof level4Entries> {
  for (let index = nextPresent(words, 0); index < TABLE_ENTRIES; index = nextPresent(words, index + 1)) {
    const page = index * ENTRY_PAGES[4] + (level5Index ?? 0) * ENTRY_PAGES[5];
    yield {
      index,
      ...(level5Index === undefined ? {} : { level5Index }),
      virt: pageAddress(page, level5Index === undefined ? 4 : 5),
      entry: entryAt(words, index),
    };
  }
}
