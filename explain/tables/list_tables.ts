/**
 * Lists page tables themselves.
 *
 * @module
 */

import { entryFrame, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { entryKind, nextPresent } from "./entry_scan.ts";
import type { ListOptions, ListProgress } from "./table_items.ts";
import { ENTRY_PAGES, goDown, levelOnPath, pageAddress, rootPath, tableKey } from "./table_path.ts";
import type { TableLevel, TableSet } from "./table_set.ts";

/** One page table. */
export interface ListedTable {
  /** What it is. */
  readonly kind: "table";
  /** Level at which it is used, 5 to 1. */
  readonly level: TableLevel;
  /** Physical address of its frame. */
  readonly frame: number;
  /** The first virtual address that it covers, of 64 bits; the lowest, if it is used more than once. */
  readonly virt: bigint;
  /** Number of entries that are present; absent if its memory is not known. */
  readonly present?: number;
  /** Number of entries of the listed tables that point to it, from above or from itself; CR3 does not count. */
  readonly references: number;
}

/**
 * Lists every table once for each level that it is used at, ascending by the first range that it covers; parents come
 * before their children. A table that is on the way to an entry which points to it is not listed again.
 *
 * All tables are read before the first is listed, as only then is known how many entries point to it.
 *
 * @example
 * ```ts
 * import { listTables, openTableSet } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { memory, level4Frame } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const tables = Array.from(listTables(openTableSet({ memory, cr3: level4Frame })));
 * const shown = tables.map((table) => table.kind === "table" && [table.level, table.present, table.references]);
 * assertEquals(shown, [[4, 1, 0], [3, 1, 1], [2, 1, 1], [1, 6, 1]]);
 * ```
 *
 * @param tables The tables.
 * @param options When to yield items of kind "progress".
 * @returns The tables, one by one.
 */
export function* listTables(
  tables: TableSet,
  { progressAfter = Infinity }: ListOptions = {},
): Generator<ListedTable | ListProgress, void, undefined> {
  const top = tables.levels;
  const found = new Map<number, { -readonly [Key in keyof ListedTable]: ListedTable[Key] }>();
  const add = (level: number, frame: number, page: number): { present?: number; references: number } => {
    const virt = pageAddress(page, top);
    const table = { kind: "table" as const, level: level as TableLevel, frame, virt, references: 0 };
    found.set(tableKey(frame, level), table);
    return table;
  };
  const path = rootPath(tables);
  const root = add(top, tables.root, 0);
  if (path) root.present = countPresent(path[top].words);
  let read = 1;
  for (let level: number = top; path && level <= top;) {
    const table = path[level];
    const index = level === 1 ? TABLE_ENTRIES : nextPresent(table.words, table.next);
    if (index === TABLE_ENTRIES) {
      level++;
      continue;
    }
    table.next = index + 1;
    if (entryKind(table.words[index * 2], level) !== "table") continue;
    const target = entryFrame(table.words[index * 2], table.words[index * 2 + 1], 1);
    const levelThere = levelOnPath(path, level, target) ?? level - 1;
    const known = found.get(tableKey(target, levelThere));
    if (known) {
      known.references++;
      continue;
    }
    const words = tables.pages.words(target);
    const listed = add(level - 1, target, table.page + index * ENTRY_PAGES[level]);
    listed.references = 1;
    if (!words) continue;
    listed.present = countPresent(words);
    goDown(path, level, index, target, words);
    level--;
    if (++read % progressAfter === 0) yield { kind: "progress", tables: read };
  }
  yield* found.values();
}

/** Counts the entries that are present. */
function countPresent(words: Uint32Array): number {
  let present = 0;
  for (let at = 0; at < TABLE_ENTRIES * 2; at += 2) present += words[at] & 1;
  return present;
}
