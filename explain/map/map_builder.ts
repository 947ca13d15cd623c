/**
 * Builds a map from what a listing finds, which comes in ascending order of addresses.
 *
 * @module
 */

import type { RecursiveEntry, TableProblem } from "../tables/table_items.ts";
import { ENTRY_PAGES, PAGE_BYTES, pageAddress } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { MapEntry, MapGap, MapModel, MapRun, MapTotals } from "./address_map.ts";
import { level4Entries } from "./level4_entries.ts";
import { mapSums } from "./map_sums.ts";

/** A map that grows. */
export interface MapBuilder {
  /** Adds a run, and lists it if the second argument is true. */
  readonly addRun: (run: MapRun, isListed: boolean) => void;
  /** Adds what cannot be listed as runs. */
  readonly addPart: (part: RecursiveEntry | TableProblem) => void;
  /** Ends the map after what was added last. */
  readonly stop: (because: "limit" | "work") => void;
  /** Whether it has ended: nothing more may be added. */
  readonly hasStopped: () => boolean;
  /** Returns the map, except for what is not found in order. */
  readonly finish: () => Omit<MapModel, "directMaps" | "tables" | "totals"> & {
    readonly totals: Omit<MapTotals, "tables">;
  };
}

/** An entry, while runs are being added. Its sizes are exact as numbers: multiples of 4096 below 2^58. */
interface OpenEntry extends Omit<MapEntry, "left" | "kind"> {
  kind: MapEntry["kind"];
  readonly runs: MapRun[];
  leftRuns: number;
  leftBytes: number;
}

const LEVEL4_SPAN = ENTRY_PAGES[4] * PAGE_BYTES;

/**
 * Starts a map.
 *
 * @param tables The tables.
 * @param options `limit`: the most runs, and of anything else, to list. `gaps`: whether to list gaps.
 * @returns The empty map.
 */
export function mapBuilder(
  tables: TableSet,
  { limit, gaps: listsGaps }: { readonly limit: number; readonly gaps: boolean },
): MapBuilder {
  const { root, levels } = tables;
  const end = ENTRY_PAGES[levels] * 512 * PAGE_BYTES;
  const lowOf = (virt: bigint): number => Number(BigInt.asUintN(levels === 5 ? 57 : 48, virt));
  const virtOf = (low: number): bigint => pageAddress(low / PAGE_BYTES, levels);
  const sums = mapSums();
  const entries: OpenEntry[] = [];
  const gaps: MapGap[] = [];
  const parts: (RecursiveEntry | TableProblem)[] = [];
  const inUse = level4Entries(tables);
  let next = inUse.next();
  let position = 0; // the end of what was added last, without sign extension
  let unmapped = 0;
  let listed = 0;
  let stopped: MapModel["stopped"];

  const stop = (because: "limit" | "work"): void => {
    stopped ??= { virt: virtOf(position), because };
  };
  const gapTo = (low: number): void => {
    for (let start = position; start < low;) {
      const to = start < end / 2 ? Math.min(low, end / 2) : low; // the addresses between the halves are not canonical
      unmapped += to - start;
      if (listsGaps) gaps.push({ virt: virtOf(start), size: BigInt(to - start) });
      start = to;
    }
    position = low;
  };
  /** Opens the entries up to an address. */
  const openTo = (low: number): void => {
    while (!next.done && !stopped && lowOf(next.value.virt) <= low) {
      const { virt } = next.value;
      if (entries.length === limit) {
        gapTo(Math.max(position, lowOf(virt)));
        return stop("limit");
      }
      entries.push({ ...next.value, kind: "table", runs: [], leftRuns: 0, leftBytes: 0 });
      next = inUse.next();
    }
  };
  /** Goes on to the address of what is to be added; false if the map ends before it. */
  const goTo = (virt: bigint, hasRoom: boolean): boolean => {
    const low = lowOf(virt);
    openTo(low);
    if (stopped) return false;
    gapTo(low);
    if (!hasRoom) stop("limit");
    return hasRoom;
  };
  return {
    addRun: (run, isListed) => {
      if (!goTo(run.virt, !isListed || listed < limit)) return;
      position += run.size;
      sums.add(run);
      const entry = entries.at(-1);
      if (!entry) return; // not with tables that stay as they are
      if (isListed) {
        entry.runs.push(run);
        listed++;
      } else {
        entry.leftRuns++;
        entry.leftBytes += run.size;
      }
    },
    addPart: (part) => {
      if (!goTo(part.virt, parts.length < limit)) return;
      position += part.size;
      parts.push(part);
      const entry = entries.at(-1);
      if (entry && entry.virt === part.virt && part.size === LEVEL4_SPAN) entry.kind = part.kind;
    },
    stop,
    hasStopped: () => stopped !== undefined,
    finish: () => {
      if (!stopped) openTo(end);
      if (!stopped) gapTo(end);
      return {
        root,
        levels,
        entries: entries.map(({ leftRuns, leftBytes, ...entry }) => {
          return { ...entry, left: { runs: leftRuns, bytes: BigInt(leftBytes) } };
        }),
        gaps,
        parts,
        totals: { ...sums.totals(), unmapped: BigInt(unmapped) },
        ...(stopped ? { stopped } : {}),
      };
    },
  };
}
