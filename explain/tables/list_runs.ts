/**
 * Lists what page tables map, as merged runs.
 *
 * @module
 */

import {
  entryFlags,
  entryFrame,
  frameBits,
  HI_FRAME,
  HI_NO_EXECUTE,
  LO_USER,
  LO_WRITABLE,
  PAGE_SIZES,
  TABLE_ENTRIES,
} from "../../core/paging/entry.ts";
import { continuedPages, entryAt, entryKind, nextPresent, type PageMasks, pageMasks } from "./entry_scan.ts";
import type { PageRun, RunOptions, TableItem } from "./table_items.ts";
import {
  ENTRY_PAGES,
  entryPlace,
  goDown,
  levelOnPath,
  PAGE_BYTES,
  pageAddress,
  type PathTable,
  rootPath,
  tableKey,
  unknownTable,
} from "./table_path.ts";
import type { TableSet } from "./table_set.ts";

/** The run that the pages found last belong to, all in numbers. */
interface OpenRun {
  /** Level of its leaf entries; 0 while there is no run. */
  level: number;
  /** Number of its first page of 4 KiB. */
  page: number;
  /** Number of pages of 4 KiB. */
  pages: number;
  /** Physical address of its first frame. */
  phys: number;
  /** What all levels grant: `LO_WRITABLE` and `LO_USER`. */
  lo: number;
  /** `HI_NO_EXECUTE` if a level forbids execution. */
  hi: number;
  /** The leaf's flags as halves, if runs are told apart by them. */
  flagsLo: number;
  flagsHi: number;
}

/**
 * Lists everything that page tables map as merged runs, ascending, whatever bytes the tables are made of. Tables in
 * unknown memory, entries with reserved bits set and entries that make tables contain themselves are listed where they
 * stand, and end a run.
 *
 * Only what is asked for is read: four pages can map 2^36 others, so a consumer should be ready to stop. Tables that
 * nothing was found in are not read again.
 *
 * @example
 * ```ts
 * import { listRuns, openTableSet } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { memory, level4Frame } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const items = listRuns(openTableSet({ memory, cr3: level4Frame }));
 * const shown = Array.from(items, (item) => item.kind === "pages" && [item.size, item.writable, item.executable]);
 * assertEquals(shown, [[0x1000, false, true], [0x1000, false, false], [0x4000, true, false]]);
 * ```
 *
 * @param tables The tables.
 * @param options Whether to tell runs apart by the flags of leaf entries, and when to yield items of kind "progress".
 * @returns What is found, one by one.
 */
export function* listRuns(
  tables: TableSet,
  { leafFlags = false, progressAfter = Infinity }: RunOptions = {},
): Generator<TableItem, void, undefined> {
  const top = tables.levels;
  const half = (ENTRY_PAGES[top] * TABLE_ENTRIES) / 2;
  const path = rootPath(tables);
  if (!path) return yield unknownTable(top, tables.root, 0, top);
  const empty = new Set<number>();
  const masksAt: (PageMasks | undefined)[] = [];
  const run: OpenRun = { level: 0, page: 0, pages: 0, phys: 0, lo: 0, hi: 0, flagsLo: 0, flagsHi: 0 };
  let read = 1;
  let silent = 1;
  for (let level: number = top; level <= top;) {
    const table = path[level];
    const { words } = table;
    const index = nextPresent(words, table.next);
    if (index === TABLE_ENTRIES) {
      if (!table.found) empty.add(tableKey(table.frame, level));
      else if (level < top) path[level + 1].found = true;
      level++;
      continue;
    }
    table.next = index + 1;
    const lo = words[index * 2];
    const hi = words[index * 2 + 1];
    const kind = entryKind(lo, level);
    if (kind === "page") {
      const masks = masksAt[level] ??= pageMasks(level, table.grantedLo, table.grantedHi, leafFlags);
      const count = continuedPages(words, index, level, masks);
      const isNew = run.level === 0 || !joins(run, table, index, level, half, leafFlags);
      const last = run.level === 0 || !isNew ? undefined : pageRun(run, top, leafFlags);
      if (isNew) startRun(run, table, index, level);
      run.pages += count * ENTRY_PAGES[level];
      table.next = index + count;
      table.found = true;
      if (!last) continue;
      silent = 0;
      yield last;
      continue;
    }
    const target = entryFrame(lo, hi, 1);
    const targetLevel = kind === "table" ? levelOnPath(path, level, target) : undefined;
    const below = kind === "table" && targetLevel === undefined;
    if (below && empty.has(tableKey(target, level - 1))) continue;
    const wordsBelow = below ? tables.pages.words(target) : undefined;
    if (wordsBelow) {
      goDown(path, level, index, target, wordsBelow);
      level--;
      masksAt[level] = undefined;
      read++;
      if (++silent < progressAfter) continue;
      silent = 0;
      yield { kind: "progress", tables: read };
      continue;
    }
    table.found = true;
    silent = 0;
    if (run.level !== 0) yield pageRun(run, top, leafFlags);
    run.level = 0;
    if (below) yield unknownTable(level - 1, target, table.page + index * ENTRY_PAGES[level], top);
    else if (targetLevel === undefined) {
      yield { kind: "reserved", ...entryPlace(path, level, index), entry: entryAt(words, index) };
    } else yield { kind: "recursive", ...entryPlace(path, level, index), target, targetLevel };
  }
  if (run.level !== 0) yield pageRun(run, top, leafFlags);
}

/** Whether a page is the next of the run. */
function joins(
  run: OpenRun,
  { words, page, grantedLo, grantedHi }: PathTable,
  index: number,
  level: number,
  half: number,
  leafFlags: boolean,
): boolean {
  if (level !== run.level) return false;
  const at = page + index * ENTRY_PAGES[level];
  const lo = words[index * 2];
  const hi = words[index * 2 + 1];
  return at === run.page + run.pages && at !== half &&
    entryFrame(lo, hi, level) === run.phys + run.pages * PAGE_BYTES &&
    (lo & grantedLo) === run.lo && ((hi | grantedHi) & HI_NO_EXECUTE) === run.hi &&
    (!leafFlags || ((lo & ~frameBits(level)) === run.flagsLo && (hi & ~HI_FRAME) === run.flagsHi));
}

function startRun(run: OpenRun, table: PathTable, index: number, level: number): void {
  const lo = table.words[index * 2];
  const hi = table.words[index * 2 + 1];
  run.level = level;
  run.page = table.page + index * ENTRY_PAGES[level];
  run.pages = 0;
  run.phys = entryFrame(lo, hi, level);
  run.lo = lo & table.grantedLo;
  run.hi = (hi | table.grantedHi) & HI_NO_EXECUTE;
  run.flagsLo = lo & ~frameBits(level);
  run.flagsHi = hi & ~HI_FRAME;
}

function pageRun(run: OpenRun, top: number, leafFlags: boolean): PageRun {
  const { level, page, pages, phys, lo, hi, flagsLo, flagsHi } = run;
  return {
    kind: "pages",
    virt: pageAddress(page, top),
    phys,
    size: pages * PAGE_BYTES,
    pageSize: PAGE_SIZES[level - 1],
    writable: (lo & LO_WRITABLE) !== 0,
    executable: hi === 0,
    user: (lo & LO_USER) !== 0,
    ...(leafFlags ? { flags: entryFlags((BigInt(flagsHi >>> 0) << 32n) | BigInt(flagsLo >>> 0), level) } : {}),
  };
}
