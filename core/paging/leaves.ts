/**
 * Single pages: the one at an address, and the list of all.
 *
 * @module
 */

import { canonical } from "../memory/addresses.ts";
import { entryFlags, entryFrame, frameBits, HI_FRAME, LO_PRESENT, PAGE_SIZES, type PageSize } from "./entry.ts";
import type { Tables, WalkEnd } from "./tables.ts";
import { type TableSpan, visitTables } from "./visit_tables.ts";

/** One page: a leaf of the page tables. */
export interface Leaf {
  /** Virtual address of the page. */
  readonly virt: bigint;
  /** Physical address of its frame. */
  readonly phys: number;
  /** Its size in bytes. */
  readonly pageSize: PageSize;
  /** Flags of the leaf entry alone, as bits of the entry. */
  readonly flags: bigint;
}

/**
 * Reads the leaf where a walk ended.
 *
 * @param tables The tables.
 * @param end Where the walk ended: a leaf.
 * @param virt A virtual address in the page.
 * @returns The page.
 */
export function readLeaf({ words, entries }: Tables, { level, slot }: WalkEnd, virt: bigint): Leaf {
  const pageSize = PAGE_SIZES[level - 1];
  const phys = entryFrame(words[slot], words[slot + 1], level);
  return { virt: virt - (virt % BigInt(pageSize)), phys, pageSize, flags: entryFlags(entries[slot / 2], level) };
}

/**
 * Lists every page, ascending.
 *
 * @param tables The tables.
 * @returns The pages; each iteration reads the tables anew.
 */
export function leaves(tables: Tables): Iterable<Leaf> {
  return { [Symbol.iterator]: () => iterateLeaves(tables) };
}

/**
 * An iterator written by hand: a generator and fresh `bigint`s would cost four times as much per page. The address of a
 * page is that of the page before plus its size, and neighbours with the same flags share one `bigint`.
 */
function iterateLeaves(tables: Tables): IterableIterator<Leaf> {
  const { words, entries } = tables;
  const visits = visitTables(tables);
  let span: TableSpan = { level: 1, low: 0, slot: 0, count: 0, granted: { lo: 0, hi: 0 } };
  let slot = 0;
  let end = 0;
  let level = 1;
  let flagLo = 0;
  let flagHi = 0;
  let flags = 0n;
  let pageSize = PAGE_SIZES[0];
  let step = BigInt(pageSize);
  const cell = new BigUint64Array(1); // the last address: writing to it allocates nothing, unlike a variable
  let virtSlot = -1; // the entry after the one at that address

  /** Goes on to the next span that can have leaves. */
  const enterSpan = (): boolean => {
    for (;;) {
      const { done, value } = visits.next();
      if (done) return false;
      if ("frame" in value || value.level === 4) continue;
      span = value;
      slot = span.slot;
      end = slot + span.count * 2;
      level = span.level;
      pageSize = PAGE_SIZES[level - 1];
      step = BigInt(pageSize);
      virtSlot = -1;
      return true;
    }
  };
  const next = (): IteratorResult<Leaf, undefined> => {
    for (;;) {
      if (slot === end && !enterSpan()) return { done: true, value: undefined };
      const at = slot;
      slot += 2;
      const lo = words[at];
      if ((lo & LO_PRESENT) === 0) continue;
      const hi = words[at + 1];
      const virt = at === virtSlot
        ? BigInt.asUintN(64, cell[0] + step)
        : canonical(span.low + (at - span.slot) / 2 * pageSize);
      cell[0] = virt;
      virtSlot = slot;
      const lowFlags = lo & ~frameBits(level);
      const highFlags = hi & ~HI_FRAME;
      if (lowFlags !== flagLo || highFlags !== flagHi) {
        flagLo = lowFlags;
        flagHi = highFlags;
        flags = entryFlags(entries[at / 2], level);
      }
      return { done: false, value: { virt, phys: entryFrame(lo, hi, level), pageSize, flags } };
    }
  };
  const iterator: IterableIterator<Leaf, undefined> = {
    next,
    return: () => {
      visits.return(undefined);
      slot = end;
      return { done: true, value: undefined };
    },
    [Symbol.iterator]: () => iterator,
  };
  return iterator;
}
