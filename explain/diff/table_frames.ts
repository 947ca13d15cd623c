/**
 * The frames that page tables take.
 *
 * @module
 */

import { tablesBelow } from "../tables/entry_scan.ts";
import { tableKey } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";

/** The most tables to look at. */
const MOST_TABLES = 2 ** 20;

/**
 * Finds the frames that hold page tables.
 *
 * @param tables The tables; any bytes at all.
 * @returns Their physical addresses, those of frames in unknown memory included. Each step reads one table.
 */
export function* tableFrames({ root, levels, pages }: TableSet): Generator<void, ReadonlySet<number>> {
  const frames = new Set<number>([root]);
  const seen = new Set<number>([tableKey(root, levels)]);
  const left: (readonly [frame: number, level: number])[] = [[root, levels]];
  for (let each = left.pop(); each; each = left.pop()) {
    const [frame, level] = each;
    const words = level > 1 ? pages.words(frame) : undefined;
    if (!words) continue;
    for (const { frame: below } of tablesBelow(words, level)) {
      const key = tableKey(below, level - 1);
      if (seen.has(key) || seen.size >= MOST_TABLES) continue;
      frames.add(below);
      seen.add(key);
      left.push([below, level - 1]);
    }
    yield;
  }
  return frames;
}
