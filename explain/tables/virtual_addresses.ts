/**
 * Finds the virtual addresses of a physical one.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { PHYSICAL_END } from "../../core/memory/addresses.ts";
import {
  entryFrame,
  frameBits,
  HI_FRAME,
  HI_NO_EXECUTE,
  LO_PRESENT,
  LO_USER,
  LO_WRITABLE,
  PAGE_SIZES,
  type PageSize,
  TABLE_ENTRIES,
} from "../../core/paging/entry.ts";
import { entryKind } from "./entry_scan.ts";
import type { ListOptions, ListProgress, UnknownTable } from "./table_items.ts";
import {
  ENTRY_PAGES,
  goDown,
  levelOnPath,
  pageAddress,
  rootPath,
  tableKey,
  type TablePath,
  unknownTable,
} from "./table_path.ts";
import type { TableSet } from "./table_set.ts";

/** A virtual address that maps the physical one. */
export interface FoundAddress {
  /** What it is. */
  readonly kind: "address";
  /** The virtual address, of 64 bits. */
  readonly virt: bigint;
  /** Size in bytes of the page that it is in. */
  readonly pageSize: PageSize;
  /** Whether every level allows writes. */
  readonly writable: boolean;
  /** Whether no level forbids execution. */
  readonly executable: boolean;
  /** Whether every level allows user mode. */
  readonly user: boolean;
  /** Whether a table is used at two levels on the way, as through a recursive entry. */
  readonly recursive: boolean;
}

/**
 * Finds every virtual address that maps a physical address, ascending, also through recursive entries, whatever bytes
 * the tables are made of. Tables in unknown memory are listed where they stand: what they map is not known.
 *
 * Only what is asked for is read: tables can be used at any number of places, so a consumer should be ready to stop.
 * Tables in which nothing was found are not read again.
 *
 * @example
 * ```ts
 * import { openTableSet, virtualAddressesOf } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const [{ virt, phys }] = kernel.mappings();
 * const tables = openTableSet({ memory: kernel.memory, cr3: kernel.level4Frame });
 * const [found] = virtualAddressesOf(tables, phys + 8);
 * assertEquals(found.kind === "address" && found.virt, virt + 8n);
 * ```
 *
 * @param tables The tables.
 * @param phys The physical address, an integer from 0 to below 2^52.
 * @param options When to yield items of kind "progress".
 * @returns What is found, one by one.
 * @throws {TypeError} If `phys` is not a number.
 * @throws {RangeError} If `phys` is not such an integer.
 */
export function virtualAddressesOf(
  tables: TableSet,
  phys: number,
  { progressAfter = Infinity }: ListOptions = {},
): Generator<FoundAddress | UnknownTable | ListProgress, void, undefined> {
  if (typeof phys !== "number") throw new TypeError(`Cannot search for ${String(phys)}: pass a number`);
  if (!Number.isInteger(phys) || phys < 0 || phys >= PHYSICAL_END) {
    const shown = Number.isInteger(phys) ? hexAddr(phys) : phys;
    throw new RangeError(`Cannot search for physical ${shown}: it must be an integer from 0 to below 2^52`);
  }
  return search(tables, phys, progressAfter);
}

function* search(
  tables: TableSet,
  phys: number,
  progressAfter: number,
): Generator<FoundAddress | UnknownTable | ListProgress, void, undefined> {
  const top = tables.levels;
  const path = rootPath(tables);
  if (!path) return yield unknownTable(top, tables.root, 0, top);
  const without = new Set<number>();
  let read = 1;
  let silent = 1;
  for (let level: number = top; level <= top;) {
    const table = path[level];
    const { words } = table;
    const index = level === 1 ? nextPageOf(words, table.next, phys) : table.next;
    if (index === TABLE_ENTRIES) {
      if (!table.found) without.add(tableKey(table.frame, level));
      else if (level < top) path[level + 1].found = true;
      level++;
      continue;
    }
    table.next = index + 1;
    const lo = words[index * 2];
    const hi = words[index * 2 + 1];
    const kind = entryKind(lo, level);
    if (kind === "page") {
      const pageSize = PAGE_SIZES[level - 1];
      const offset = phys - entryFrame(lo, hi, level);
      if (offset < 0 || offset >= pageSize) continue;
      table.found = true;
      silent = 0;
      yield foundAddress(path, level, index, offset);
    } else if (kind === "table") {
      const target = entryFrame(lo, hi, 1);
      if (without.has(tableKey(target, level - 1))) continue;
      const wordsBelow = tables.pages.words(target);
      if (wordsBelow) {
        goDown(path, level, index, target, wordsBelow);
        level--;
        read++;
        if (++silent < progressAfter) continue;
        silent = 0;
        yield { kind: "progress", tables: read };
      } else {
        silent = 0;
        yield unknownTable(level - 1, target, table.page + index * ENTRY_PAGES[level], top);
      }
    }
  }
}

/** Finds the next entry of a level-1 table that maps the page of a physical address; 512 if there is none. */
function nextPageOf(words: Uint32Array, from: number, phys: number): number {
  const lo = (phys & frameBits(1)) | LO_PRESENT;
  const hi = Math.floor(phys / 2 ** 32);
  const mask = frameBits(1) | LO_PRESENT;
  for (let index = from; index < TABLE_ENTRIES; index++) {
    if ((words[index * 2] & mask) === lo && (words[index * 2 + 1] & HI_FRAME) === hi) return index;
  }
  return TABLE_ENTRIES;
}

function foundAddress(path: TablePath, level: number, index: number, offset: number): FoundAddress {
  const { words, page, grantedLo, grantedHi } = path[level];
  const lo = words[index * 2] & grantedLo;
  const start = pageAddress(page + index * ENTRY_PAGES[level], path.length - 1);
  return {
    kind: "address",
    virt: start + BigInt(offset),
    pageSize: PAGE_SIZES[level - 1],
    writable: (lo & LO_WRITABLE) !== 0,
    executable: ((words[index * 2 + 1] | grantedHi) & HI_NO_EXECUTE) === 0,
    user: (lo & LO_USER) !== 0,
    recursive: path.some(({ frame }, each) => each > level && levelOnPath(path, level, frame) !== each),
  };
}
