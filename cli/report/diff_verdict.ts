/**
 * The first line of a report on differences.
 *
 * @module
 */

import { isMoved } from "../../explain/diff/fact_differences.ts";
import type { KernelDifference, Limited, NamedDifference } from "../../explain/diff/kernel_difference.ts";
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
  return `differ: ${listed(partsOf(difference))}`;
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
  const { sections, segments, differing, movedWords, outside } = content;
  const runs = mappings.items.length + mappings.more;
  const entries = level4.items.length + level4.more;
  const parts = runs === 0 ? [] : [count(runs, "mapping")];
  if (differing > 0) {
    const named = sections.items.length > 0 ? sectionsText(sections) : segmentsText(segments, outside);
    parts.push(`${count(differing, "byte")}${named}`);
  }
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

function sectionsText({ items, more }: Limited<NamedDifference>): string {
  const names = items.slice(0, MOST_NAMES).map(({ name }) => printable(name));
  const left = items.length + more - names.length;
  return ` in ${listed(left === 0 ? names : [...names, `${grouped(left)} more`])}`;
}

function segmentsText({ items, more }: Limited<NamedDifference>, outside: number): string {
  const total = items.length + more;
  if (total === 0) return outside > 0 ? " in no segment" : "";
  const [first] = items;
  return total === 1 && first ? ` in program header ${first.segment}` : ` in ${count(total, "segment")}`;
}
