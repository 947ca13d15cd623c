/**
 * Draws a map for the terminal: level-4 entries, runs with bars, and gaps.
 *
 * @module
 */

import type { MapEntry, MapGap, MapModel, MapRun } from "../../explain/map/address_map.ts";
import { decodeEntry } from "../../explain/tables/decode_entry.ts";
import type { Paint } from "../output/paint.ts";
import { count, exactSize, hex, hexRange, wrap } from "../output/text.ts";
import { mapItems, type Share, sharePlace } from "./map_items.ts";
import { GAP, type MapLayout, mapLayout, titleLine } from "./map_layout.ts";
import {
  ENTRY_SPAN,
  entryContent,
  entryName,
  type MapPart,
  NO_PAGE,
  ownerWords,
  partWords,
  runNotes,
  sizeOfGaps,
} from "./map_words.ts";
import { pageLetters } from "../../core/elf/permission_letters.ts";
import { roughSize } from "./rough_size.ts";

/** How to draw. */
export interface DrawingOptions {
  /** The filter as typed, if there is one. */
  readonly filter?: string;
  /** Whether the kernel was unpacked from another file, so that file offsets are not that file's. */
  readonly unpacked?: boolean;
  /** Whether to show the addresses of gaps. */
  readonly holes: boolean;
  /** Whether to show level-4 entries bit by bit. */
  readonly verbose: boolean;
}

/** The indentation of further lines on a run. */
const MORE = " ".repeat(7);

const INSIDE = "=";
const OUTSIDE = ".";

/**
 * Draws a map.
 *
 * @param model The map.
 * @param options What to show.
 * @param paint The colors and the width.
 * @returns The lines.
 */
export function mapDrawing(model: MapModel, options: DrawingOptions, paint: Paint): readonly string[] {
  const layout = mapLayout(model, options.unpacked === true, paint);
  const lines = mapItems(model, options.filter !== undefined).flatMap((item, at) => {
    switch (item.kind) {
      case "entry":
        return [...(at === 0 ? [] : [""]), ...entryLines(item.entry, model, options, paint)];
      case "empty":
        return [...(at === 0 ? [] : [""]), ...emptyLines(item.entries, options, paint)];
      case "left":
        return [leftLine(item.entry, paint)];
      case "run":
        return runLines(item.run, item.share, model, layout, paint);
      case "part":
        return partLines(item.part, paint);
      case "gaps":
        return options.holes
          ? item.gaps.flatMap((gap) => holeLines(gap, layout, paint))
          : [paint.faint(`${GAP}… ${roughSize(sizeOfGaps(item.gaps))} not mapped`)];
    }
  });
  return [...titleLine(layout).map(paint.faint), ...lines];
}

function entryLines(
  entry: MapEntry,
  model: MapModel,
  { verbose }: DrawingOptions,
  paint: Paint,
): readonly string[] {
  const range = hexRange(entry.virt, ENTRY_SPAN);
  return entryHead(entryName(entry), range, entryContent(entry, model), verbose ? [entry] : [], paint);
}

/** Lines on entries: on one if it fits, and the entries themselves below. */
function entryHead(
  name: string,
  range: string,
  content: string,
  entries: readonly MapEntry[],
  paint: Paint,
): readonly string[] {
  const bits = entries.flatMap(({ entry }) => wrap(entryWords(entry), paint.width - GAP.length))
    .map((line) => paint.faint(GAP + line));
  const title = `${name}: ${range}`;
  if (title.length > paint.width) {
    const more = [range, content].filter((line) => line !== "").map((line) => GAP + line);
    return [paint.title(`${name}:`), ...more, ...bits];
  }
  const fits = content !== "" && title.length + 2 + content.length <= paint.width;
  return [
    paint.title(title) + (fits ? `, ${content}` : ""),
    ...(fits || content === "" ? [] : [GAP + content]),
    ...bits,
  ];
}

function emptyLines(entries: readonly MapEntry[], options: DrawingOptions, paint: Paint): readonly string[] {
  const [first, last] = [entries[0], entries[entries.length - 1]];
  const range = hexRange(first.virt, last.virt + ENTRY_SPAN - first.virt);
  return entryHead(entryName(first, last), range, NO_PAGE, options.verbose ? entries : [], paint);
}

function entryWords(entry: bigint): string {
  const { flags, address } = decodeEntry(entry, 4);
  return `${hex(entry)}: ${flags.join(", ")}, address ${hex(address ?? 0)}`;
}

function runLines(run: MapRun, share: Share, model: MapModel, layout: MapLayout, paint: Paint): readonly string[] {
  const { bar, notesFit } = layout;
  const color = colorOf(run, paint);
  const columns = [
    { width: layout.letters, text: pageLetters(run), color },
    { width: layout.range, text: hexRange(run.virt, run.size), color: String },
    { width: layout.size, text: exactSize(run.size), color: String },
    { width: layout.owner, text: ownerWords(run, model), color: String },
    { width: layout.phys, text: hex(run.phys), color: String },
  ];
  const cells = columns.filter(({ width }) => width > 0).map(({ width, text, color }) => color(text.padEnd(width)));
  const line = GAP + [...cells, ...(bar === 0 ? [] : [barOf(share, bar, color, paint)])].join(GAP).trimEnd();
  const hidden = columns.slice(0, -1).filter(({ width, text }) => width === 0 && text !== "").map(({ text }) => text);
  const notes = [
    ...hidden,
    ...(layout.phys === 0 ? [`physical ${hex(run.phys)}`] : []),
    ...runNotes(run, layout.unpacked),
  ];
  if (notes.length === 0) return [line];
  if (notesFit) return [`${line}${GAP}${paint.faint(notes.join(", "))}`];
  const room = paint.width - MORE.length;
  const whole = notes.filter(({ length }) => length < room);
  return [line, ...wrap(notes.join(", "), room, whole).map((text) => MORE + paint.faint(text))];
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

function holeLines({ virt, size }: MapGap, { letters, range }: MapLayout, paint: Paint): readonly string[] {
  const start = letters === 0 ? GAP : `${GAP}${"-".repeat(letters)}${GAP}`;
  const line = start + hexRange(virt, size).padEnd(range);
  const words = `${roughSize(size)}, not mapped`;
  const fits = line.length + GAP.length + words.length <= paint.width || !paint.folds;
  return (fits ? [line + GAP + words] : [line.trimEnd(), MORE + words]).map(paint.faint);
}

function leftLine({ left }: MapEntry, paint: Paint): string {
  return paint.faint(`${GAP}… ${roughSize(left.bytes)} in ${count(left.runs, "run")} left out by the filter`);
}

function partLines(part: MapPart, paint: Paint): readonly string[] {
  const [first, ...more] = wrap(`${roughSize(part.size)} ${partWords(part)}`, paint.width - MORE.length);
  return [`${GAP}… ${first}`, ...more.map((line) => MORE + line)];
}
