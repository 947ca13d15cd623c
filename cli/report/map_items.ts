/**
 * What is in a map, in the order in which it is drawn.
 *
 * @module
 */

import type { MapEntry, MapGap, MapModel, MapRun } from "../../explain/map/address_map.ts";
import { ENTRY_SPAN, entryContent, type MapPart, NO_PAGE } from "./map_words.ts";

/** A run's part of its level-4 entry, to scale, without the gaps: from 0 to 1. */
export interface Share {
  readonly from: number;
  readonly to: number;
}

/**
 * Something to draw. An entry comes before what is in it, and what a filter left out after that; several in a row in
 * which no page is mapped are one.
 */
export type MapItem =
  | { readonly kind: "entry" | "left"; readonly entry: MapEntry }
  | { readonly kind: "empty"; readonly entries: MapEntry[] }
  | { readonly kind: "run"; readonly run: MapRun; readonly share: Share }
  | { readonly kind: "part"; readonly part: MapPart }
  | { readonly kind: "gaps"; readonly gaps: readonly MapGap[] };

interface Placed {
  readonly virt: bigint;
  /** What comes first at equal addresses. */
  readonly order: number;
  readonly item: MapItem;
}

/**
 * Puts everything in order.
 *
 * @param model The map.
 * @param isFiltered Whether there is a filter: then only runs count, and the entries that they are in.
 * @returns Entries, runs, parts and gaps, ascending by address. Gaps with nothing between them are one item.
 */
export function mapItems(model: MapModel, isFiltered: boolean): readonly MapItem[] {
  const { gaps } = model;
  const entries = isFiltered ? model.entries.filter(({ runs }) => runs.length > 0) : model.entries;
  const parts = isFiltered ? [] : model.parts;
  const firstParts = new Map<bigint, bigint>();
  for (const { virt } of parts) {
    const at = virt / ENTRY_SPAN;
    if (!firstParts.has(at)) firstParts.set(at, virt);
  }
  const placed: Placed[] = [
    ...gaps.map((gap) => ({ virt: gap.virt, order: 0, item: { kind: "gaps" as const, gaps: [gap] } })),
    ...parts.map((part) => ({ virt: part.virt, order: 2, item: { kind: "part" as const, part } })),
    ...entries.flatMap((entry) => placedIn(entry, firstParts.get(entry.virt / ENTRY_SPAN))),
  ];
  placed.sort((one, other) => one.virt === other.virt ? one.order - other.order : one.virt < other.virt ? -1 : 1);
  const isEmpty = (entry: MapEntry): boolean => {
    return entryContent(entry, model) === NO_PAGE && !firstParts.has(entry.virt / ENTRY_SPAN);
  };
  const items: MapItem[] = [];
  for (const { item } of placed) {
    const last = items.at(-1);
    if (item.kind === "gaps" && last?.kind === "gaps") {
      items[items.length - 1] = { kind: "gaps", gaps: [...last.gaps, ...item.gaps] };
    } else if (item.kind !== "entry" || !isEmpty(item.entry)) items.push(item);
    else if (last?.kind === "empty" && follows(last.entries, item.entry)) last.entries.push(item.entry);
    else items.push({ kind: "empty", entries: [item.entry] });
  }
  return items;
}

function follows(entries: readonly MapEntry[], { index, level5Index }: MapEntry): boolean {
  const last = entries.at(-1);
  return last?.index === index - 1 && last.level5Index === level5Index;
}

function placedIn(entry: MapEntry, part: bigint | undefined): readonly Placed[] {
  const { virt, runs, left } = entry;
  const run = runs.at(0)?.virt;
  const start = run === undefined ? part ?? virt : part !== undefined && part < run ? part : run;
  const whole = runs.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  return [
    { virt: start, order: 1, item: { kind: "entry", entry } },
    ...runs.map((run) => {
      const share = { from: before / whole, to: (before + run.size) / whole };
      before += run.size;
      return { virt: run.virt, order: 2, item: { kind: "run" as const, run, share } };
    }),
    ...(left.runs > 0 ? [{ virt: runs.at(-1)?.virt ?? start, order: 3, item: { kind: "left" as const, entry } }] : []),
  ];
}

/**
 * Lays out a share along a bar.
 *
 * @param share The share.
 * @param width The width of the bar, in columns or another unit.
 * @returns Where it starts and ends: at least one unit apart, so that small ones can be seen.
 */
export function sharePlace({ from, to }: Share, width: number): Share {
  const start = Math.min(Math.round(from * width), width - 1);
  return { from: start, to: Math.max(Math.round(to * width), start + 1) };
}
