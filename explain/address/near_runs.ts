/**
 * Finds what is mapped next to an address that is not.
 *
 * @module
 */

import { mappingLetters } from "../../core/elf/permission_letters.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { entryFrame, HI_NO_EXECUTE, LO_USER, LO_WRITABLE, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { entryKind } from "../tables/entry_scan.ts";
import { ENTRY_PAGES, pageAddress, tableKey } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";
import { isCanonicalFor } from "../tables/walk_tables.ts";
import type { NearRun, NearRuns } from "./address_explanation.ts";

/** The most tables to read for one side. */
const MOST_TABLES = 2 ** 15;

/** The most leaf entries to count in one run: 4 GiB of pages of 4 KiB. */
const MOST_LEAVES = 2 ** 20;

/** What all levels down to a table or page grant. */
interface Granted {
  /** The permissions to write and for user mode, as bits of an entry. */
  readonly grantedLo: number;
  /** `HI_NO_EXECUTE` if a level forbids execution. */
  readonly grantedHi: number;
}

/** Pages that one leaf entry maps. Pages are numbered from address 0, without sign extension. */
interface LeafPages extends Granted {
  readonly page: number;
  readonly count: number;
  readonly phys: number;
}

/** A search in one direction. */
interface Search {
  readonly tables: TableSet;
  /** 1: ascending; -1: descending. */
  readonly step: 1 | -1;
  /** The first page that counts. */
  readonly from: number;
  /** Tables, by frame and level, that map nothing. */
  readonly empty: Set<number>;
  /** How many more tables may be read. */
  left: number;
}

/**
 * Finds the runs of pages on both sides of an address that is not mapped.
 *
 * @param tables The page tables.
 * @param address The address, of 64 bits.
 * @param ownerOf Finds what a frame is for.
 * @returns The runs.
 */
export function nearRuns(
  tables: TableSet,
  address: bigint,
  ownerOf: (phys: number) => FrameOwner | null,
): NearRuns {
  const { levels } = tables;
  const half = halfOf(tables);
  const page = isCanonicalFor(address, levels)
    ? Number(BigInt.asUintN(levels === 5 ? 57 : 48, address) >> 12n)
    : undefined;
  const before = runFrom(tables, -1, page ?? half - 1);
  const after = runFrom(tables, 1, page ?? half);
  const side = (run: Run | null | undefined): NearRun | null | undefined =>
    run && nearRun(tables, run, address, ownerOf);
  return {
    ...(before === undefined ? {} : { before: side(before) }),
    ...(after === undefined ? {} : { after: side(after) }),
  };
}

/** Number of pages in one half of an address space. */
function halfOf({ levels }: TableSet): number {
  return ENTRY_PAGES[levels] * TABLE_ENTRIES / 2;
}

/** A run of pages, and the end of it that is nearest to the address. */
interface Run extends LeafPages {
  readonly nearest: LeafPages;
  readonly step: 1 | -1;
}

function nearRun(
  { levels }: TableSet,
  { page, count, nearest, step, grantedLo, grantedHi }: Run,
  address: bigint,
  ownerOf: (phys: number) => FrameOwner | null,
): NearRun {
  const start = pageAddress(page, levels);
  const size = count * PAGE_SIZE;
  const last = start + BigInt(size) - 1n;
  return {
    start,
    size,
    permissions: mappingLetters({ writable: (grantedLo & LO_WRITABLE) !== 0, executable: grantedHi === 0 }),
    owner: ownerOf(step === 1 ? nearest.phys : nearest.phys + (nearest.count - 1) * PAGE_SIZE),
    distance: step === 1 ? start - address : address - last,
  };
}

/** Finds the first run from a page on; `null` if there is none, `undefined` if the search was given up. */
function runFrom(tables: TableSet, step: 1 | -1, from: number): Run | null | undefined {
  const search: Search = { tables, step, from, empty: new Set(), left: MOST_TABLES };
  const half = halfOf(tables);
  let run: Run | undefined;
  let leaves = 0;
  for (const leaf of leavesIn(search, rootOf(tables))) {
    if (!run) run = { ...leaf, nearest: leaf, step };
    else if (!joins(run, leaf, half) || ++leaves === MOST_LEAVES) break;
    else run = { ...(step === 1 ? run : { ...run, page: leaf.page, phys: leaf.phys }), count: run.count + leaf.count };
  }
  return run ?? (search.left > 0 ? null : undefined);
}

/** Whether pages continue a run in its direction; a run never crosses the non-canonical hole. */
function joins(run: Run, leaf: LeafPages, half: number): boolean {
  const [first, second] = run.step === 1 ? [run, leaf] : [leaf, run];
  return first.page + first.count === second.page && first.phys + first.count * PAGE_SIZE === second.phys &&
    second.page !== half && run.nearest.count === leaf.count && run.grantedLo === leaf.grantedLo &&
    run.grantedHi === leaf.grantedHi;
}

/** A table, and what the levels above it grant. */
interface SearchedTable extends Granted {
  readonly frame: number;
  readonly level: number;
  /** The first page that it covers. */
  readonly page: number;
}

function rootOf({ root, levels }: TableSet): SearchedTable {
  return { frame: root, level: levels, page: 0, grantedLo: LO_WRITABLE | LO_USER, grantedHi: 0 };
}

function* leavesIn(search: Search, table: SearchedTable): Generator<LeafPages> {
  const { frame, level, page: first } = table;
  const { tables: { pages }, step, from, empty } = search;
  const words = search.left > 0 ? pages.words(frame) : undefined;
  search.left--;
  if (!words) {
    search.left = 0; // what an unknown table maps may be nearer than anything that is found after it
    return;
  }
  const span = ENTRY_PAGES[level];
  const start = Math.floor((from - first) / span);
  let index = step === 1 ? Math.max(start, 0) : Math.min(start, TABLE_ENTRIES - 1);
  for (; index >= 0 && index < TABLE_ENTRIES; index += step) {
    const lo = words[index * 2];
    const kind = entryKind(lo, level);
    if (kind !== "page" && kind !== "table") continue;
    const hi = words[index * 2 + 1];
    const page = first + index * span;
    const granted = { grantedLo: lo & table.grantedLo, grantedHi: (hi | table.grantedHi) & HI_NO_EXECUTE };
    if (kind === "page") {
      yield { page, count: span, phys: entryFrame(lo, hi, level), ...granted };
      continue;
    }
    const below = { frame: entryFrame(lo, hi, 1), level: level - 1, page, ...granted };
    const key = tableKey(below.frame, below.level);
    if (empty.has(key)) continue;
    let foundBelow = false;
    for (const leaf of leavesIn(search, below)) {
      foundBelow = true;
      yield leaf;
    }
    if (search.left <= 0) return;
    const wasWhole = step === 1 ? page >= from : page + span - 1 <= from;
    if (!foundBelow && wasWhole) empty.add(key);
  }
}
