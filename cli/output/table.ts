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

/** The columns that share one line of a row. */
interface Line {
  readonly indent: string;
  readonly columns: readonly number[];
  /** Number of characters of indentation and columns. */
  readonly length: number;
}

/**
 * Lays out a table. Remarks go next to their rows if all of them fit there, and under the rows otherwise.
 *
 * @param titles The titles of the columns.
 * @param items The items, one row each.
 * @param toRow Returns an item's row.
 * @param paint The colors and the width. On a page that folds, columns that do not fit go on further lines.
 * @returns The lines, titles first.
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
  const lines = fold(widths, paint);
  const texts = (cells: readonly string[]): readonly string[] => {
    return lines.flatMap((line) => lineTexts(line, cells, titles, widths, paint));
  };
  const end = lines[lines.length - 1].length;
  const longest = Math.max(0, ...rows.map(({ remark = "" }) => remark.length));
  const fits = end + GAP.length + longest <= paint.width;
  return [
    ...texts(titles).map(paint.faint),
    ...rows.flatMap(({ cells, remark = "" }) => {
      const shown = texts(cells);
      if (remark === "") return shown;
      if (fits) return [...shown.slice(0, -1), shown[shown.length - 1].padEnd(end) + GAP + paint.faint(remark)];
      const under = wrap(remark, paint.width - MORE_INDENT.length);
      return [...shown, ...under.map((text) => MORE_INDENT + paint.faint(text))];
    }),
    ...(left > 0 ? [paint.faint(`${INDENT}... and ${grouped(left)} more (--json lists all)`)] : []),
  ];
}

/** Distributes columns over lines; a line holds at least one. */
function fold(widths: readonly number[], { width: most, folds }: Paint): readonly Line[] {
  const lines: Line[] = [];
  widths.forEach((width, column) => {
    const line = lines.at(-1);
    if (line && (!folds || line.length + GAP.length + width <= most)) {
      const columns = [...line.columns, column];
      lines[lines.length - 1] = { ...line, columns, length: line.length + GAP.length + width };
    } else {
      const indent = line ? MORE_INDENT : INDENT;
      lines.push({ indent, columns: [column], length: indent.length + width });
    }
  });
  return lines;
}

/** One line of a row, or several if it holds one cell that is too wide, such as a list of ranges. */
function lineTexts(
  { indent, columns, length }: Line,
  cells: readonly string[],
  titles: readonly string[],
  widths: readonly number[],
  { width, folds }: Paint,
): readonly string[] {
  if (folds && length > width) return wrap(cells[columns[0]], width - indent.length).map((text) => indent + text);
  const padded = columns.map((at) => {
    return NUMERIC.includes(titles[at]) ? cells[at].padStart(widths[at]) : cells[at].padEnd(widths[at]);
  });
  return [(indent + padded.join(GAP)).trimEnd()];
}
