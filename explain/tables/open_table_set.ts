/**
 * Opens any page tables.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { PAGE_SIZE, PHYSICAL_END } from "../../core/memory/addresses.ts";
import type { PhysicalMemory } from "../../core/memory/physical_memory.ts";
import { pagesOf, type PhysicalPages } from "./physical_pages.ts";
import type { TableSet } from "./table_set.ts";

/** Where page tables are. */
export interface TableSetOptions {
  /** The memory that they lie in: one range, or pages with holes between them. */
  readonly memory: PhysicalMemory | PhysicalPages;
  /** The value of CR3: the physical address of the table of the highest level. Bits 0 to 11 are ignored. */
  readonly cr3: number;
  /** Number of levels; 4 by default, 5 if CR4.LA57 is set. */
  readonly levels?: 4 | 5;
}

/**
 * Opens any page tables: of a loaded kernel, a memory dump or a machine, with four or five levels, in memory that
 * may have holes. Nothing is read yet, and the tables need not be right.
 *
 * To translate and change addresses in four-level tables, use `openPageTables`.
 *
 * @example
 * ```ts
 * import { openTableSet, walkTables } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { memory, level4Frame, entryPoint } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const tables = openTableSet({ memory, cr3: level4Frame });
 * assertEquals(walkTables(tables, entryPoint).end.kind, "page");
 * ```
 *
 * @param options The memory, CR3 and the number of levels.
 * @returns The tables.
 * @throws {TypeError} If `cr3` is not a number, or `memory` is neither kind of memory.
 * @throws {RangeError} If `cr3` is negative or above 2^52, or `levels` is neither 4 nor 5.
 */
export function openTableSet({ memory, cr3, levels = 4 }: TableSetOptions): TableSet {
  if (typeof cr3 !== "number") throw new TypeError(`Cannot use ${String(cr3)} as CR3: pass a number`);
  if (!Number.isInteger(cr3) || cr3 < 0 || cr3 >= PHYSICAL_END) {
    const shown = Number.isInteger(cr3) ? hexAddr(cr3) : cr3;
    throw new RangeError(`Cannot use ${shown} as CR3: it must be an integer from 0 to below 2^52`);
  }
  if (levels !== 4 && levels !== 5) throw new RangeError(`Cannot open tables of ${levels} levels: there are 4 or 5`);
  if (typeof memory?.bytes !== "function") {
    throw new TypeError("Cannot open page tables: memory must be from physicalMemory() or have bytes() and words()");
  }
  return { root: cr3 - (cr3 % PAGE_SIZE), levels, pages: "words" in memory ? memory : pagesOf(memory) };
}
