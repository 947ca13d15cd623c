/**
 * The report of `kload diff` for people.
 *
 * @module
 */

import type { TlsTemplate } from "../../mod.ts";
import type { FactDifference, KernelDifference } from "../../explain/diff/kernel_difference.ts";
import type { ForeignFacts } from "../input/foreign/foreign_tables.ts";
import type { Paint } from "../output/paint.ts";
import { count, exactSize, grouped, hex, printable } from "../output/text.ts";
import { byteSections, nameLines } from "./diff_bytes.ts";
import { level4Lines, mappingLines, repeatedLines, unknownLines } from "./diff_pages.ts";
import { diffVerdict, distanceText, FACTS } from "./diff_verdict.ts";
import { headline, labelled, sections } from "./report_parts.ts";

/** What a report says of one side. */
export interface ComparedSide {
  /** The name of the file, dump or machine. */
  readonly name: string;
  /** The flags that the kernel was loaded with. */
  readonly flags: readonly string[];
  /** Facts about foreign page tables. */
  readonly about?: ForeignFacts;
}

/**
 * The report on a comparison: the verdict first, then facts, tables and what could not be compared.
 *
 * @param difference What differs.
 * @param a What to say of side A.
 * @param b What to say of side B.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function diffReport(difference: KernelDifference, a: ComparedSide, b: ComparedSide, paint: Paint): string {
  const [verdict, ...details] = diffVerdict(difference).split(": ");
  return sections([
    headline(verdict, [details.join(": ")], paint),
    factLines(difference, a, b, paint),
    mappingLines(difference.mappings, paint),
    ...byteSections(difference.content, paint),
    nameLines(difference.names, paint),
    level4Lines(difference.level4, paint),
    repeatedLines(difference.repeated, paint),
    unknownLines(difference.unknown, paint),
  ]);
}

function factLines(
  difference: KernelDifference,
  a: ComparedSide,
  b: ComparedSide,
  paint: Paint,
): readonly string[] {
  const { facts, mappings, content, complete } = difference;
  const lines: (readonly [string, string])[] = [
    ["A", sideText(a)],
    ["B", sideText(b)],
    ["addresses", addressesText(difference)],
    ...facts.map((fact): readonly [string, string] => [FACTS[fact.fact], factText(fact)]),
    ["compared", comparedText(difference)],
  ];
  if (mappings.accessed > 0) {
    const what = `${exactSize(mappings.accessed)} of pages differ only in ACCESSED or DIRTY`;
    lines.push(["not counted", `${what} (--accessed counts them)`]);
  }
  if (content.movedWords > 0) {
    const what = `${count(content.movedWords, "word")} of 8 bytes differ by exactly the distance between the bases`;
    lines.push(["moved", `${what}, and are not listed`]);
  }
  if (!complete) lines.push(["incomplete", "the page tables map too much to compare: they share tables"]);
  return labelled(lines, paint, [a.name, b.name].map(printable));
}

function sideText({ name, flags, about }: ComparedSide): string {
  const facts = about ? [tablesText(about)] : flags.map(printable);
  return [printable(name), ...(facts.length === 0 ? [] : [`(${facts.join(" ")})`])].join(" ");
}

function tablesText({ kind, cr3, levels, processors = 0, pagesRead, isCut, guest }: ForeignFacts): string {
  const what = kind === "guest" ? "a running QEMU" : kind === "core" ? "an ELF core" : "a memory dump";
  const cut = isCut ? ", and it has more than were read" : "";
  return [
    `page tables at ${hex(cr3)}, ${levels} levels, in ${what}`,
    ...(processors > 1 ? [`of the first of ${processors} processors`] : []),
    ...(pagesRead === undefined ? [] : [`${count(pagesRead, "page")} read${cut}`]),
    ...(guest === undefined
      ? []
      : [guest === "resumed" ? "the guest runs again" : "the guest is stopped, as it was before"]),
  ].join(", ");
}

function addressesText(difference: KernelDifference): string {
  const { addresses, facts } = difference;
  if (addresses === "linked") {
    return `segments are matched by link address: ${distanceText(difference)} (--absolute matches equal addresses)`;
  }
  const bases = facts.some(({ fact }) => fact === "virtualAddressOffset");
  return bases ? "equal addresses are matched, though the bases differ" : "equal addresses are matched";
}

function factText(fact: FactDifference): string {
  switch (fact.fact) {
    case "levels":
      return `${fact.a} in A, ${fact.b} in B`;
    case "tlsTemplate":
      return `${templateText(fact.a)} in A, ${templateText(fact.b)} in B`;
    default:
      return `${hex(fact.a)} in A, ${hex(fact.b)} in B`;
  }
}

function templateText(template: TlsTemplate | null): string {
  if (!template) return "none";
  const { startAddr, fileSize, memSize, align } = template;
  return `${hex(startAddr)} (${count(fileSize, "byte")}, ${grouped(memSize)} in memory, align ${hex(align)})`;
}

function comparedText({ mappings, content }: KernelDifference): string {
  const bytes = content.compared === mappings.both ? [] : [`${exactSize(content.compared)} of it byte by byte`];
  const tables = content.tables === 0 ? [] : [`${exactSize(content.tables)} of page tables only by what they map`];
  return [`${exactSize(mappings.both)} that both map`, ...bytes, ...tables].join(", ");
}
