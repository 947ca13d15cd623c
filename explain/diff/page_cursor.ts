/**
 * A cursor over page tables: what is at a page, and for how many pages from there on.
 *
 * @module
 */

import { entryFrame, frameBits, HI_FRAME, HI_NO_EXECUTE, LO_PRESENT, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { entryKind, nextPresent } from "../tables/entry_scan.ts";
import { ENTRY_PAGES, goDown, levelOnPath, PAGE_BYTES, rootPath, type TablePath } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";

/**
 * Number of pages of 4 KiB in the address space of five levels. Pages are numbered in it whatever the number of levels,
 * so that two sides have the same numbers for the same addresses.
 */
export const ALL_PAGES: number = 2 ** 45;

/** Number of pages in one half of the address space of four levels. */
export const HALF_PAGES: number = 2 ** 35;

/** Pages of four levels that have a higher number than 2^35 are this much further on. */
const HOLE: number = ALL_PAGES - 2 * HALF_PAGES;

/**
 * Turns the number of a page into its address.
 *
 * @param page The number.
 * @returns The address, of 64 bits.
 */
export function addressOfPage(page: number): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(57, BigInt(page) << 12n));
}

/** What is at a page; changed by each `seek`. All in numbers, because there may be millions of pages. */
export interface PageCursor {
  /**
   * "page": it is mapped. "absent": it is not, or an entry with reserved bits set makes an access fault. "recursive": the
   * tables contain themselves there. "unknown": a table is in unknown memory.
   */
  readonly kind: "page" | "absent" | "recursive" | "unknown";
  /** Number of pages of 4 KiB, from this one on, of which the same is true. */
  readonly pages: number;
  /** Level of the last table that was read. */
  readonly level: number;
  /** Physical address of the page of 4 KiB, if it is mapped. */
  readonly frame: number;
  /** The flags of the leaf entry: bits 0 to 31. */
  readonly flagsLo: number;
  /** The flags of the leaf entry: bits 32 to 63. */
  readonly flagsHi: number;
  /** `LO_WRITABLE` and `LO_USER`, as far as all levels grant them. */
  readonly allowsLo: number;
  /** `HI_NO_EXECUTE` if a level forbids execution, or else 0. */
  readonly allowsHi: number;
  /** The tables on the way, down to `level`; `undefined` if not even the root is known. */
  readonly path?: TablePath;
  /** Goes to a page. */
  readonly seek: (page: number) => void;
}

/**
 * Opens a cursor.
 *
 * @param tables The tables; any bytes at all.
 * @returns The cursor, to be used after the first `seek`.
 */
export function pageCursor(tables: TableSet): PageCursor {
  return new Cursor(tables);
}

/** A class, so that its fields are fast to change. */
class Cursor implements PageCursor {
  kind: PageCursor["kind"] = "absent";
  pages = 0;
  level: number;
  frame = 0;
  flagsLo = 0;
  flagsHi = 0;
  allowsLo = 0;
  allowsHi = 0;
  readonly path?: TablePath;
  readonly #tables: TableSet;

  constructor(tables: TableSet) {
    this.#tables = tables;
    this.level = tables.levels;
    this.path = rootPath(tables);
  }

  seek(page: number): void {
    const { path } = this;
    const { levels, pages } = this.#tables;
    let own = page;
    if (levels === 4 && page >= HALF_PAGES) {
      own = page - HOLE;
      if (own < HALF_PAGES) {
        this.level = levels;
        return this.#end("absent", HOLE + HALF_PAGES - page);
      }
    }
    const all = ENTRY_PAGES[levels] * TABLE_ENTRIES;
    if (!path) return this.#end("unknown", (levels === 4 && own < HALF_PAGES ? HALF_PAGES : all) - own);
    let level = this.level;
    while (level < levels && !covers(path, level, own)) level++;
    for (;;) {
      const { words, page: first, grantedLo, grantedHi } = path[level];
      this.level = level;
      const covered = ENTRY_PAGES[level];
      const index = Math.floor((own - first) / covered);
      const lo = words[index * 2];
      if ((lo & LO_PRESENT) === 0) {
        const next = first + nextPresent(words, index + 1) * covered;
        return this.#end("absent", (levels === 4 && own < HALF_PAGES ? Math.min(next, HALF_PAGES) : next) - own);
      }
      const hi = words[index * 2 + 1];
      const left = first + (index + 1) * covered - own;
      const kind = entryKind(lo, level);
      if (kind === "reserved") return this.#end("absent", left);
      if (kind === "page") {
        this.frame = entryFrame(lo, hi, level) + (covered - left) * PAGE_BYTES;
        this.flagsLo = lo & ~frameBits(level);
        this.flagsHi = hi & ~HI_FRAME;
        this.allowsLo = lo & grantedLo;
        this.allowsHi = (hi | grantedHi) & HI_NO_EXECUTE;
        return this.#end("page", left);
      }
      const target = entryFrame(lo, hi, 1);
      if (levelOnPath(path, level, target) !== undefined) return this.#end("recursive", left);
      const below = pages.words(target);
      if (!below) return this.#end("unknown", left);
      goDown(path, level, index, target, below);
      level--;
    }
  }

  #end(kind: PageCursor["kind"], pages: number): void {
    this.kind = kind;
    this.pages = pages;
  }
}

/** Whether the table at a level on the path is for a page. */
function covers(path: TablePath, level: number, page: number): boolean {
  const { page: first } = path[level];
  return page >= first && page < first + ENTRY_PAGES[level] * TABLE_ENTRIES;
}
