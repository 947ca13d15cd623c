/**
 * Draws a map for the terminal: level-4 entries, runs with bars, and gaps.
 *
 * @module
 */

import type { MapEntry, MapGap, MapModel, MapRun } from "../../explain/map/address_map.ts";
import { decodeEntry } from "../../explain/tables/decode_entry.ts";
import type { Paint } from "../output/paint.ts";
import { count, exactSize, hex, hexRange, wrap } from "../output/text.ts";
import { ENTRY_SPAN, mapItems, type Share, sharePlace } from "./map_items.ts";
import { type MapPart, ownerWords, partWords, runLetters, runNotes, sizeOfGaps } from "./map_words.ts";
import { roughSize } from "./rough_size.ts";

/** How to draw. */
export interface DrawingOptions {
  /** Whether to show the addresses of gaps. */
  readonly holes: boolean;
  /** Whether to show level-4 entries bit by bit. */
  readonly verbose: boolean;
}

const GAP = "  ";
/** The indentation of further lines on a run. */
const MORE = " ".repeat(7);
/** The widest bar. */
const WIDEST = 24;
/** The narrowest bar that shows anything. */
const NARROWEST = 8;

const INSIDE = "=";
const OUTSIDE = ".";

/** The widths of columns. */
interface Layout {
  readonly letters: number;
  readonly range: number;
  readonly size: number;
  readonly owner: number;
  /** 0 if there is no room for one. */
  readonly bar: number;
  /** Whether the notes on every run fit next to it. */
  readonly notesFit: boolean;
  readonly withUser: boolean;
}

/**
 * Draws a map.
 *
 * @param model The map.
 * @param options What to show.
 * @param paint The colors and the width.
 * @returns The lines.
 */
export function mapDrawing(model: MapModel, options: DrawingOptions, paint: Paint): readonly string[] {
  const layout = layoutOf(model, paint);
  return mapItems(model).flatMap((item, at) => {
    switch (item.kind) {
      case "entry":
        return [...(at === 0 ? [] : [""]), ...entryLines(item.entry, options, paint)];
      case "left":
        return [leftLine(item.entry, paint)];
      case "run":
        return runLines(item.run, item.share, model, layout, paint);
      case "part":
        return partLines(item.part, paint);
      case "gaps":
        return options.holes
          ? item.gaps.map((gap) => holeLine(gap, layout, paint))
          : [paint.faint(`${GAP}… ${roughSize(sizeOfGaps(item.gaps))} not mapped`)];
    }
  });
}

function layoutOf(model: MapModel, { width, folds }: Paint): Layout {
  const runs = model.entries.flatMap((entry) => entry.runs);
  const withUser = runs.some(({ user }) => user);
  const longest = (texts: readonly string[]): number => texts.reduce((most, { length }) => Math.max(most, length), 0);
  const letters = withUser ? 4 : 3;
  const range = longest(runs.map(({ virt, size }) => hexRange(virt, size)));
  const size = longest(runs.map(({ size }) => exactSize(size)));
  const owner = longest(runs.map((run) => ownerWords(run, model)));
  const used = [letters, range, size, owner].filter((each) => each > 0).reduce(
    (sum, each) => sum + GAP.length + each,
    0,
  );
  const room = width - used - GAP.length;
  const notes = longest(runs.map((run) => runNotes(run).join(", ")));
  const notesFit = room - NARROWEST - GAP.length >= notes;
  const most = notesFit ? room - notes - GAP.length : room;
  const bar = most >= NARROWEST ? Math.min(most, WIDEST) : 0;
  return { letters, range, size, owner: folds && room < 0 ? 0 : owner, bar, notesFit, withUser };
}

function entryLines(
  { index, level5Index, virt, entry, kind, runs, left }: MapEntry,
  { verbose }: DrawingOptions,
  paint: Paint,
): readonly string[] {
  const name = level5Index === undefined
    ? `Level-4 entry ${index}`
    : `Level-5 entry ${level5Index}, level-4 entry ${index}`;
  const bytes = runs.reduce((sum, { size }) => sum + BigInt(size), left.bytes);
  const number = runs.length + left.runs;
  const content = number === 0
    ? kind === "table" ? "no page is mapped" : ""
    : `${roughSize(bytes)} in ${count(number, "run")}`;
  const title = `${name}: ${hexRange(virt, ENTRY_SPAN)}`;
  const fits = title.length + 2 + content.length <= paint.width;
  return [
    paint.title(title) + (content !== "" && fits ? `, ${content}` : ""),
    ...(content === "" || fits ? [] : [`${GAP}${content}`]),
    ...(verbose ? wrap(entryWords(entry), paint.width - 2 * GAP.length).map((line) => paint.faint(GAP + line)) : []),
  ];
}

function entryWords(entry: bigint): string {
  const { flags, address } = decodeEntry(entry, 4);
  return `${hex(entry)}: ${flags.join(", ")}, address ${hex(address ?? 0)}`;
}

function runLines(run: MapRun, share: Share, model: MapModel, layout: Layout, paint: Paint): readonly string[] {
  const { letters, range, size, owner, bar, notesFit, withUser } = layout;
  const color = colorOf(run, paint);
  const notes = runNotes(run);
  const words = ownerWords(run, model);
  const cells = [
    color(runLetters(run, withUser).padEnd(letters)),
    hexRange(run.virt, run.size).padEnd(range),
    exactSize(run.size).padEnd(size),
    ...(owner > 0 ? [words.padEnd(owner)] : []),
    ...(bar === 0 ? [] : [barOf(share, bar, color, paint)]),
  ];
  const line = `${GAP}${cells.join(GAP)}`.trimEnd();
  const more = owner === 0 && words !== "" ? [words, ...notes] : notes;
  if (notesFit) return [`${line}${GAP}${paint.faint(more.join(", "))}`];
  const room = paint.width - MORE.length;
  const whole = more.filter(({ length }) => length < room);
  return [line, ...wrap(more.join(", "), room, whole).map((text) => MORE + paint.faint(text))];
}

function barOf(share: Share, width: number, color: (text: string) => string, { faint }: Paint): string {
  const { from, to } = sharePlace(share, width);
  const outside = (columns: number): string => columns > 0 ? faint(OUTSIDE.repeat(columns)) : "";
  return outside(from) + color(INSIDE.repeat(to - from)) + outside(width - to);
}

/** Permissions by color; the letters say the same. */
function colorOf({ permissions }: MapRun, paint: Paint): (text: string) => string {
  switch (permissions) {
    case "RWX":
      return paint.error;
    case "RW-":
      return paint.warning;
    case "R-X":
      return paint.label;
    case "R--":
      return String;
  }
}

function holeLine({ virt, size }: MapGap, { letters, range }: Layout, paint: Paint): string {
  return paint.faint(
    `${GAP}${"-".repeat(letters)}${GAP}${hexRange(virt, size).padEnd(range)}${GAP}${roughSize(size)}, not mapped`,
  );
}

function leftLine({ left }: MapEntry, paint: Paint): string {
  return paint.faint(`${GAP}… ${roughSize(left.bytes)} in ${count(left.runs, "run")} left out by the filter`);
}

function partLines(part: MapPart, paint: Paint): readonly string[] {
  const [first, ...more] = wrap(`${roughSize(part.size)} ${partWords(part)}`, paint.width - MORE.length);
  return [`${GAP}… ${first}`, ...more.map((line) => MORE + line)];
}
