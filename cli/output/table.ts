/**
 * Tables of text: columns as wide as they have to be, a remark behind or under each row.
 *
 * @module
 */

import type { Paint } from "./paint.ts";
import { grouped, wrap } from "./text.ts";

/** The widest line of a report. */
export const WIDTH = 100;

/** The most rows that are shown; a program reads them all in JSON. */
const MOST_ROWS = 40;

/** The titles of columns whose numbers stand to the right. */
const NUMERIC = ["#", "pages"];

const MARGIN = "  ";
const REMARK_MARGIN = " ".repeat(7);

/** One row of a table. */
export interface Row {
  /** The text in each column. */
  readonly cells: readonly string[];
  /** What there is to say beside. */
  readonly remark?: string;
}

/**
 * Lays out a table.
 *
 * @param titles The titles of the columns; numbers stand to the right.
 * @param items What there is a row for each.
 * @param toRow Makes an item's row.
 * @param paint The colours.
 * @returns The lines, titles first. Where a row is wider than {@linkcode WIDTH}, its last columns go to a second line.
 */
export function table<T>(
  titles: readonly string[],
  items: readonly T[],
  toRow: (item: T) => Row,
  paint: Paint,
): readonly string[] {
  const rows = items.slice(0, MOST_ROWS).map(toRow);
  const left = items.length - rows.length;
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map(({ cells }) => cells[at].length)));
  const total = widths.reduce((sum, width) => sum + MARGIN.length + width, 0);
  const firstLine = total <= WIDTH ? titles.length : Math.ceil(titles.length / 2) + 1;
  const line = (cells: readonly string[], from: number, to: number): string => {
    const padded = cells.slice(from, to).map((cell, at) => {
      return NUMERIC.includes(titles[from + at]) ? cell.padStart(widths[from + at]) : cell.padEnd(widths[from + at]);
    });
    return padded.join(MARGIN).trimEnd();
  };
  const lines = (cells: readonly string[]): string[] => {
    const first = MARGIN + line(cells, 0, firstLine);
    return firstLine === titles.length ? [first] : [first, REMARK_MARGIN + line(cells, firstLine, titles.length)];
  };
  const longest = Math.max(0, ...rows.map(({ remark = "" }) => remark.length));
  const behind = total + MARGIN.length + longest <= WIDTH;
  return [
    ...lines(titles).map(paint.faint),
    ...rows.flatMap(({ cells, remark = "" }) => {
      if (remark === "") return lines(cells);
      if (behind) return [lines(cells)[0].padEnd(total) + MARGIN + paint.faint(remark)];
      const under = wrap(remark, WIDTH - REMARK_MARGIN.length).map((text) => REMARK_MARGIN + paint.faint(text));
      return [...lines(cells), ...under];
    }),
    ...(left > 0 ? [paint.faint(`${MARGIN}... and ${grouped(left)} more, which --json lists`)] : []),
  ];
}
