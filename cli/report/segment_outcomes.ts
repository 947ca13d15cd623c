/**
 * Describes what the load did for each program header.
 *
 * @module
 */

import type { AnyPlugin, ProgramHeader, RuleSetName } from "../../mod.ts";
import type { Mapping } from "../../core/paging/mod.ts";
import type { Rules } from "../../core/stages/mod.ts";
import { PT_LOAD, PT_TLS, segmentTypeName } from "../../core/elf/constants.ts";
import { low48, PAGE_SIZE } from "../../core/memory/addresses.ts";
import { RULES } from "../../core/rules.ts";
import { count, grouped } from "../output/text.ts";
import type { Kernel } from "./kernel.ts";

/** What was done to get a page's content, by the owner of its frame. */
const VERBS: ReadonlyMap<string, string> = new Map([
  ["file", "mapped from the file"],
  ["copy", "copied"],
  ["bss", "zeroed"],
]);

/** A range of numbers. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Prepares to describe what the load did for each program header.
 *
 * @param kernel The loaded kernel.
 * @param rules The rule set that it was loaded by.
 * @param plugins The plugins that it was loaded with.
 * @param mappings Its mappings: listing them takes milliseconds for a large kernel.
 * @returns A function that returns the outcome of one of its headers, such as "2 pages copied, 3 zeroed".
 */
export function segmentOutcomes(
  kernel: Kernel,
  rules: RuleSetName,
  plugins: readonly AnyPlugin[],
  mappings: Iterable<Mapping> = kernel.mappings(),
): (phdr: ProgramHeader) => string {
  const tallyOf = tallies(kernel, mappings);
  return (phdr) => {
    if (phdr.p_type === PT_TLS) return tlsOutcome(phdr);
    if (phdr.p_type !== PT_LOAD) return handledOutcome(phdr, kernel, plugins);
    if (phdr.p_memsz === 0n && RULES[rules].checksSegmentSizes) return "ignored: p_memsz is 0";
    const tally = tallyOf(pagesOf(phdr, kernel.virtualAddressOffset, RULES[rules]));
    return tally.size === 0 ? "nothing mapped" : [...tally].map(pagesOutcome).join(", ");
  };
}

function tlsOutcome({ p_filesz, p_memsz }: ProgramHeader): string {
  const zeroed = p_memsz > p_filesz ? `, then ${count(p_memsz - p_filesz, "zero byte")}` : "";
  return `TLS template: ${count(p_filesz, "byte")}${zeroed}`;
}

function pagesOutcome([owner, pages]: readonly [string, number], at: number): string {
  return `${at === 0 ? count(pages, "page") : grouped(pages)} ${VERBS.get(owner) ?? `for ${owner}`}`;
}

function handledOutcome({ p_type }: ProgramHeader, { fileHeader }: Kernel, given: readonly AnyPlugin[]): string {
  const { e_machine } = fileHeader;
  const plugins = given.filter(({ handlers = [] }) => {
    return handlers.some(({ type, machine = e_machine }) => type === p_type && machine === e_machine);
  });
  if (plugins.length > 0) return `handled by ${plugins.map(({ name }) => name).join(" and ")}`;
  return segmentTypeName(p_type).startsWith("0x") ? "ignored: unknown type" : "ignored";
}

/** The pages that a segment may have mapped; under rules that do not check sizes, p_filesz may exceed p_memsz. */
function pagesOf({ p_vaddr, p_offset, p_filesz, p_memsz }: ProgramHeader, offset: bigint, rules: Rules): Range {
  const start = low48(p_vaddr + offset);
  const first = start - start % PAGE_SIZE;
  const filePart = rules.checksSegmentSizes ? 0 : Number(p_offset) % PAGE_SIZE + Number(p_filesz);
  const oneMore = rules.bssEnd === "inclusive" && p_memsz > p_filesz ? 1 : 0;
  const end = Math.max(start + Number(p_memsz) + oneMore, first + filePart);
  return { start: first, end: Math.ceil(end / PAGE_SIZE) * PAGE_SIZE };
}

/** Prepares to count the pages in a range of low 48 bits of virtual addresses, by the owner of their frames. */
function tallies(kernel: Kernel, listed: Iterable<Mapping>): (range: Range) => ReadonlyMap<string, number> {
  const mappings = Array.from(listed, ({ virt, phys, size }) => {
    const start = low48(virt);
    return { start, end: start + size, phys };
  });
  const runs = kernel.frameRuns()
    .map(({ phys, size, owner }) => ({ start: phys, end: phys + size, owner }))
    .sort((one, other) => one.start - other.start);
  return (range) => {
    const tally = new Map<string, number>();
    for (const mapping of within(mappings, range)) {
      const start = Math.max(range.start, mapping.start);
      const phys = mapping.phys + (start - mapping.start);
      const frames = { start: phys, end: phys + Math.min(range.end, mapping.end) - start };
      for (const run of within(runs, frames)) {
        const pages = (Math.min(run.end, frames.end) - Math.max(run.start, frames.start)) / PAGE_SIZE;
        tally.set(run.owner, (tally.get(run.owner) ?? 0) + pages);
      }
    }
    return tally;
  };
}

/** The ranges, out of ascending ones, that intersect a given range. */
function within<R extends Range>(ranges: readonly R[], { start, end }: Range): readonly R[] {
  let at = 0;
  for (let after = ranges.length; at < after;) {
    const middle = Math.floor((at + after) / 2);
    if (ranges[middle].end > start) after = middle;
    else at = middle + 1;
  }
  const met: R[] = [];
  for (; at < ranges.length && ranges[at].start < end; at++) met.push(ranges[at]);
  return met;
}
