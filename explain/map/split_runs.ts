/**
 * Splits runs of pages where what they are for changes.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import { mappingLetters } from "../../core/elf/permission_letters.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { FrameOwner, FrameRun } from "../../core/memory/frame_allocator.ts";
import type { ExplainedKernel } from "../explained.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import type { Moved } from "../symbols/linked_address.ts";
import { ENTRY_PAGES } from "../tables/table_path.ts";
import type { PageRun } from "../tables/table_items.ts";
import type { MapRun } from "./address_map.ts";
import { type NamedSpan, type Overlap, overlapIndex } from "./overlap_index.ts";

/** What is known about pages. */
export interface SplitBy {
  /** Number of levels of the tables. */
  readonly levels: 4 | 5;
  /** The kernel that the tables belong to, which knows what frames are for. */
  readonly kernel?: ExplainedKernel;
  /** The kernel whose segments lie in the address space. */
  readonly segmentsOf?: ExplainedKernel;
  /** The sections that runs are to be split by, and how far they were moved. */
  readonly sectionsOf?: Moved & Pick<KernelSymbols, "sections">;
}

/** Number of bytes that a level-4 entry is for. */
const LEVEL4_SPAN = ENTRY_PAGES[4] * PAGE_SIZE;

const NOTHING: Overlap<never> = { values: [], whole: true, length: Infinity };

/** What is said of the pages of a run. */
interface Facts {
  readonly owners: readonly FrameOwner[];
  readonly isOwner: boolean;
  readonly segments: readonly number[];
  readonly sections: readonly number[];
}

/**
 * Prepares to split runs.
 *
 * @param by What is known about pages.
 * @returns A function that splits a run where its owner, segments, sections or level-4 entry change. A run that is part
 * of a direct map is not split by owner.
 */
export function runSplitter(
  { levels, kernel, segmentsOf, sectionsOf }: SplitBy,
): (run: PageRun & { readonly directMap: boolean }) => Generator<MapRun, void, undefined> {
  const bits = levels === 5 ? 57 : 48;
  const lowOf = (virt: bigint): number => Number(BigInt.asUintN(bits, virt));
  const ownersAt = overlapIndex(joined(kernel?.frameRuns() ?? []));
  const segmentsAt = overlapIndex(segmentsOf ? segmentSpans(segmentsOf, lowOf) : []);
  const sectionsAt = overlapIndex(sectionsOf ? sectionSpans(sectionsOf, lowOf) : []);
  const file = kernel?.addressSpace.file ?? { phys: 0, size: 0 };
  return function* (run) {
    const { virt, phys, size, pageSize, user, directMap } = run;
    const low = lowOf(virt);
    let start = 0;
    let facts: Facts | undefined;
    const piece = (end: number, found: Facts): MapRun => {
      const first = phys + start;
      const { segments } = found;
      const all = directMap ? ownersAt(first, end - start) : undefined;
      const owners = all?.values ?? found.owners;
      const isOwner = all ? all.whole && owners.length === 1 : found.isOwner;
      const isFile = isOwner && owners[0] === "file" && first >= file.phys && first < file.phys + file.size;
      return {
        virt: virt + BigInt(start),
        phys: first,
        size: end - start,
        pageSize,
        permissions: mappingLetters(run),
        user,
        ...(isOwner ? { owner: owners[0] } : owners.length > 0 && !directMap ? { owners } : {}),
        ...(directMap ? { directMap } : {}),
        segments,
        ...(isFile ? { fileOffset: first - file.phys } : {}),
      };
    };
    for (let at = 0; at < size;) {
      const owners = directMap ? NOTHING : ownersAt(phys + at, pageSize);
      const segments = segmentsAt(low + at, pageSize);
      const sections = sectionsAt(low + at, pageSize);
      const next: Facts = {
        owners: owners.values,
        isOwner: owners.whole && owners.values.length === 1,
        segments: segments.values,
        sections: sections.values,
      };
      const crosses = at > 0 && (low + at) % LEVEL4_SPAN === 0;
      if (facts && (crosses || !isSame(facts, next))) {
        yield piece(at, facts);
        start = at;
      }
      facts = next;
      const entryEnd = LEVEL4_SPAN - (low + at) % LEVEL4_SPAN;
      at += Math.min(size - at, entryEnd, owners.length, segments.length, sections.length);
    }
    if (facts) yield piece(size, facts);
  };
}

function isSame(one: Facts, other: Facts): boolean {
  return one.isOwner === other.isOwner && isEqual(one.owners, other.owners) &&
    isEqual(one.segments, other.segments) && isEqual(one.sections, other.sections);
}

function isEqual<T>(one: readonly T[], other: readonly T[]): boolean {
  return one === other || (one.length === other.length && one.every((value, at) => value === other[at]));
}

/** Frames of one owner that follow one another count as one range, in whatever order they were taken. */
function joined(runs: readonly FrameRun[]): readonly NamedSpan<FrameOwner>[] {
  const spans: NamedSpan<FrameOwner>[] = [];
  for (const { phys, size, owner } of [...runs].sort((one, other) => one.phys - other.phys)) {
    const last = spans.at(-1);
    if (last?.value === owner && last.end === phys) spans[spans.length - 1] = { ...last, end: phys + size };
    else spans.push({ start: phys, end: phys + size, value: owner });
  }
  return spans;
}

function segmentSpans(
  { programHeaders, virtualAddressOffset }: ExplainedKernel,
  lowOf: (virt: bigint) => number,
): readonly NamedSpan<number>[] {
  const loads = programHeaders.filter(({ p_type }) => p_type === PT_LOAD);
  loads.sort((one, other) => one.p_vaddr < other.p_vaddr ? -1 : Number(one.p_vaddr > other.p_vaddr)); // within a page
  return loads.map(({ index, p_vaddr, p_filesz, p_memsz }) => {
    const size = p_filesz > p_memsz ? p_filesz : p_memsz; // some rule sets map all of the file's part
    return pageSpan(index, p_vaddr + virtualAddressOffset, size, lowOf);
  });
}

function sectionSpans(
  { sections, virtualAddressOffset }: NonNullable<SplitBy["sectionsOf"]>,
  lowOf: (virt: bigint) => number,
): readonly NamedSpan<number>[] {
  return sections.map(({ index, address, size }) => pageSpan(index, address + virtualAddressOffset, size, lowOf));
}

/** The pages that a range has bytes in. */
function pageSpan(value: number, virt: bigint, size: bigint, lowOf: (virt: bigint) => number): NamedSpan<number> {
  const page = BigInt(PAGE_SIZE);
  const before = virt % page;
  const start = lowOf(virt - before);
  return { value, start, end: size === 0n ? start : start + Number((before + size + page - 1n) / page) * PAGE_SIZE };
}
