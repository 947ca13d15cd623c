/**
 * The parts of a report on differences that are about pages and page tables.
 *
 * @module
 */

import type {
  KernelDifference,
  Level4Difference,
  Limited,
  MappedSide,
  MappingDifference,
  MatchedAddress,
  RepeatedRange,
  UnknownRange,
} from "../../explain/diff/kernel_difference.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { exactSize, grouped, hex, hexRange, listed, printable } from "../output/text.ts";
import { pageLetters } from "../../core/elf/permission_letters.ts";

/**
 * The mappings that differ.
 *
 * @param mappings The mappings.
 * @param paint The colors and the width.
 * @returns The lines; none if there are no such mappings.
 */
export function mappingLines({ items, more, added, removed, changed }: KernelDifference["mappings"], paint: Paint) {
  const sizes = ([["added", added], ["removed", removed], ["changed", changed]] as const)
    .filter(([, size]) => size > 0).map(([what, size]) => `${exactSize(size)} ${what}`);
  const title = `Mappings: ${listed(sizes)}`;
  return section(title, ["", "virtual range", "size", "A", "B"], { items, more }, mappingRow, paint);
}

function mappingRow(mapping: MappingDifference): Row {
  const { kind, address, addressInB, size, a, b } = mapping;
  const start = kind === "added" ? addressInB ?? address : address;
  return {
    cells: [kind, hexRange(start, size), exactSize(size), sideText(a), sideText(b)],
    remark: remarkOf(mapping),
  };
}

function sideText(side: MappedSide | undefined): string {
  if (!side) return "-";
  const { pageSize, owner } = side;
  return [
    pageLetters(side),
    ...(pageSize === 0x1000 ? [] : [`${exactSize(pageSize)} pages`]),
    ...(owner === undefined ? [] : [printable(owner)]),
  ].join(" ");
}

function remarkOf({ a, b, lost, gained, addressInB, ...mapping }: MappingDifference): string {
  const { sections, sectionsInB, segment, segmentInB } = mapping;
  const from = mapping.kind !== "changed" && a === undefined ? b : a;
  const isElsewhere = a && b && lost.length + gained.length === 0 && a.permissions === b.permissions &&
    a.pageSize === b.pageSize && a.user === b.user && a.owner === b.owner;
  const namesA = placeNames(segment, sections);
  const namesB = placeNames(segmentInB ?? (sectionsInB ? segment : undefined), sectionsInB ?? sections);
  const isSame = segmentInB === undefined && sectionsInB === undefined;
  const facts = [
    ...(lost.length > 0 ? [`lost ${listed(lost)}`] : []),
    ...(gained.length > 0 ? [`gained ${listed(gained)}`] : []),
    ...(isElsewhere && from ? [`physical ${hex(a.physical)} in A, ${hex(b.physical)} in B`] : []),
    ...(isSame ? namesA : []),
    ...(addressInB === undefined || mapping.kind !== "changed" ? [] : [`${hex(addressInB)} in B`]),
  ].join(", ");
  const sides = isSame
    ? []
    : [`in A ${namesA.join(", ") || "no segment"}`, `in B ${namesB.join(", ") || "no segment"}`];
  return [facts, ...sides].filter(Boolean).join("; ");
}

function placeNames(segment: number | undefined, sections: readonly string[]): readonly string[] {
  return [
    ...(segment === undefined ? [] : [`program header ${segment}`]),
    ...(sections.length > 0 ? [listed(sections.map(printable))] : []),
  ];
}

/**
 * The level-4 entries that differ.
 *
 * @param entries The entries.
 * @param paint The colors and the width.
 * @returns The lines; none if there are no such entries.
 */
export function level4Lines(entries: Limited<Level4Difference>, paint: Paint): readonly string[] {
  return section("Level-4 entries", ["", "entry", "from", "A", "B"], entries, level4Row, paint);
}

function level4Row({ kind, index, address, a, b, lost, gained }: Level4Difference): Row {
  const entryText = (entry: bigint | undefined) => entry === undefined ? "-" : hex(entry);
  const flags = [
    ...(lost.length > 0 ? [`lost ${listed(lost)}`] : []),
    ...(gained.length > 0 ? [`gained ${listed(gained)}`] : []),
  ];
  const isRecursive = kind === "changed" && flags.length === 0;
  return {
    cells: [kind, `${index}`, hex(address), entryText(a), entryText(b)],
    remark: isRecursive ? "points to its own table on one side" : flags.join(", "),
  };
}

/**
 * The ranges that go through the same tables as others.
 *
 * @param ranges The ranges.
 * @param paint The colors and the width.
 * @returns The lines; none if there are no such ranges.
 */
export function repeatedLines(ranges: Limited<RepeatedRange>, paint: Paint): readonly string[] {
  const toRow = ({ address, size, as }: RepeatedRange): Row => {
    return { cells: [hexRange(address, size), exactSize(size), hex(as)] };
  };
  return section("Through the same tables", ["virtual range", "size", "differs like"], ranges, toRow, paint);
}

/**
 * What could not be compared.
 *
 * @param ranges The ranges.
 * @param paint The colors and the width.
 * @returns The lines; none if everything was compared.
 */
export function unknownLines(ranges: Limited<UnknownRange>, paint: Paint): readonly string[] {
  const toRow = ({ address, size, what, side }: UnknownRange): Row => {
    const where = side === "both" ? "both sides" : side.toUpperCase();
    return { cells: [hexRange(address, size), exactSize(size), what === "table" ? "page table" : "content", where] };
  };
  return section("Not compared: memory not known", ["virtual range", "size", "of", "on"], ranges, toRow, paint);
}

/**
 * A part of the report: its title and its table, and how many rows were left out.
 *
 * @param title The title.
 * @param titles The titles of the columns.
 * @param list The items.
 * @param toRow Returns an item's row.
 * @param paint The colors and the width.
 * @returns The lines; none if there are no items at all.
 */
export function section<T>(
  title: string,
  titles: readonly string[],
  { items, more }: Limited<T>,
  toRow: (item: T) => Row,
  paint: Paint,
): readonly string[] {
  if (items.length + more === 0) return [];
  return [
    paint.title(title),
    ...(items.length > 0 ? table(titles, items, toRow, paint, items.length) : []),
    ...(more > 0 ? [paint.faint(`  ... and ${grouped(more)} more (--limit lists more)`)] : []),
  ];
}

/**
 * An address of both sides.
 *
 * @param place The address.
 * @returns The address in A, and that in B if it is another one.
 */
export function matchedText({ address, addressInB }: MatchedAddress): string {
  return addressInB === undefined ? hex(address) : `${hex(address)}, ${hex(addressInB)} in B`;
}
