/**
 * The entries of level-4 tables, which divide an address space into parts of 512 GiB.
 *
 * @module
 */

import { entryFrame } from "../../core/paging/entry.ts";
import { entryKind, nextPresent } from "../tables/entry_scan.ts";
import { ENTRY_PAGES, pageAddress } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { MapEntry } from "./address_map.ts";

const ENTRIES = 512;

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
  for (let index = nextPresent(words, 0); index < ENTRIES; index = nextPresent(words, index + 1)) {
    const [lo, hi] = [words[index * 2], words[index * 2 + 1]];
    const below = entryFrame(lo, hi, 1);
    const table = entryKind(lo, 5) === "table" && below !== root ? pages.words(below) : undefined;
    if (table) yield* entriesIn(table, index);
  }
}

function* entriesIn(words: Uint32Array, level5Index: number | undefined): ReturnType<typeof level4Entries> {
  for (let index = nextPresent(words, 0); index < ENTRIES; index = nextPresent(words, index + 1)) {
    const page = index * ENTRY_PAGES[4] + (level5Index ?? 0) * ENTRY_PAGES[5];
    yield {
      index,
      ...(level5Index === undefined ? {} : { level5Index }),
      virt: pageAddress(page, level5Index === undefined ? 4 : 5),
      entry: (BigInt(words[index * 2 + 1]) << 32n) | BigInt(words[index * 2]),
    };
  }
}
