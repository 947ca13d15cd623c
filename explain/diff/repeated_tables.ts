/**
 * Recognizes tables that have been compared before. Few tables can map a whole address space, by pointing to the same
 * ones again and again, as kernels do for the shadow memory of sanitizers.
 *
 * @module
 */

import { TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { ENTRY_PAGES } from "../tables/table_path.ts";
import type { PageCursor } from "./page_cursor.ts";

/** What is known of tables that were compared. */
export interface ComparedTables {
  /** Number of the first page in A. */
  readonly page: number;
  /** Number of pages. */
  readonly pages: number;
  /** Whether they differ; `undefined` while they are being compared. */
  differs?: boolean;
}

/** Recognizes tables. */
export interface RepeatedTables {
  /**
   * Looks at the tables that start where two cursors stand, which may be `undefined` for no tables at all. Returns the
   * largest that were compared before, if there are any; remembers all others.
   */
  readonly find: (
    a: PageCursor | undefined,
    b: PageCursor | undefined,
    pageA: number,
    pageB: number,
    room: number,
  ) => ComparedTables | undefined;
  /** Ends the comparison of tables that end at a page of A or before it. */
  readonly close: (pageA: number) => void;
}

/** The most tables to remember; others are compared again. */
const MOST_TABLES = 2 ** 18;

/** Number of pages in the smallest table. */
const LEAST_PAGES = TABLE_ENTRIES;

/**
 * Creates the memory of tables.
 *
 * @param count Number of differences so far.
 * @returns The memory, empty.
 */
export function repeatedTables(count: () => number): RepeatedTables {
  const known = new Map<string, ComparedTables>();
  const open: { readonly end: number; readonly before: number; readonly tables: ComparedTables }[] = [];
  return {
    find: (a, b, pageA, pageB, room) => {
      if (pageA % LEAST_PAGES !== 0 || pageB % LEAST_PAGES !== 0) return undefined;
      for (let level = 3; level >= 1; level--) {
        const pages = ENTRY_PAGES[level] * TABLE_ENTRIES;
        if (pages > room || pageA % pages !== 0 || pageB % pages !== 0) continue;
        const keyA = a ? keyAt(a, level, pages) : "-";
        const keyB = b ? keyAt(b, level, pages) : "-";
        if (keyA === undefined || keyB === undefined || (isNoTable(keyA) && isNoTable(keyB))) continue;
        const key = `${level} ${keyA} ${keyB}`;
        const tables = known.get(key);
        if (tables) return tables;
        if (known.size >= MOST_TABLES) continue;
        const added: ComparedTables = { page: pageA, pages };
        known.set(key, added);
        open.push({ end: pageA + pages, before: count(), tables: added });
      }
      return undefined;
    },
    close: (pageA) => {
      for (let last = open.at(-1); last && last.end <= pageA; last = open.at(-1)) {
        last.tables.differs = count() !== last.before;
        open.pop();
      }
    },
  };
}

/** Whether a name is that of a page or of nothing, which need no search. */
function isNoTable(key: string): boolean {
  return key === "-" || key.startsWith("page");
}

/**
 * Names what a cursor has at the start of a table of a level: the table, with what the levels above grant, a larger page
 * that takes its place, or nothing.
 */
function keyAt(cursor: PageCursor, level: number, pages: number): string | undefined {
  const { kind, level: last, path } = cursor;
  if (!path) return undefined;
  if (last <= level) {
    const { frame, grantedLo, grantedHi } = path[level];
    return `${frame} ${grantedLo} ${grantedHi}`;
  }
  if (kind === "absent") return cursor.pages >= pages ? "-" : undefined;
  if (kind !== "page") return undefined;
  const { frame, flagsLo, flagsHi, allowsLo, allowsHi } = cursor;
  return `page ${last} ${frame} ${flagsLo} ${flagsHi} ${allowsLo} ${allowsHi}`;
}
