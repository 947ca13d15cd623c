/**
 * Visits all tables in order, with what the levels above each grant.
 *
 * @module
 */

import { HI_NO_EXECUTE, LEVEL_SPAN, LO_PRESENT, LO_USER, LO_WRITABLE, TABLE_ENTRIES } from "./entry.ts";
import { isLeaf, tableBelow, type Tables } from "./tables.ts";

/**
 * What the levels above a table grant combined: the AND of `WRITABLE` and `USER_ACCESSIBLE`, the OR of `NO_EXECUTE`.
 */
export interface Granted {
  /** `LO_WRITABLE` and `LO_USER`, as far as every level grants them. */
  readonly lo: number;
  /** `HI_NO_EXECUTE`, or 0. */
  readonly hi: number;
}

/** A part of a table: consecutive entries that are leaves or empty, between entries that point to tables. */
export interface TableSpan {
  /** Level of the table. */
  readonly level: 1 | 2 | 3 | 4;
  /** Low 48 bits of the first address that its first entry covers. */
  readonly low: number;
  /** Index of the first entry's low half in `words`. */
  readonly slot: number;
  /** Number of entries. */
  readonly count: number;
  /** What the levels above grant. */
  readonly granted: Granted;
}

/** A table, visited before its content. */
export interface TableVisit {
  /** Level of the table, 4 to 1. */
  readonly level: 1 | 2 | 3 | 4;
  /** Physical address of its frame. */
  readonly frame: number;
  /** Low 48 bits of the first address that it covers. */
  readonly low: number;
}

/**
 * Visits every table, and every span of leaves and empty entries between tables, in ascending order of addresses.
 *
 * @param tables The tables.
 * @param visit Where to start; the level-4 table by default. The other values are for recursion.
 * @param granted What the levels above grant.
 * @returns The tables and spans, one by one.
 * @throws {LoadError} "table-out-of-memory" if an entry points outside memory.
 */
export function* visitTables(
  tables: Tables,
  visit: TableVisit = { level: 4, frame: tables.root, low: 0 },
  granted: Granted = { lo: LO_WRITABLE | LO_USER, hi: 0 },
): Generator<TableVisit | TableSpan> {
  const { words, firstWord } = tables;
  const { level, frame, low } = visit;
  const span = LEVEL_SPAN[level];
  const start = frame / 4 - firstWord;
  const piece = (from: number, to: number): TableSpan => {
    return { level, low: low + from * span, slot: start + from * 2, count: to - from, granted };
  };
  yield visit;
  let from = 0;
  for (let index = 0; level > 1 && index < TABLE_ENTRIES; index++) {
    const slot = start + index * 2;
    if ((words[slot] & LO_PRESENT) === 0 || isLeaf(words[slot], level)) continue;
    if (index > from) yield piece(from, index);
    from = index + 1;
    const below = (tableBelow(tables, slot) + firstWord) * 4;
    yield* visitTables(tables, { level: (level - 1) as 1 | 2 | 3, frame: below, low: low + index * span }, {
      lo: granted.lo & words[slot],
      hi: granted.hi | (words[slot + 1] & HI_NO_EXECUTE),
    });
  }
  if (from < TABLE_ENTRIES) yield piece(from, TABLE_ENTRIES);
}
