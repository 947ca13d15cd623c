/**
 * The entries at an address that is in a page table.
 *
 * @module
 */

import { decodeEntry } from "../../explain/tables/decode_entry.ts";
import type { TableLevel } from "../../explain/tables/table_set.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { hex } from "../output/text.ts";

/** A part of a page table. */
export interface TablePart {
  /** The level of the table. */
  readonly level: TableLevel;
  /** Index of the first entry. */
  readonly first: number;
  /** The entries. */
  readonly entries: readonly bigint[];
}

/**
 * Lists entries of a page table.
 *
 * @param part The entries.
 * @param paint The colors and the width.
 * @returns The lines, with a title.
 */
export function entryLines({ level, first, entries }: TablePart, paint: Paint): readonly string[] {
  const toRow = ({ entry, index }: { readonly entry: bigint; readonly index: number }): Row => {
    const { kind, address, flags } = decodeEntry(entry, level);
    const to = kind === "absent"
      ? "-"
      : `${kind === "page" ? "page" : `level-${level - 1} table`} at ${hex(address ?? 0)}`;
    return { cells: [`${index}`, `0x${entry.toString(16).padStart(16, "0")}`, to], remark: flags.join(" ") };
  };
  const rows = entries.map((entry, at) => ({ entry, index: first + at }));
  return [
    paint.title(`Entries of the level-${level} table`),
    ...table(["index", "entry", "leads to"], rows, toRow, paint),
  ];
}
