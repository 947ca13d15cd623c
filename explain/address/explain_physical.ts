/**
 * Explains what a physical address is for, and where it is mapped.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { pauses } from "../../core/intake/pause.ts";
import { type Explainable, type ExplainedKernel, kernelOf, tablesOf } from "../explained.ts";
import { type FoundAddress, virtualAddressesOf } from "../tables/virtual_addresses.ts";

/** What a physical address is for, and where it is mapped. */
export interface PhysicalExplanation {
  /** The physical address. */
  readonly physical: number;
  /** Whether it is in memory that is known. */
  readonly known: boolean;
  /** What its frame is for; `null` if the frame has no owner, or page tables alone are looked at. */
  readonly owner: FrameOwner | null;
  /** The offset of the byte in the kernel's file; `null` if the frame is none of the file's. */
  readonly fileOffset: number | null;
  /** The virtual addresses that map it, ascending: the first of them, if there are many. */
  readonly addresses: readonly FoundAddress[];
  /** How many there are. */
  readonly count: number;
  /** Whether there may be more, because the search was given up or some tables are in memory that is not known. */
  readonly mayHaveMore: boolean;
  /** Number of tables, or of places in the tables, whose memory is not known. */
  readonly unknownTables: number;
}

/** How to search. */
export interface PhysicalOptions {
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
 * Explains what a physical address is for, and finds the virtual addresses that map it.
 *
 * @example
 * ```ts
 * import { explainPhysical } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { owner, fileOffset, addresses } = await explainPhysical(kernel, 0x20_1000);
 * assertEquals([owner, fileOffset, addresses.map(({ virt }) => virt)], ["file", 0x1000, [0xffff_ffff_8000_0000n]]);
 * ```
 *
 * @param explained The kernel, or page tables alone.
 * @param physical The physical address.
 * @param options The most addresses to list, and a signal.
 * @returns What is known of it.
 * @throws {TypeError} If the address is not a number.
 * @throws {RangeError} If the address is not an integer from 0 to below 2^52.
 */
export async function explainPhysical(
  explained: Explainable,
  physical: number,
  { limit = LIMIT, signal }: PhysicalOptions = {},
): Promise<PhysicalExplanation> {
  const tables = tablesOf(explained);
  const kernel = kernelOf(explained);
  const pause = pauses(signal);
  const addresses: FoundAddress[] = [];
  let [count, silent, unknownTables] = [0, 0, 0];
  let isWhole = true;
  for (const found of virtualAddressesOf(tables, physical, { progressAfter: TABLES_AT_A_TIME })) {
    if (found.kind === "address") {
      if (addresses.length < limit) addresses.push(found);
      count++;
    } else if (found.kind === "unknown") unknownTables++;
    silent = found.kind === "progress" ? silent + TABLES_AT_A_TIME : 0;
    if (count + unknownTables >= MOST_COUNTED || silent >= MOST_SILENT) {
      isWhole = false;
      break;
    }
    if ((count + unknownTables) % TABLES_AT_A_TIME !== 0) continue;
    const pausing = pause();
    if (pausing) await pausing;
  }
  return {
    physical,
    known: tables.pages.bytes(physical, 1) !== undefined,
    owner: kernel?.frameRuns().find(({ phys, size }) => phys <= physical && physical < phys + size)?.owner ?? null,
    fileOffset: kernel ? fileOffsetOf(kernel, physical) : null,
    addresses,
    count,
    mayHaveMore: !isWhole || unknownTables > 0,
    unknownTables,
  };
}

function fileOffsetOf({ addressSpace: { file } }: ExplainedKernel, physical: number): number | null {
  return file.phys <= physical && physical < file.phys + file.size ? physical - file.phys : null;
}
