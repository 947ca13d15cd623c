/**
 * A map as an SVG image: self-contained, and readable without its colors.
 *
 * @module
 */

import type { MapEntry, MapModel, MapRun } from "../../explain/map/address_map.ts";
import { count, exactSize, grouped, hex, hexRange } from "../output/text.ts";
import { type MapItem, mapItems, sharePlace } from "./map_items.ts";
import {
  ENTRY_SPAN,
  entryContent,
  entryName,
  mapVerdict,
  NO_PAGE,
  ownerWords,
  partWords,
  runNotes,
  sizeOfGaps,
} from "./map_words.ts";
import { pageLetters } from "../../core/elf/permission_letters.ts";
import { roughSize } from "./rough_size.ts";
import { xmlText } from "./xml_text.ts";

/** What an image needs besides the map. */
export interface AboutImage {
  /** What was mapped. */
  readonly name: string;
  /** Whether the kernel was unpacked from another file, so that file offsets are not that file's. */
  readonly unpacked?: boolean;
  /** The filter as typed, if there is one. */
  readonly filter?: string;
}

const WIDTH = 960;
const MARGIN = 24;
const LINE = 20;
const STRIP = 28;
const BAR = WIDTH - 2 * MARGIN;
/** Where the text next to a swatch starts. */
const TEXT = MARGIN + 24;
/** The width of a character, a little more than that of the usual fonts at this size. */
const CHARACTER = 7.3;

/** Permissions have a pattern as well as a color, and stand next to each swatch as letters. */
const STYLE = `
    text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1b1b1b; }
    .title { font-size: 16px; font-weight: bold; }
    .entry { font-weight: bold; }
    .note { fill: #595959; }
    .frame { stroke: #1b1b1b; stroke-width: 1; }`;

const PATTERNS = `
    <pattern id="R--" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#e3e3e3"/></pattern>
    <pattern id="R-X" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#bfe3c6"/><path d="M0 8L8 0" stroke="#1d6b35" stroke-width="1.5"/></pattern>
    <pattern id="RW-" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#f4dcae"/><path d="M0 4H8" stroke="#7a5200" stroke-width="1.5"/></pattern>
    <pattern id="RWX" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#f3b8b3"/><path d="M0 0L8 8M0 8L8 0" stroke="#8f1009" stroke-width="1.5"/></pattern>`;

/** Lines that were drawn, and where the next one goes. */
interface Canvas {
  readonly elements: string[];
  y: number;
}

/**
 * Draws a map.
 *
 * @param model The map.
 * @param about What the image needs besides the map.
 * @returns An SVG document.
 */
