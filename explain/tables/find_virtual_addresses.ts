/**
 * Finds where a physical address is mapped, within bounds.
 *
 * @module
 */

import { pauses } from "../../core/intake/pause.ts";
import type { TableSet } from "./table_set.ts";
import { type FoundAddress, virtualAddressesOf } from "./virtual_addresses.ts";

/** Where a physical address is mapped. */
export interface VirtualAddresses {
  /** The virtual addresses that map it, ascending: the first of them, if there are many. */
  readonly addresses: readonly FoundAddress[];
  /** How many there are. */
  readonly count: number;
  /** Whether there may be more, because the search was given up or some tables are in unknown memory. */
  readonly mayHaveMore: boolean;
  /** Number of tables, or of places in the tables, whose memory is not known. */
  readonly unknownTables: number;
}

/** How to search. */
export interface FindOptions {
  /** The most virtual addresses to list; 16 by default. */
  readonly limit?: number;
  /** Ends the search with its reason. */
  readonly signal?: AbortSignal;
}

const LIMIT = 16;

/** The most virtual addresses to count: tables that share tables can map a frame 2^36 times. */
const MOST_COUNTED = 1_000_000;

/** The most tables in a row to read in which nothing is found. */
const MOST_SILENT = 10_000_000;

/** How many tables are read between two looks at the clock: about a millisecond's work. */
const TABLES_AT_A_TIME = 1000;

/**
 * Finds the virtual addresses that map a physical address, and counts those that are not listed. The search is given up
 * after a million addresses, or when page tables that share tables would take too long.
 *
 * @example
 * ```ts
 * import { findVirtualAddresses, openTableSet } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { memory, level4Frame } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const tables = openTableSet({ memory, cr3: level4Frame });
 * const { addresses, count } = await findVirtualAddresses(tables, 0x20_1000);
 * assertEquals([addresses[0].virt, count], [0xffff_ffff_8000_0000n, 1]);
 * ```
 *
 * @param tables The page tables.
 * @param physical The physical address.
 * @param options The most addresses to list, and a signal.
 * @returns The addresses.
 * @throws {TypeError} If the address is not a number.
 * @throws {RangeError} If the address is not an integer from 0 to below 2^52.
 */
export async function findVirtualAddresses(
  tables: TableSet,
  physical: number,
  { limit = LIMIT, signal }: FindOptions = {},
): Promise<VirtualAddresses> {
  const pause = pauses(signal);
  const addresses: FoundAddress[] = [];
  let [count, silent, unknownTables] = [0, 0, 0];
  for (const found of virtualAddressesOf(tables, physical, { progressAfter: TABLES_AT_A_TIME })) {
    if (found.kind === "address") {
      if (addresses.length < limit) addresses.push(found);
      count++;
    } else if (found.kind === "unknown") unknownTables++;
    silent = found.kind === "progress" ? silent + TABLES_AT_A_TIME : 0;
    if (count + unknownTables >= MOST_COUNTED || silent >= MOST_SILENT) {
      return { addresses, count, mayHaveMore: true, unknownTables };
    }
    if (silent === 0 && (count + unknownTables) % TABLES_AT_A_TIME !== 0) continue;
    const pausing = pause();
    if (pausing) await pausing;
  }
  return { addresses, count, mayHaveMore: unknownTables > 0, unknownTables };
}
