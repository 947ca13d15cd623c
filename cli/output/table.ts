/**
 * Tables of text: columns as wide as their content, and a remark next to or under each row.
 *
 * @module
 */

import type { Paint } from "./paint.ts";
import { grouped, wrap } from "./text.ts";

/** The most rows to show; `--json` lists them all. */
const MOST_ROWS = 40;

/** The titles of columns whose numbers are aligned to the right. */
const NUMERIC = ["#", "pages"];

const GAP = "  ";
const INDENT = "  ";
/** The indentation of a row's further lines. */
const MORE_INDENT = " ".repeat(7);

/** One row of a table. */
export interface Row {
  /** The text in each column. */
  readonly cells: readonly string[];
  /** A remark about the row. */
  readonly remark?: string;
}

/** The columns that stand next to each other; the others are named under each row. */
interface Layout {
  /** How many columns, from the first on. */
  readonly shown: number;
  /** The width of each; the last may be narrower than its cells, which are then folded. */
  readonly widths: readonly number[];
}

/**
 * Lays out a table. Remarks go next to their rows if all of them fit there, and under the rows otherwise.
 *
 * @param titles The titles of the columns.
 * @param items The items, one row each.
 * @param toRow Returns an item's row.
 * @param paint The colors and the width. On a page that folds, the cells of columns that do not fit go under their row
 * with their titles, before the remark.
 * @param most The most rows to show.
 * @returns The lines, titles first.
 */
export function table<T>(
  titles: readonly string[],
  items: readonly T[],
  toRow: (item: T) => Row,
  paint: Paint,
  most: number = MOST_ROWS,
): readonly string[] {
  const rows = items.slice(0, most).map(toRow);
  const left = items.length - rows.length;
  const widths = titles.map((title, at) => longest([title, ...rows.map(({ cells }) => cells[at])]));
  const layout = fit(widths, [titles, ...rows.map(({ cells }) => cells)], paint);
  const { shown } = layout;
  const end = widths.reduce((sum, width) => sum + GAP.length + width, 0);
  const fits = end + GAP.length + longest(rows.map(({ remark = "" }) => remark)) <= paint.width;
  return [
    ...rowLines(titles, titles, layout).map(paint.faint),
    ...rows.flatMap(({ cells, remark = "" }) => {
      const lines = rowLines(cells, titles, layout);
      if (fits && remark !== "") return [lines[0].padEnd(end) + GAP + paint.faint(remark)];
      const named = titles.map((title, at) => `${title} ${cells[at]}`).filter((_, at) =>
        at >= shown && cells[at] !== "-"
      );
      const under = [...named, remark].filter((text) => text !== "").join("; ");
      if (under === "") return lines;
      const room = paint.width - MORE_INDENT.length;
      const color = named.length === 0 ? paint.faint : String;
      return [
        ...lines,
        ...wrap(under, room, named.filter(({ length }) => length < room)).map((text) => MORE_INDENT + color(text)),
      ];
    }),
    ...(left > 0 ? [paint.faint(`${INDENT}... and ${grouped(left)} more (--json lists all)`)] : []),
  ];
}

/** The length of the longest text; there may be more texts than a call can have arguments. */
function longest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0);
}

/** Decides which columns fit next to each other, at least the first. */
function fit(widths: readonly number[], rows: readonly (readonly string[])[], { width, folds }: Paint): Layout {
  if (!folds) return { shown: widths.length, widths };
  let end = 0;
  for (const [at, whole] of widths.entries()) {
    const room = width - end - GAP.length;
    end += GAP.length + whole;
    if (end <= width) continue;
    const isLast = at === widths.length - 1;
    const word = longest(rows.flatMap((cells) => wrap(cells[at], 0)));
    if (isLast && (word <= room || at === 0)) return { shown: at + 1, widths: [...widths.slice(0, at), room] };
    return { shown: Math.max(at, 1), widths };
  }
  return { shown: widths.length, widths };
}

/** One line of a row; several if the last cell is too wide and has spaces, such as a list of ranges. */
function rowLines(
  cells: readonly string[],
  titles: readonly string[],
  { shown, widths }: Layout,
): readonly string[] {
  const padded = cells.slice(0, shown).map((cell, at) => {
    return NUMERIC.includes(titles[at]) ? cell.padStart(widths[at]) : cell.padEnd(widths[at]);
  });
  const last = padded[shown - 1].trimEnd();
  const before = INDENT + padded.slice(0, -1).map((cell) => cell + GAP).join("");
  return wrap(last, Math.max(widths[shown - 1], 1)).map((text, at) => {
    return ((at === 0 ? before : " ".repeat(before.length)) + text).trimEnd();
  });
}
