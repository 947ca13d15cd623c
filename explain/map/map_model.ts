/**
 * Maps an address space: what is mapped where and what it is for, the gaps, and the page tables.
 *
 * @module
 */

import { type Pause, pauses } from "../../core/intake/pause.ts";
import type { PhysicalMemory } from "../../core/memory/physical_memory.ts";
import { checkKeys } from "../../core/pipeline/settings.ts";
import { type Explainable, type ExplainedKernel, kernelOf, tablesOf } from "../explained.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import { listRuns } from "../tables/list_runs.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { MapModel, MapOfMemory, MapRun } from "./address_map.ts";
import { markDirectMaps } from "./direct_maps.ts";
import { mapBuilder } from "./map_builder.ts";
import { mapTables } from "./map_tables.ts";
import { type FilteredRun, type FilterNode, namesSections, parseFilter, passes } from "./run_filter.ts";
import { type RangeNames, rangeNames } from "./range_names.ts";
import { runSplitter } from "./split_runs.ts";
import { type DeepestLevel, type MapTableEntry, tableEntries } from "./table_entries.ts";

/** How to map an address space. */
export interface MapModelOptions {
  /** The names in the kernel's file, for the sections and symbols of runs. */
  readonly symbols?: KernelSymbols;
  /** For foreign page tables: the kernel whose segments, sections and symbols are to name what they map. */
  readonly kernel?: ExplainedKernel;
  /** For foreign page tables: where physical memory is, for recognizing maps of all of it. */
  readonly memory?: Pick<PhysicalMemory, "base" | "size">;
  /**
   * Which runs to list: an expression of `r`, `w`, `x`, `u` (user mode), `owner:NAME`, `section:NAME` and `segment:N`
   * with `&`, `|`, `!` and parentheses, such as "w&x". Sums are over all runs nevertheless, and no gaps are listed. If
   * it names sections, runs are split by section.
   */
  readonly filter?: string;
  /** Whether runs also end where the sections change; false by default. */
  readonly bySection?: boolean;
  /** Down to which level to list the entries of the tables themselves; none by default. */
  readonly level?: DeepestLevel;
  /** The most runs to list, at least 1; 10,000 by default. The listing ends there, and the model says so. */
  readonly limit?: number;
  /** Ends the work with its reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS: readonly (keyof MapModelOptions)[] = [
  ...["symbols", "kernel", "memory", "filter", "bySection", "level", "limit", "signal"] as const,
];

/** The most runs to list by default. */
export const DEFAULT_LIMIT = 10_000;

/** The most runs to read, most of which a filter leaves out: a second or two of work. */
const MOST_READ = 2 ** 20;

/** The most tables to read: few can stand for many, by referring to one another. */
const MOST_TABLES = 2 ** 22;

/** How many tables to read before a pause. */
const TABLES_BETWEEN = 1000;

/**
 * Maps an address space, of a loaded kernel or of any page tables. Hostile tables can neither make it throw nor go
 * on forever.
 *
 * @example
 * ```ts
 * import { mapModel } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { entries, totals } = await mapModel(kernel);
 * const runs = entries.flatMap(({ runs }) => runs);
 * assertEquals(runs.map(({ permissions, owner, size }) => [permissions, owner, size]), [
 *   ["R-X", "file", 0x1000],
 *   ["R--", "file", 0x1000],
 *   ["RW-", "copy", 0x1000],
 *   ["RW-", "bss", 0x3000],
 * ]);
 * assertEquals(totals.bytes + totals.unmapped, 1n << 48n);
 * ```
 *
 * @param explainable A kernel, or page tables.
 * @param options Names, a filter, and how much to list.
 * @returns The map.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If the filter cannot be parsed, or the limit is not a positive integer. After an abort, rejects
 * with the signal's reason.
 */
export async function mapModel(explainable: Explainable, options: MapModelOptions = {}): Promise<MapModel> {
  checkKeys(options, OPTIONS);
  const { symbols, limit = DEFAULT_LIMIT, signal } = options;
  if (!(Number.isInteger(limit) && limit >= 1)) {
    throw new RangeError(`Cannot list ${limit} runs: the limit must be a positive integer`);
  }
  const filter = options.filter === undefined ? undefined : checkedFilter(options.filter);
  signal?.throwIfAborted();
  const tables = tablesOf(explainable);
  const kernel = kernelOf(explainable);
  const segmentsOf = kernel ?? options.kernel;
  const moved = segmentsOf ?? { virtualAddressOffset: 0n };
  const isSplit = symbols && (options.bySection || (filter && namesSections(filter)));
  const sectionsOf = isSplit ? { ...symbols, virtualAddressOffset: moved.virtualAddressOffset } : undefined;
  const names = symbols && rangeNames(symbols, moved);
  const split = runSplitter({ levels: tables.levels, kernel, segmentsOf, sectionsOf });
  const directMaps: MapOfMemory[] = [];
  const found = listRuns(tables, { progressAfter: TABLES_BETWEEN });
  const builder = mapBuilder(tables, { limit, gaps: filter === undefined });
  const pause = pauses(signal);
  let read = 0;
  for (const item of markDirectMaps(found, kernel?.memory ?? options.memory, directMaps)) {
    const turn = pause();
    if (turn) await turn;
    if (item.kind === "progress") {
      if (item.tables > MOST_TABLES) builder.stop("work");
    } else if (item.kind !== "pages") {
      builder.addPart(item);
    } else {
      for (const run of split(item)) {
        if (++read > MOST_READ) builder.stop("work");
        else if (filter && !passes(filter, filtered(run, names))) builder.addRun(run, false);
        else builder.addRun(names ? withNames(run, names) : run, true);
        if (builder.hasStopped()) break;
        const turn = pause();
        if (turn) await turn;
      }
    }
    if (builder.hasStopped()) break;
  }
  const { totals, ...map } = builder.finish();
  const { tables: listed, counts } = await mapTables(tables, limit, kernel?.frameRuns() ?? [], pause);
  const entries = options.level === undefined ? {} : await entriesTo(tables, options.level, limit, pause);
  return { ...map, directMaps, tables: listed, ...entries, totals: { ...totals, tables: counts } };
}

/** Lists the entries of tables. */
async function entriesTo(
  tables: TableSet,
  level: DeepestLevel,
  limit: number,
  pause: Pause,
): Promise<Pick<MapModel, "tableEntries" | "entriesStopped">> {
  const listed: MapTableEntry[] = [];
  for (const entry of tableEntries(tables, level)) {
    if (listed.length === limit) return { tableEntries: listed, entriesStopped: entry.virt };
    listed.push(entry);
    const turn = pause();
    if (turn) await turn;
  }
  return { tableEntries: listed };
}

function checkedFilter(text: string): FilterNode {
  const parsed = parseFilter(text);
  if ("filter" in parsed) return parsed.filter;
  const { at, message } = parsed.fault;
  throw new RangeError(`Cannot use the filter ${JSON.stringify(text)}: ${message} (character ${at + 1})`);
}

function filtered(run: MapRun, names: RangeNames | undefined): FilteredRun {
  return { ...run, hasSection: (name) => names?.hasSection(name, run.virt, run.size) ?? false };
}

function withNames(run: MapRun, names: RangeNames): MapRun {
  const sections = names.sections(run.virt, run.size);
  const symbols = names.symbols(run.virt, run.size);
  return { ...run, ...(sections ? { sections } : {}), ...(symbols ? { symbols } : {}) };
}
