/**
 * The parts of a report on differences that are about bytes.
 *
 * @module
 */

import type {
  ByteDifference,
  ContentDifferences,
  KernelDifference,
  Limited,
  NamedDifference,
  NameDifference,
  PlaceNames,
} from "../../explain/diff/kernel_difference.ts";
import type { Paint } from "../output/paint.ts";
import type { Row } from "../output/table.ts";
import { count, grouped, hex, hexBytes, listed, printable } from "../output/text.ts";
import { matchedText, section } from "./diff_pages.ts";

/**
 * The bytes that differ: in which segments, sections and symbols, and in which ranges.
 *
 * @param content What differs.
 * @param paint The colors and the width.
 * @returns The lines of each part.
 */
export function byteSections(content: ContentDifferences, paint: Paint): readonly (readonly string[])[] {
  const { differing, segments, sections, symbols, ranges, outside, inSections, first } = content;
  if (differing === 0 || !first) return [];
  const unnamed = differing - outside - inSections;
  const values = `${byteText(first.a)} in A, ${byteText(first.b)} in B`;
  return [
    [
      paint.title(`Bytes: ${grouped(differing)} differ`),
      `  first at ${matchedText(first)}: ${values}`,
      ...(outside > 0 && outside < differing ? [`  ${count(outside, "byte")} of them in no segment`] : []),
      ...(unnamed > 0 && inSections > 0 ? [`  ${count(unnamed, "byte")} of them in a segment, but in no section`] : []),
    ],
    namedSection("By segment", "program header", segments, paint),
    namedSection("By section", "section", sections, paint),
    namedSection("By symbol", "symbol", symbols, paint),
    section("By range", ["address", "size", "differ", "A", "B"], ranges, rangeRow, paint),
  ];
}

/** What has bytes that differ. Where both sides do not agree on it, each has a column. */
function namedSection(
  title: string,
  what: string,
  list: Limited<NamedDifference>,
  paint: Paint,
): readonly string[] {
  const isTwofold = list.items.some(({ side, nameInB, moved }) => side || nameInB !== undefined || moved);
  const titles = isTwofold ? [`${what} in A`, "in B"] : [what];
  const toRow = ({ name, segment, side, nameInB, segmentInB, moved, differing, ...place }: NamedDifference): Row => {
    const own = thingText(name, segment);
    const other = nameInB === undefined ? `${own}${moved ? " (moved)" : ""}` : thingText(nameInB, segmentInB);
    const names = isTwofold ? [side === "b" ? "-" : own, side === "a" ? "-" : other] : [own];
    return { cells: [...names, grouped(differing), matchedText(place)] };
  };
  return section(title, [...titles, "bytes", "first at"], list, toRow, paint);
}

function thingText(name: string, segment: number | undefined): string {
  return `${segment === undefined ? "" : `${segment} `}${printable(name)}`;
}

/**
 * The symbols that differ by name.
 *
 * @param names The symbols; absent if those of one side are not known.
 * @param paint The colors and the width.
 * @returns The lines; none if there are no such symbols.
 */
export function nameLines(names: KernelDifference["names"], paint: Paint): readonly string[] {
  if (!names) return [];
  const { added, removed, resized, moved } = names;
  const counts = Object.entries({ added, removed, resized, moved }).filter(([, count]) => count > 0);
  if (counts.length === 0) return [];
  const title = `Symbols: ${listed(counts.map(([what, count]) => `${grouped(count)} ${what}`))}`;
  const rows = section(title, ["", "symbol", "bytes in A", "bytes in B"], names, nameRow, paint);
  return rows.length > 0 ? rows : [paint.title(title)];
}

function nameRow({ kind, name, a, b }: NameDifference): Row {
  return { cells: [kind, printable(name), a ? grouped(a.size) : "-", b ? grouped(b.size) : "-"] };
}

function rangeRow({ address, addressInB, size, differing, a, b, inB, pageOf, ...names }: ByteDifference): Row {
  const dots = size > a.length ? " ..." : "";
  const place = placeText(names);
  const other = inB ? placeText(inB) : place;
  const isSame = place === other;
  const places = [place && !isSame ? `${place} in A` : place, isSame ? "" : other && `${other} in B`];
  if (pageOf !== undefined) places.push(`in the page of program header ${pageOf}`);
  return {
    cells: [hex(address), grouped(size), grouped(differing), hexBytes(a) + dots, hexBytes(b) + dots],
    remark: [...places, ...(addressInB === undefined ? [] : [`${hex(addressInB)} in B`])].filter(Boolean).join(", "),
  };
}

function placeText({ segment, section, symbol }: PlaceNames): string {
  if (symbol) return `${printable(symbol.name)}+${hex(symbol.offset)}`;
  if (section !== undefined) return printable(section);
  return segment === undefined ? "" : `program header ${segment}`;
}

function byteText(byte: number): string {
  return `0x${hexBytes(Uint8Array.of(byte))}`;
}
