/**
 * Words for what is in a map.
 *
 * @module
 */

import type { MapEntry, MapGap, MapModel, MapRun, NameRange } from "../../explain/map/address_map.ts";
import { count, exactSize, hex, listed, printable } from "../output/text.ts";
import { fileOffsetFact } from "./file_facts.ts";
import { roughSize } from "./rough_size.ts";

/** What a map has besides runs and gaps. */
export type MapPart = MapModel["parts"][number];

/** The most program headers that a run names. */
const MOST_SEGMENTS = 8;

/** The longest name of a section or symbol to print whole. */
const LONGEST_NAME = 40;

/** The page size that needs no mention. */
const SMALLEST_PAGE = 4096;

/** Number of bytes that a level-4 entry is for. */
export const ENTRY_SPAN: bigint = 1n << 39n;

/** The content of an entry whose tables map nothing. */
export const NO_PAGE = "no page is mapped";

/**
 * Sums up a map.
 *
 * @param model The map.
 * @param warn Marks what is wrong; it stays as it is by default.
 * @returns Phrases, such as "24 KiB mapped in 4 runs" and "nothing writable and executable".
 */
export function mapVerdict(model: MapModel, warn: (text: string) => string = String): readonly string[] {
  const { totals, stopped } = model;
  const { bytes, runs, writableAndExecutable: both } = totals;
  if (runs === 0) return [nothingMapped(model)];
  const upTo = stopped ? ` up to ${hex(stopped.virt)}` : "";
  return [
    `${roughSize(bytes)} mapped${upTo} in ${count(runs, "run")}`,
    both === 0 ? "nothing writable and executable" : warn(`${count(both, "page")} writable and executable`),
  ];
}

/**
 * The name of a level-4 entry, or of several in a row.
 *
 * @param first The first one.
 * @param last The last one.
 * @returns Such as "Level-4 entry 511" and "Level-4 entries 402-465".
 */
export function entryName(first: MapEntry, last: MapEntry = first): string {
  const { index, level5Index } = first;
  const indices = last === first ? `entry ${index}` : `entries ${index}-${last.index}`;
  return level5Index === undefined ? `Level-4 ${indices}` : `Level-5 entry ${level5Index}, level-4 ${indices}`;
}

/**
 * How much is mapped in a level-4 entry.
 *
 * @param entry The entry.
 * @param model The map that it is in.
 * @returns Such as "24 KiB in 4 runs"; empty if there are no tables below it that could map anything.
 */
export function entryContent({ virt, kind, runs, left }: MapEntry, { parts, stopped }: MapModel): string {
  const bytes = runs.reduce((sum, { size }) => sum + BigInt(size), left.bytes);
  const number = runs.length + left.runs;
  const isCut = stopped !== undefined && stopped.virt >= virt && stopped.virt < virt + ENTRY_SPAN;
  if (number > 0) return `${roughSize(bytes)} in ${count(number, "run")}${isCut ? ` up to ${hex(stopped.virt)}` : ""}`;
  if (isCut) return "not listed";
  return kind === "table" && !hasPart(virt, parts) ? NO_PAGE : "";
}

/** The level-4 entries in which something is not listed as runs, by the list of it. */
const ENTRIES_WITH_PARTS = new WeakMap<readonly MapPart[], ReadonlySet<bigint>>();

function hasPart(virt: bigint, parts: readonly MapPart[]): boolean {
  let entries = ENTRIES_WITH_PARTS.get(parts);
  if (!entries) {
    entries = new Set(parts.map((part) => part.virt / ENTRY_SPAN));
    ENTRIES_WITH_PARTS.set(parts, entries);
  }
  return entries.has(virt / ENTRY_SPAN);
}

/** What is known of a map without runs. */
function nothingMapped({ parts, stopped }: MapModel): string {
  const has = (kind: MapPart["kind"]): boolean => parts.some((part) => part.kind === kind);
  const upTo = stopped ? ` up to ${hex(stopped.virt)}` : "";
  if (has("recursive")) return `nothing but page tables is${has("unknown") ? " known to be" : ""} mapped${upTo}`;
  if (has("unknown")) return `nothing is known to be mapped${upTo}`;
  return stopped ? `nothing mapped${upTo}` : "nothing is mapped";
}

/**
 * What the frames of a run are for.
 *
 * @param run The run.
 * @param model The map that it is in.
 * @returns Such as "file"; empty if it is not known.
 */
export function ownerWords({ owner, owners = [], directMap, virt }: MapRun, { directMaps }: MapModel): string {
  if (!directMap) return (owner === undefined ? owners : [owner]).map(printable).join("+");
  const map = directMaps.find((each) => virt >= each.virt && virt < each.virt + BigInt(each.size));
  return map?.offset === 0n ? "identity map" : "direct map";
}

/**
 * What else is known of a run.
 *
 * @param run The run.
 * @param unpacked Whether the kernel was unpacked from another file.
 * @returns Phrases, such as "program header 0" and ".text".
 */
export function runNotes(run: MapRun, unpacked: boolean): readonly string[] {
  const { pageSize, owner, directMap, segments, sections, symbols, fileOffset } = run;
  return [
    ...(directMap && owner !== undefined ? [`frames of ${printable(owner)}`] : []),
    ...(pageSize === SMALLEST_PAGE ? [] : [`pages of ${exactSize(pageSize)}`]),
    ...(fileOffset === undefined ? [] : [`file offset ${fileOffsetFact(fileOffset, unpacked)}`]),
    ...(segments.length === 0 ? [] : [segmentWords(segments)]),
    ...(sections ? [rangeWords(sections, "section")] : []),
    ...(symbols ? [rangeWords(symbols, "symbol")] : []),
  ];
}

function segmentWords(segments: readonly number[]): string {
  const names = `program header${segments.length === 1 ? "" : "s"} ${listed(segments.map(String))}`;
  return segments.length < MOST_SEGMENTS ? names : `${names}, and perhaps more`;
}

function rangeWords({ first, last, count: number }: NameRange, what: string): string {
  if (number === 1) return shortName(first);
  return `${shortName(first)} to ${shortName(last)} (${count(number, what)})`;
}

/** A name from the file, printable and not too long: if need be, its beginning and an ellipsis. */
function shortName(name: string): string {
  const shown = printable(name);
  return shown.length > LONGEST_NAME ? `${shown.slice(0, LONGEST_NAME - 1)}…` : shown;
}

/**
 * Says why a part of the address space is not listed.
 *
 * @param part The part.
 * @returns A phrase, without its size.
 */
export function partWords(part: MapPart): string {
  if (part.kind === "unknown") {
    return `unknown: the level-${part.level} table at ${hex(part.table)} is outside the known memory`;
  }
  const entry = `entry ${part.index} of the level-${part.level} table at ${hex(part.table)}`;
  if (part.kind === "reserved") {
    return `not usable: ${entry} is ${hex(part.entry)}, which has reserved bits set; an access raises a page fault`;
  }
  return `page tables seen as pages: ${entry} points to the level-${part.targetLevel} table at ${hex(part.target)}`;
}

/**
 * Adds up gaps.
 *
 * @param gaps The gaps.
 * @returns Their size in bytes.
 */
export function sizeOfGaps(gaps: readonly MapGap[]): bigint {
  return gaps.reduce((sum, { size }) => sum + size, 0n);
}
