/**
 * The first line of a report on differences.
 *
 * @module
 */

import { isMoved } from "../../explain/diff/fact_differences.ts";
import type { ContentDifferences, KernelDifference } from "../../explain/diff/kernel_difference.ts";
import { count, exactSize, grouped, hex, listed, printable } from "../output/text.ts";

/** The most sections to name. */
const MOST_NAMES = 3;

/** What facts are called. */
export const FACTS: Readonly<Record<KernelDifference["facts"][number]["fact"], string>> = {
  entryPoint: "entry point",
  virtualAddressOffset: "kernel base",
  tlsTemplate: "TLS template",
  levels: "levels of page tables",
};

/**
 * Sums up a comparison.
 *
 * @param difference What differs.
 * @returns Such as "differ: 3 mappings, 12 bytes in .text".
 */
export function diffVerdict(difference: KernelDifference): string {
  const { verdict, content } = difference;
  if (verdict === "same") return sameText(difference);
  const moved = content.movedWords === 0 ? "" : `, ${count(content.movedWords, "word")} moved with it`;
  if (verdict === "moved") return `differ only in the base: ${distanceText(difference)}${moved}`;
  return `differ: ${partsOf(difference).join(", ")}`;
}

/** What is the same, and whether that is all. */
function sameText({ mappings, unknown, complete }: KernelDifference): string {
  const what = mappings.both === 0 ? "nothing is mapped by both" : `${exactSize(mappings.both)} mapped by both`;
  if (!complete) return `same as far as they were compared: ${what}`;
  return unknown.items.length + unknown.more === 0 ? `same: ${what}` : `same as far as memory is known: ${what}`;
}

/**
 * Says how far B is from A.
 *
 * @param difference What differs.
 * @returns Such as "B is 0x8000000000 higher".
 */
export function distanceText({ distance }: Pick<KernelDifference, "distance">): string {
  const signed = BigInt.asIntN(64, distance);
  return `B is ${hex(signed < 0n ? -signed : signed)} ${signed < 0n ? "lower" : "higher"}`;
}

function partsOf(difference: KernelDifference): readonly string[] {
  const { mappings, content, level4, facts, distance } = difference;
  const { movedWords } = content;
  const runs = mappings.items.length + mappings.more;
  const entries = level4.items.length + level4.more;
  const parts = runs === 0 ? [] : [count(runs, "mapping")];
  parts.push(...bytesParts(content), ...namesParts(difference));
  if (movedWords > 0) parts.push(`${count(movedWords, "word")} that moved with the kernel`);
  if (entries > 0) {
    const [first] = level4.items;
    parts.push(entries === 1 && first ? `level-4 entry ${first.index}` : `${grouped(entries)} level-4 entries`);
  }
  const unexpected = facts.filter((fact) => distance === 0n || !isMoved(fact, distance));
  return [
    ...parts,
    ...(distance === 0n ? [] : ["the kernel base"]),
    ...unexpected.map(({ fact }) => `the ${FACTS[fact]}`),
  ];
}

/** How many bytes differ in what has a name, and how many elsewhere. */
function bytesParts({ differing, inSections, outside, sections, segments }: ContentDifferences): readonly string[] {
  if (differing === 0) return [];
  const [named, where] = inSections > 0
    ? [inSections, sectionsText(sections)]
    : [differing - outside, segmentsText(segments)];
  if (named === 0) return [`${count(differing, "byte")} in no segment`];
  const left = differing - named;
  return [`${count(named, "byte")}${where}`, ...(left > 0 ? [`${count(left, "byte")} elsewhere`] : [])];
}

/** How many symbols differ, such as "1 symbol added" and "2 moved". */
function namesParts({ names }: KernelDifference): readonly string[] {
  if (!names) return [];
  const { added, removed, resized, moved } = names;
  const [first, ...others] = Object.entries({ added, removed, resized, moved }).filter(([, number]) => number > 0);
  if (!first) return [];
  return [`${count(first[1], "symbol")} ${first[0]}`, ...others.map(([what, number]) => `${grouped(number)} ${what}`)];
}

/** Names the first sections. Several items can be of one section that both sides have at different addresses. */
function sectionsText({ items, more }: ContentDifferences["sections"]): string {
  const names = [...new Set(items.map(({ name }) => printable(name)))];
  const shown = names.slice(0, MOST_NAMES);
  const left = names.length - shown.length;
  const others = left === 0 && more === 0 ? [] : [more === 0 ? `${grouped(left)} more` : "others"];
  return shown.length === 0 ? " in sections" : ` in ${listed([...shown, ...others])}`;
}

function segmentsText({ items, more }: ContentDifferences["segments"]): string {
  const headers = new Set(items.map(({ segment }) => segment));
  const [first] = headers;
  if (more > 0) return " in segments";
  if (headers.size === 0) return ""; // of two dumps
  return headers.size === 1 ? ` in program header ${first}` : ` in ${count(headers.size, "segment")}`;
}
