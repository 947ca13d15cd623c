/**
 * The JSON output of `kload map`: the map itself.
 *
 * @module
 */

import type { MapModel } from "../../explain/map/address_map.ts";
import { hex } from "../output/text.ts";
import { versionedJson } from "./json.ts";

/**
 * An address space.
 *
 * @param model The map.
 * @param about What was mapped, and what is known about where it is from.
 * @returns The object, and a line break.
 */
export function mapJson(model: MapModel, about: Readonly<Record<string, unknown>>): string {
  const { root, entries, parts, directMaps, tables, tableEntries } = model;
  return versionedJson({
    ...about,
    ...model,
    root: hex(root),
    entries: entries.map((entry) => ({
      ...entry,
      runs: entry.runs.map((run) => ({ ...run, phys: hex(run.phys) })),
    })),
    parts: parts.map((part) => {
      const target = part.kind === "recursive" ? { target: hex(part.target) } : {};
      return { ...part, table: hex(part.table), ...target, size: BigInt(part.size) };
    }),
    directMaps: directMaps.map((map) => ({ ...map, phys: hex(map.phys) })),
    tables: tables.map((table) => ({ ...table, frame: hex(table.frame) })),
    ...(tableEntries
      ? {
        tableEntries: tableEntries.map((entry) => {
          return { ...entry, table: hex(entry.table), phys: hex(entry.phys), size: BigInt(entry.size) };
        }),
      }
      : {}),
  });
}
