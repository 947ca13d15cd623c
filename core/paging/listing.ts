/**
 * Lists the page tables, and what they map as merged runs.
 *
 * @module
 */

import { canonical, LOW48_HIGHER_HALF } from "../memory/addresses.ts";
import { entryFrame, LEVEL_SPAN, LO_PRESENT, LO_USER, LO_WRITABLE, PAGE_SIZES, type PageSize } from "./entry.ts";
import type { Tables } from "./tables.ts";
import { visitTables } from "./visit_tables.ts";

/** One page table. */
export interface Table {
  /** Level, 4 to 1. */
  readonly level: number;
  /** Physical address of its frame. */
  readonly frame: number;
  /** The first virtual address that it covers. */
  readonly virt: bigint;
}

/** A run of pages that are contiguous in both address spaces, with the same size and permissions. */
export interface Mapping {
  /** Virtual address of the first page. */
  readonly virt: bigint;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Number of bytes, a multiple of `pageSize`. */
  readonly size: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** Whether every level allows writes. */
  readonly writable: boolean;
  /** Whether no level forbids execution. */
  readonly executable: boolean;
  /** Whether every level allows user mode. */
  readonly user: boolean;
}

/**
 * Lists every page as merged runs, ascending, with the permissions that all levels combined grant.
 *
 * @param tables The tables.
 * @returns The runs, one by one.
 */
export function* mappings(tables: Tables): Generator<Mapping> {
  const { words } = tables;
  let run = { low: 0, phys: 0, size: 0, level: 1, lo: 0, hi: 0 };
  for (const span of visitTables(tables)) {
    if ("frame" in span || span.level === 4) continue;
    const { level, granted } = span;
    const step = LEVEL_SPAN[level];
    for (let index = 0; index < span.count; index++) {
      const slot = span.slot + index * 2;
      if ((words[slot] & LO_PRESENT) === 0) continue;
      const low = span.low + index * step;
      const phys = entryFrame(words[slot], words[slot + 1], level);
      const lo = words[slot] & granted.lo;
      const hi = (words[slot + 1] | granted.hi) >> 31;
      const joins = level === run.level && lo === run.lo && hi === run.hi && low === run.low + run.size &&
        phys === run.phys + run.size && low !== LOW48_HIGHER_HALF;
      if (joins) {
        run.size += step;
      } else {
        if (run.size > 0) yield mappingOf(run);
        run = { low, phys, size: step, level, lo, hi };
      }
    }
  }
  if (run.size > 0) yield mappingOf(run);
}

function mappingOf(run: { low: number; phys: number; size: number; level: number; lo: number; hi: number }): Mapping {
  return {
    virt: canonical(run.low),
    phys: run.phys,
    size: run.size,
    pageSize: PAGE_SIZES[run.level - 1],
    writable: (run.lo & LO_WRITABLE) !== 0,
    executable: run.hi === 0,
    user: (run.lo & LO_USER) !== 0,
  };
}

/**
 * Lists every table in ascending order; parents come before their children.
 *
 * @param tables The tables.
 * @returns The tables, one by one.
 */
export function* listTables(tables: Tables): Generator<Table> {
  for (const visit of visitTables(tables)) {
    if ("frame" in visit) yield { level: visit.level, frame: visit.frame, virt: canonical(visit.low) };
  }
}
