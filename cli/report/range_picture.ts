/**
 * Two ranges as a picture: a bar each, to one scale, with their overlap marked.
 *
 * @module
 */

import type { NamedRange } from "../../loaders/mod.ts";
import type { Paint } from "../output/paint.ts";
import { hex, printable } from "../output/text.ts";

/** The widest bar, in columns. */
const WIDEST = 48;

/** The narrowest bar next to a name and its addresses; a bar with less room gets a line of its own. */
const NARROWEST = 12;

const GAP = "  ";

const OUTSIDE = ".";
const OWN = "=";
const SHARED = "#";
/** An empty range has a place, but no length. */
const EMPTY = "|";

/** The columns of a bar, from the first to the one after the last. */
interface Columns {
  readonly from: number;
  readonly to: number;
}

/**
 * Draws two ranges, one under the other, to one scale: `=` is a range, `#` where they overlap, `.` the rest, and `|` the
 * place of an empty range.
 *
 * @param ranges The ranges.
 * @param indent How many spaces to put in front of each line.
 * @param paint The colors and the width.
 * @returns Two lines, or four where a name, a bar and addresses do not fit on one.
 */
export function rangePicture(
  ranges: readonly [NamedRange, NamedRange],
  indent: number,
  paint: Paint,
): readonly string[] {
  const names = ranges.map(({ name }) => printable(name));
  const addresses = ranges.map(({ start, end }) => `${hex(start)}..${hex(end)}`);
  const nameWidth = Math.max(...names.map(({ length }) => length));
  const addressWidth = Math.max(...addresses.map(({ length }) => length));
  const room = paint.width - indent - nameWidth - addressWidth - 2 * GAP.length;
  const isWide = room >= NARROWEST;
  const bars = barsOf(ranges, Math.min(WIDEST, isWide ? room : Math.max(paint.width - indent, 1)));
  const start = " ".repeat(indent);
  return ranges.flatMap((_, at) => {
    const bar = coloredBar(bars[at], paint);
    if (isWide) return [start + names[at].padEnd(nameWidth) + GAP + bar + GAP + addresses[at]];
    return [start + names[at] + GAP + addresses[at], start + bar];
  });
}

/** The bars as text, each `width` columns. */
function barsOf(ranges: readonly [NamedRange, NamedRange], width: number): readonly string[] {
  const first = least(ranges.map(({ start }) => start));
  const span = greatest(ranges.flatMap(({ start, end }) => [start, end])) - first;
  /** The column at which an address lies, to the nearest. */
  const columnOf = (address: bigint): number => {
    return span === 0n ? 0 : Number(((address - first) * BigInt(2 * width) + span) / (2n * span));
  };
  /** At least one column, however short the range. */
  const columnsOf = (start: bigint, end: bigint): Columns => {
    const from = Math.min(columnOf(start), width - 1);
    return { from, to: Math.max(columnOf(end), from + 1) };
  };
  const [one, other] = ranges;
  const start = greatest([one.start, other.start]);
  const end = least([one.end, other.end]);
  const shared = start < end ? columnsOf(start, end) : { from: 0, to: 0 };
  return ranges.map((range) => {
    const own = columnsOf(range.start, range.end);
    const letter = range.end > range.start ? OWN : EMPTY;
    return Array.from({ length: width }, (_, at) => {
      return isIn(shared, at) ? SHARED : isIn(own, at) ? letter : OUTSIDE;
    }).join("");
  });
}

function isIn({ from, to }: Columns, at: number): boolean {
  return from <= at && at < to;
}

function coloredBar(bar: string, paint: Paint): string {
  return bar.replace(/#+/, paint.error).replaceAll(/[.]+/g, paint.faint);
}

function least(values: readonly bigint[]): bigint {
  return values.reduce((one, other) => one < other ? one : other);
}

function greatest(values: readonly bigint[]): bigint {
  return values.reduce((one, other) => one > other ? one : other);
}
