/**
 * Takes the page tables of a running guest out of its memory, so that they can be looked at after the guest runs again.
 *
 * @module
 */

import { PAGE_SIZE } from "../../../core/memory/addresses.ts";
import { tablesBelow } from "../../../explain/tables/entry_scan.ts";
import type { PhysicalPages } from "../../../explain/tables/physical_pages.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";

/** Pages that were taken out of a guest's memory. */
export interface TakenPages {
  /** The tables, in pages that do not change any more. */
  readonly tables: TableSet;
  /** Number of pages that were read. */
  readonly count: number;
  /** Whether the limit was reached before everything was read. */
  readonly isCut: boolean;
}

/** The most pages that are read: 64 MiB. */
export const MOST_PAGES = 2 ** 14;

/**
 * Reads every table, those of the highest levels first, and then other pages that are wanted.
 *
 * @param at Where the tables are.
 * @param read Reads a page; resolves to `undefined` if there is none.
 * @param others The pages that are wanted besides the tables, by any address in them.
 * @returns The pages.
 */
export async function takePages(
  { root, levels }: Pick<TableSet, "root" | "levels">,
  read: (frame: number) => Promise<Uint8Array<ArrayBuffer> | undefined>,
  others: (tables: TableSet) => Iterable<number> = () => [],
): Promise<TakenPages> {
  const taken = new Map<number, Uint8Array<ArrayBuffer>>();
  const missing = new Set<number>();
  let isCut = false;
  const take = async (frame: number): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const known = taken.get(frame);
    if (known || missing.has(frame)) return known;
    if (taken.size + missing.size >= MOST_PAGES) {
      isCut = true;
      return undefined;
    }
    const page = await read(frame);
    if (page) taken.set(frame, page);
    else missing.add(frame);
    return page;
  };
  let frames = new Set([root]);
  for (let level: number = levels; level >= 1; level--) {
    const below = new Set<number>();
    for (const frame of frames) {
      const page = await take(frame);
      if (!page || level === 1) continue;
      for (const { frame: target } of tablesBelow(new Uint32Array(page.buffer), level)) {
        if (below.size < MOST_PAGES) below.add(target);
        else isCut = true;
      }
    }
    frames = below;
  }
  const tables: TableSet = { root, levels, pages: pagesIn(taken) };
  for (const address of others(tables)) {
    await take(address - address % PAGE_SIZE);
    if (isCut) break;
  }
  return { tables, count: taken.size, isCut };
}

function pagesIn(taken: ReadonlyMap<number, Uint8Array<ArrayBuffer>>): PhysicalPages {
  return {
    bytes: (phys, length) => {
      const at = phys % PAGE_SIZE;
      return at + length > PAGE_SIZE ? undefined : taken.get(phys - at)?.subarray(at, at + length);
    },
    words: (frame) => {
      const page = taken.get(frame);
      return page && new Uint32Array(page.buffer);
    },
  };
}