export function mapSvg(model: MapModel, { name, unpacked = false, filter }: AboutImage): string {
  const items = mapItems(model, filter !== undefined);
  const canvas: Canvas = { elements: [], y: MARGIN };
  const summary = mapVerdict(model).join(", ");
  text(canvas, MARGIN, `Address space of ${name}`, "title");
  text(canvas, MARGIN, summary, "note");
  if (filter !== undefined) text(canvas, MARGIN, `only the runs that match ${filter}`, "note");
  legend(canvas, model);
  const runs = Map.groupBy(items.filter((item) => item.kind === "run"), ({ run }) => run.virt / ENTRY_SPAN);
  for (const item of items) {
    if (item.kind !== "entry") drawItem(canvas, item, model, unpacked);
    else drawEntry(canvas, item.entry, runs.get(item.entry.virt / ENTRY_SPAN) ?? [], model);
  }
  const height = canvas.y + MARGIN;
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc">
  <title id="title">${xmlText(`Address space of ${name}`)}</title>
  <desc id="desc">${xmlText(`${summary}. ${description(model)}`)}</desc>
  <defs>
    <style>${STYLE}
    </style>${PATTERNS}
  </defs>
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${canvas.elements.map((element) => `  ${element}\n`).join("")}</svg>
`;
}

function description({ entries, totals, stopped }: MapModel): string {
  const sums = totals.permissions.map(({ permissions, user, bytes }) => {
    return `${pageLetters({ permissions, user })} ${roughSize(bytes)}`;
  });
  const end = stopped ? " The rest of the address space is not shown." : "";
  return `${grouped(entries.length)} level-4 ${entries.length === 1 ? "entry" : "entries"} in use. By permission: ${
    sums.join(", ")
  }.${end}`;
}

function legend(canvas: Canvas, { totals }: MapModel): void {
  let x = MARGIN;
  for (const { permissions, user } of totals.permissions) {
    const words = pageLetters({ permissions, user });
    canvas.elements.push(rect(x, canvas.y, 14, 14, permissions), textAt(x + 20, canvas.y + 12, words, ""));
    x += 40 + words.length * CHARACTER;
  }
  canvas.y += LINE + 6;
}

type RunItem = Extract<MapItem, { readonly kind: "run" }>;

/** Draws the strip of an entry: all of its runs, to scale, without the gaps. */
function drawEntry(canvas: Canvas, entry: MapEntry, runs: readonly RunItem[], model: MapModel): void {
  const content = entryContent(entry, model);
  canvas.y += LINE / 2;
  text(canvas, MARGIN, `${entryName(entry)}: ${hexRange(entry.virt, ENTRY_SPAN)}${content && `, ${content}`}`, "entry");
  if (runs.length === 0) return;
  for (const { run, share } of runs) {
    const { from, to } = sharePlace(share, BAR);
    const title = `${pageLetters(run)} ${hexRange(run.virt, run.size)}, ${exactSize(run.size)}`;
    canvas.elements.push(
      `<g><title>${xmlText(title)}</title>${rect(MARGIN + from, canvas.y, to - from, STRIP, run.permissions)}</g>`,
    );
  }
  canvas.y += STRIP + 10;
}

function drawRun(canvas: Canvas, run: MapRun, model: MapModel, unpacked: boolean): void {
  const owner = ownerWords(run, model);
  const place = `${pageLetters(run)} ${hexRange(run.virt, run.size)}, ${exactSize(run.size)}`;
  canvas.elements.push(rect(MARGIN, canvas.y, 14, 14, run.permissions));
  text(canvas, TEXT, owner === "" ? place : `${place}, ${owner}`, "");
  text(canvas, TEXT, [`physical ${hex(run.phys)}`, ...runNotes(run, unpacked)].join(", "), "note");
}

function drawItem(canvas: Canvas, item: MapItem, model: MapModel, unpacked: boolean): void {
  switch (item.kind) {
    case "run":
      return drawRun(canvas, item.run, model, unpacked);
    case "left": {
      const { bytes, runs } = item.entry.left;
      return text(canvas, TEXT, `… ${roughSize(bytes)} in ${count(runs, "run")} left out by the filter`, "note");
    }
    case "empty": {
      const [first, last] = [item.entries[0], item.entries.at(-1)];
      canvas.y += LINE / 2;
      return text(canvas, MARGIN, `${entryName(first, last)}, ${NO_PAGE}`, "entry");
    }
    case "part":
      return text(canvas, TEXT, `… ${roughSize(item.part.size)} ${partWords(item.part)}`, "note");
    case "gaps":
      return text(canvas, TEXT, `… ${roughSize(sizeOfGaps(item.gaps))} not mapped`, "note");
  }
}

/** Adds a line of text; one that is too long is cut, and whole in its tooltip. */
function text(canvas: Canvas, x: number, line: string, style: string): void {
  const most = Math.floor((WIDTH - MARGIN - x) / CHARACTER);
  canvas.elements.push(textAt(x, canvas.y + 12, line, style, most));
  canvas.y += LINE;
}

function textAt(x: number, y: number, line: string, style: string, most: number = Infinity): string {
  const styled = style === "" ? "" : ` class="${style}"`;
  if (line.length <= most) return `<text x="${x}" y="${y}"${styled}>${xmlText(line)}</text>`;
  const cut = `${line.slice(0, most - 1)}…`;
  return `<text x="${x}" y="${y}"${styled}><title>${xmlText(line)}</title>${xmlText(cut)}</text>`;
}

function rect(x: number, y: number, width: number, height: number, permissions: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="url(#${permissions})" class="frame"/>`;
}
