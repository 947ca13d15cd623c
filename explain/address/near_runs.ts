/**
 * Finds what is mapped next to an address that is not.
 *
 * @module
 */

import {
  entryFrame,
  HI_NO_EXECUTE,
  LEVEL_SPAN,
  LO_HUGE,
  LO_PRESENT,
  LO_USER,
  LO_WRITABLE,
  PAGE_SIZES,
  TABLE_ENTRIES,
} from "../../core/paging/entry.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { NearRun, NearRuns } from "./address_explanation.ts";
import { pagePermissions } from "./phrases.ts";
import { signExtended } from "./table_place.ts";

/** The most tables to read for one side. */
const MOST_TABLES = 2 ** 15;

/** The most leaf entries to count in one run: 4 GiB of pages of 4 KiB. */
const MOST_LEAVES = 2 ** 20;

/** Pages that one leaf entry maps. Pages are numbered from address 0, without sign extension. */
interface LeafPages {
  readonly page: number;
  readonly count: number;
  readonly phys: number;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly user: boolean;
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
  const bits = BigInt(tables.levels === 5 ? 57 : 48);
  const half = 2 ** (Number(bits) - 13);
  const isCanonical = signExtended(address, tables.levels) === address;
  const page = isCanonical ? Number(BigInt.asUintN(Number(bits), address) >> 12n) : undefined;
  const before = runFrom(tables, -1, page ?? half - 1);
  const after = runFrom(tables, 1, page ?? half);
  const side = (run: Run | null | undefined): NearRun | null | undefined =>
    run && nearRun(tables, run, address, ownerOf);
  return {
    ...(before === undefined ? {} : { before: side(before) }),
    ...(after === undefined ? {} : { after: side(after) }),
  };
}

/** A run of pages, and the end of it that is nearest to the address. */
interface Run extends LeafPages {
  readonly nearest: LeafPages;
  readonly step: 1 | -1;
}

function nearRun(
  { levels }: TableSet,
  { page, count, nearest, step, ...run }: Run,
  address: bigint,
  ownerOf: (phys: number) => FrameOwner | null,
): NearRun {
  const start = signExtended(BigInt(page) << 12n, levels);
  const size = count * PAGE_SIZE;
  const last = start + BigInt(size) - 1n;
  return {
    start,
    size,
    permissions: pagePermissions(run),
    owner: ownerOf(step === 1 ? nearest.phys : nearest.phys + (nearest.count - 1) * PAGE_SIZE),
    distance: step === 1 ? start - address : address - last,
  };
}

/** Finds the first run from a page on; `null` if there is none, `undefined` if the search was given up. */
function runFrom(tables: TableSet, step: 1 | -1, from: number): Run | null | undefined {
  const search: Search = { tables, step, from, empty: new Set(), left: MOST_TABLES };
  const half = 2 ** (tables.levels === 5 ? 44 : 35);
  let run: Run | undefined;
  let leaves = 0;
  for (const leaf of leavesIn(search, { frame: tables.root, level: tables.levels, page: 0, denied: NOTHING })) {
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
    second.page !== half && run.nearest.count === leaf.count && run.writable === leaf.writable &&
    run.executable === leaf.executable && run.user === leaf.user;
}

/** A table, and what the levels above it take away. */
interface SearchedTable {
  readonly frame: number;
  readonly level: number;
  /** The first page that it covers. */
  readonly page: number;
  readonly denied: Denied;
}

interface Denied {
  readonly write: boolean;
  readonly execute: boolean;
  readonly user: boolean;
}

const NOTHING: Denied = { write: false, execute: false, user: false };

function* leavesIn(search: Search, { frame, level, page: first, denied }: SearchedTable): Generator<LeafPages> {
  const { tables: { pages }, step, from, empty } = search;
  const words = search.left > 0 ? pages.words(frame) : undefined;
  search.left--;
  if (!words) {
    search.left = 0; // what an unknown table maps may be nearer than anything that is found after it
    return;
  }
  const span = pagesOf(level);
  const start = Math.floor((from - first) / span);
  let index = step === 1 ? Math.max(start, 0) : Math.min(start, TABLE_ENTRIES - 1);
  for (; index >= 0 && index < TABLE_ENTRIES; index += step) {
    const lo = words[index * 2];
    if ((lo & LO_PRESENT) === 0) continue;
    const hi = words[index * 2 + 1];
    const page = first + index * span;
    const below = takenAway(denied, lo, hi);
    if (level === 1 || (lo & LO_HUGE) !== 0) {
      if (level > 3 || (level > 1 && (lo & RESERVED[level]) !== 0)) continue; // reserved bits: nothing is mapped
      const { write, execute, user } = below;
      const phys = entryFrame(lo, hi, level);
      yield { page, count: span, phys, writable: !write, executable: !execute, user: !user };
      continue;
    }
    const table = entryFrame(lo, hi, 1);
    const key = table / 512 + level;
    if (empty.has(key)) continue;
    let foundBelow = false;
    for (const leaf of leavesIn(search, { frame: table, level: level - 1, page, denied: below })) {
      foundBelow = true;
      yield leaf;
    }
    if (search.left <= 0) return;
    const wasWhole = step === 1 ? page >= from : page + span - 1 <= from;
    if (!foundBelow && wasWhole) empty.add(key);
  }
}

/** Bits of an entry that maps a large page which must be 0, by level (Intel SDM vol. 3, tables 4-16 and 4-18). */
const RESERVED: readonly number[] = [0, 0, 0x1f_e000, 0x3fff_e000];

function takenAway(above: Denied, lo: number, hi: number): Denied {
  return {
    write: above.write || (lo & LO_WRITABLE) === 0,
    execute: above.execute || (hi & HI_NO_EXECUTE) !== 0,
    user: above.user || (lo & LO_USER) === 0,
  };
}

/** How many pages of 4 KiB an entry is for. */
function pagesOf(level: number): number {
  return level === 5 ? 2 ** 36 : LEVEL_SPAN[level as 1 | 2 | 3 | 4] / PAGE_SIZES[0];
}
