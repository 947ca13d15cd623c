/**
 * The sections of a map that list page tables, and their entries.
 *
 * @module
 */

import type { MapModel, MapTable } from "../../explain/map/address_map.ts";
import type { MapTableEntry } from "../../explain/map/table_entries.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { count, grouped, hex, hexRange, printable } from "../output/text.ts";
import { roughSize } from "./rough_size.ts";

/**
 * Lists the page tables.
 *
 * @param model The map.
 * @param limit The most tables that were to be listed.
 * @param paint The colors and the width.
 * @returns The lines.
 */
export function tablesSection(
  { root, levels, tables, totals }: MapModel,
  limit: number,
  paint: Paint,
): readonly string[] {
  const all = totals.tables.reduce((sum, { tables }) => sum + tables, 0);
  return [
    paint.title("Page tables"),
    ...table(
      ["level", "frame", "covers", "in use"],
      tables,
      (table) => tableRow(table, table.frame === root && table.level === levels),
      paint,
      limit,
    ),
    ...(all > tables.length ? [paint.faint(`  … and ${grouped(all - tables.length)} more (--limit)`)] : []),
  ];
}

function tableRow({ level, frame, virt, size, present, references, owner }: MapTable, isRoot: boolean): Row {
  const notes = [
    ...(present === undefined ? ["outside the known memory"] : []),
    ...(references > 1 && !isRoot ? [`${grouped(references)} entries point to it; the lowest range is shown`] : []),
    ...(owner === undefined || owner === "table" ? [] : [`its frame is for ${printable(owner)}`]),
  ];
  const covers = isRoot ? "the whole address space" : hexRange(virt, size);
  return {
    cells: [`${level}`, hex(frame), covers, present === undefined ? "-" : `${present}`],
    remark: notes.join("; "),
  };
}

/**
 * Lists the entries of page tables, each table below the entry that points to it.
 *
 * @param entries The entries.
 * @param stopped The address of the first one that is missing, if one is.
 * @param limit The most entries that were to be listed.
 * @param paint The colors and the width.
 * @returns The lines.
 */
export function entriesSection(
  entries: readonly MapTableEntry[],
  stopped: bigint | undefined,
  limit: number,
  paint: Paint,
): readonly string[] {
  const top = entries[0]?.level ?? 4;
  const toRow = (entry: MapTableEntry): Row => {
    const { level, index, count: number, virt, size, entry: bits, flags } = entry;
    const indices = number === 1 ? `${index}` : `${index}-${index + number - 1}`;
    const place = `${"  ".repeat(top - level)}${level}[${indices}]`;
    return { cells: [place, hex(virt), roughSize(size), hex(bits), target(entry)], remark: flags.join(", ") };
  };
  return [
    paint.title("Entries"),
    ...table(["level[index]", "from", "size", "entry", "what"], entries, toRow, paint, limit),
    ...(stopped === undefined ? [] : [paint.warning(`  … and more from ${hex(stopped)} on (--limit ${limit})`)]),
  ];
}

function target({ kind, phys, count: number, level }: MapTableEntry): string {
  switch (kind) {
    case "page":
      return number === 1 ? `page at ${hex(phys)}` : `${count(number, "page")} at ${hex(phys)}`;
    case "table":
      return `level-${level - 1} table at ${hex(phys)}`;
    case "recursive":
      return `recursive, table at ${hex(phys)}`;
    case "unknown":
      return `unknown table at ${hex(phys)}`;
    case "reserved":
      return "reserved bits set";
  }
}
