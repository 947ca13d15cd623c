/**
 * The parts of a report on differences that are about bytes.
 *
 * @module
 */

import type {
  ByteDifference,
  ContentDifferences,
  KernelDifference,
  NamedDifference,
  NameDifference,
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
  const { differing, segments, sections, symbols, ranges, outside, first } = content;
  if (differing === 0 || !first) return [];
  const named = (title: string): readonly string[] => [title, "bytes", "first at"];
  const toRow = ({ name, differing, ...place }: NamedDifference): Row => {
    return { cells: [printable(name), grouped(differing), matchedText(place)] };
  };
  const segmentRow = ({ name, segment, differing, ...place }: NamedDifference): Row => {
    return { cells: [`${segment} ${printable(name)}`, grouped(differing), matchedText(place)] };
  };
  const values = `${byteText(first.a)} in A, ${byteText(first.b)} in B`;
  return [
    [
      paint.title(`Bytes: ${grouped(differing)} differ`),
      `  first at ${matchedText(first)}: ${values}`,
      ...(outside > 0 && segments.items.length > 0 ? [`  ${count(outside, "byte")} of them in no segment`] : []),
    ],
    section("By segment", named("program header"), segments, segmentRow, paint),
    section("By section", named("section"), sections, toRow, paint),
    section("By symbol", named("symbol"), symbols, toRow, paint),
    section("By range", ["address", "size", "differ", "A", "B"], ranges, rangeRow, paint),
  ];
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

function rangeRow({ address, addressInB, size, differing, a, b, section, symbol, segment }: ByteDifference): Row {
  const dots = size > a.length ? " ..." : "";
  const place = symbol
    ? `${printable(symbol.name)}+${hex(symbol.offset)}`
    : section !== undefined
    ? printable(section)
    : segment === undefined
    ? ""
    : `program header ${segment}`;
  return {
    cells: [hex(address), grouped(size), grouped(differing), hexBytes(a) + dots, hexBytes(b) + dots],
    remark: [place, ...(addressInB === undefined ? [] : [`${hex(addressInB)} in B`])].filter(Boolean).join(", "),
  };
}

function byteText(byte: number): string {
  return `0x${hexBytes(Uint8Array.of(byte))}`;
}
