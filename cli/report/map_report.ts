/**
 * The report of `kload map` for people.
 *
 * @module
 */

import type { MapModel, MapTotals } from "../../explain/map/address_map.ts";
import type { Paint } from "../output/paint.ts";
import { count, exactSize, grouped, hex, hexRange, printable, wrap } from "../output/text.ts";
import { type DrawingOptions, mapDrawing } from "./map_drawing.ts";
import { entriesSection, tablesSection } from "./map_tables.ts";
import { pageLetters } from "../../core/elf/permission_letters.ts";
import { mapVerdict } from "./map_words.ts";
import { type Facts, headline, labelled, sections } from "./report_parts.ts";
import { roughSize } from "./rough_size.ts";

/** What a report needs besides the map. */
export interface AboutMap extends DrawingOptions {
  /** What was mapped: the name of a file, or where page tables were read. */
  readonly name: string;
  /** What is known about where the page tables are from. */
  readonly facts: Facts;
  /** What the filter names that is not there. */
  readonly filterNotes?: readonly string[];
  /** Whether to list the page tables. */
  readonly tables: boolean;
  /** The most runs that were to be listed. */
  readonly limit: number;
}

/**
 * The report on an address space: sums first, then the drawing.
 *
 * @param model The map.
 * @param about What the report needs besides the map.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function mapReport(model: MapModel, about: AboutMap, paint: Paint): string {
  return sections([
    [...headline(about.name, mapVerdict(model, paint.warning), paint), ...labelled(facts(model, about), paint)],
    model.tableEntries
      ? entriesSection(model.tableEntries, model.entriesStopped, about.limit, paint)
      : mapDrawing(model, about, paint),
    stopLines(model, about, paint),
    about.tables ? tablesSection(model, about.limit, paint) : [],
  ]);
}

function facts(model: MapModel, about: AboutMap): Facts {
  const { totals, root, levels, directMaps } = model;
  const { permissions, pages, tables } = totals;
  const all: (readonly [string, string])[] = [...about.facts];
  if (pages.length > 0) {
    all.push(["pages", pages.map(({ pageSize, pages }) => `${grouped(pages)} of ${exactSize(pageSize)}`).join(", ")]);
    all.push(["permissions", permissions.map(permissionWords).join(", ")]);
  }
  const number = tables.reduce((sum, { tables }) => sum + tables, 0);
  const byLevel = tables.map(({ level, tables }) => `level ${level}: ${grouped(tables)}`).join(", ");
  all.push(["page tables", `${grouped(number)} (${byLevel}); the level-${levels} table is at ${hex(root)}`]);
  for (const { phys, size, virt, offset } of directMaps) {
    const text = `physical ${hexRange(phys, size)} at ${offset === 0n ? "its own addresses" : hex(virt)}`;
    all.push([offset === 0n ? "identity map" : "direct map", text]);
  }
  if (about.filter !== undefined) {
    const shown = model.entries.reduce((sum, { runs }) => sum + runs.length, 0);
    all.push([
      "filter",
      `${printable(about.filter)}: ${
        [`${grouped(shown)} of ${count(totals.runs, "run")}`, ...about.filterNotes ?? []].join("; ")
      }`,
    ]);
  }
  return all;
}

function permissionWords({ permissions, user, bytes }: MapTotals["permissions"][number]): string {
  return `${pageLetters({ permissions, user })} ${roughSize(bytes)}`;
}

function stopLines({ stopped }: MapModel, { limit }: AboutMap, paint: Paint): readonly string[] {
  if (!stopped) return [];
  const why = stopped.because === "limit"
    ? `because of --limit ${grouped(limit)}`
    : "because this is as much as kload reads: a few tables can map very many pages";
  const text = `The map ends at ${
    hex(stopped.virt)
  } ${why}. What is mapped from there on is neither shown nor counted.`;
  return wrap(text, paint.width).map((line) => paint.warning(line));
}
