/**
 * Recognizes maps of all physical memory among the runs of a listing.
 *
 * @module
 */

import type { PhysicalMemory } from "../../core/memory/physical_memory.ts";
import type { PageRun, TableItem } from "../tables/table_items.ts";
import type { MapOfMemory } from "./address_map.ts";

/** What a listing finds; for a run, also whether it is part of a map of all physical memory. */
export type MarkedItem = Exclude<TableItem, PageRun> | (PageRun & { readonly directMap: boolean });

/** The most runs to hold back until it is known what they are part of: a map has few. */
const MOST_WAITING = 65_536;

/** Runs that follow each other at the same distance from their frames. */
interface Chain {
  readonly first: PageRun;
  /** Those that are not passed on yet. */
  waiting: PageRun[];
  /** Number of bytes in all of them. */
  size: number;
  /** Its place in the list of maps, once it has all of memory. */
  map?: number;
}

/**
 * Marks the runs that together map all of physical memory at one offset.
 *
 * @param items What a listing finds.
 * @param memory Where physical memory is; without it, no run is marked.
 * @param maps Where to add the maps; the last one may grow until the next item is taken.
 * @returns The same items in the same order, except that those of kind "progress" may come earlier.
 */
export function* markDirectMaps(
  items: Iterable<TableItem>,
  memory: Pick<PhysicalMemory, "base" | "size"> | undefined,
  maps: MapOfMemory[],
): Generator<MarkedItem, void, undefined> {
  const start = memory?.base ?? -1;
  const end = start + (memory?.size ?? 0);
  let chain: Chain | undefined;
  function* passOn(): Generator<MarkedItem, void, undefined> {
    const { waiting, map } = chain ?? { waiting: [] };
    if (chain) chain.waiting = [];
    for (const run of waiting) yield { ...run, directMap: map !== undefined };
  }
  for (const item of items) {
    if (item.kind === "progress") {
      yield item;
      continue;
    }
    if (item.kind === "pages" && chain && follows(chain, item)) {
      chain.size += item.size;
      chain.waiting.push(item);
    } else {
      yield* passOn();
      chain = undefined;
      if (item.kind !== "pages") {
        yield item;
        continue;
      }
      chain = { first: item, waiting: [item], size: item.size };
    }
    const { first, size, waiting } = chain;
    if (first.phys <= start && first.phys + size >= end) {
      chain.map ??= maps.length;
      const { virt, phys } = first;
      maps[chain.map] = { virt, phys, size, offset: BigInt.asUintN(64, virt - BigInt(phys)) };
      yield* passOn();
    } else if (first.phys > start || waiting.length === MOST_WAITING) {
      yield* passOn();
      chain = undefined;
    }
  }
  yield* passOn();
}

function follows({ first, size }: Chain, { virt, phys }: PageRun): boolean {
  return phys === first.phys + size && virt === first.virt + BigInt(size);
}
