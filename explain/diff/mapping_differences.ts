/**
 * Collects pages that are mapped in different ways, as merged runs.
 *
 * @module
 */

import { mappingLetters } from "../../core/elf/permission_letters.ts";
import { HI_NO_EXECUTE, LO_USER, LO_WRITABLE, PAGE_SIZES } from "../../core/paging/entry.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { decodeEntry, type EntryFlag } from "../tables/decode_entry.ts";
import type { FrameOwners } from "./frame_owners.ts";
import type { MappedSide, MappingDifference, MappingDifferences } from "./kernel_difference.ts";
import { matchedPage } from "./matched_ranges.ts";
import { type MatchedRun, mergedRuns } from "./merged_runs.ts";
import type { NameFinder } from "./name_places.ts";
import { addressOfPage, type PageCursor } from "./page_cursor.ts";

/** `ACCESSED` and `DIRTY`, as bits of an entry. */
const LO_ACCESSED = 3 << 5;

/** How one side maps pages; equal for all pages of a run but for the frame. */
interface SidePages {
  readonly level: number;
  readonly flagsLo: number;
  readonly flagsHi: number;
  readonly allowsLo: number;
  readonly allowsHi: number;
  readonly frame: number;
  readonly owner: FrameOwner | undefined;
}

/** A side of the comparison at the page where it stands. */
export interface SideAtPage {
  readonly cursor: PageCursor;
  readonly owners: FrameOwners;
}

/** Collects pages. */
export interface MappingCollection {
  /**
   * Adds pages. A side is `undefined` if it does not map them. Their owners have been looked up.
   */
  readonly add: (
    a: SideAtPage | undefined,
    b: SideAtPage | undefined,
    pageA: number,
    pageB: number,
    pages: number,
  ) => void;
  /** Says that the next pages are of another range. */
  readonly nextRange: () => void;
  /** Number of pages that differ so far. */
  readonly count: () => number;
  /** What was collected. */
  readonly result: () => MappingDifferences;
}

/** What counts as a difference, and what to say of it. */
export interface MappingOptions {
  readonly names: NameFinder;
  readonly limit: number;
  /** Whether the flags `ACCESSED` and `DIRTY` count. */
  readonly accessed: boolean;
  /** Whether physical addresses count. */
  readonly physical: boolean;
}

/** Pages that differ in the same way, one after another. */
interface OpenRun extends MatchedRun {
  readonly a: SidePages | undefined;
  readonly b: SidePages | undefined;
}

/**
 * Creates the collection.
 *
 * @param options What counts as a difference.
 * @returns The collection, empty.
 */
export function mappingDifferences({ names, limit, accessed, physical }: MappingOptions): MappingCollection {
  const ignored = accessed ? 0 : LO_ACCESSED;
  const sizes = { both: 0, added: 0, removed: 0, changed: 0, accessed: 0 };
  let open: OpenRun | undefined;
  const runs = mergedRuns<OpenRun>(limit, (run, next) => {
    return areAlike(run.a, next.a, run.pages) && areAlike(run.b, next.b, run.pages);
  }, (run) => run.a ? run.pageA : run.pageB);

  /** Whether both cursors map pages in the same way. */
  const isSame = ({ cursor: a, owners: { owner } }: SideAtPage, { cursor: b, owners }: SideAtPage): boolean => {
    return a.level === b.level && ((a.flagsLo ^ b.flagsLo) & ~ignored) === 0 && a.flagsHi === b.flagsHi &&
      a.allowsLo === b.allowsLo && a.allowsHi === b.allowsHi &&
      (owner === owners.owner || owner === undefined || owners.owner === undefined) &&
      (!physical || a.frame === b.frame);
  };
  /** Whether pages go on with the run of a side. */
  const areAlike = (run: SidePages | undefined, next: SidePages | undefined, pages: number): boolean => {
    return run && next ? run.owner === next.owner && goOn(run, next, pages) : !run && !next;
  };
  const goesOn = (run: SidePages | undefined, side: SideAtPage | undefined, pages: number): boolean => {
    return run && side ? run.owner === side.owners.owner && goOn(run, side.cursor, pages) : !run && !side;
  };
  const goOn = (run: SidePages, next: Omit<SidePages, "owner">, pages: number): boolean => {
    return run.level === next.level && ((run.flagsLo ^ next.flagsLo) & ~ignored) === 0 &&
      run.flagsHi === next.flagsHi && run.allowsLo === next.allowsLo && run.allowsHi === next.allowsHi &&
      (!physical || next.frame === run.frame + pages * PAGE_SIZE);
  };
  const close = (): void => {
    if (open) runs.add(open);
    open = undefined;
  };
  return {
    add: (a, b, pageA, pageB, pages) => {
      const size = pages * PAGE_SIZE;
      if (a && b) {
        sizes.both += size;
        if (isSame(a, b)) {
          if (((a.cursor.flagsLo ^ b.cursor.flagsLo) & ignored) !== 0) sizes.accessed += size;
          return;
        }
      }
      sizes[a ? b ? "changed" : "removed" : "added"] += size;
      if (
        open && open.pageA + open.pages === pageA && open.pageB + open.pages === pageB &&
        goesOn(open.a, a, open.pages) && goesOn(open.b, b, open.pages)
      ) {
        open.pages += pages;
        return;
      }
      close();
      open = { a: a && pagesAt(a), b: b && pagesAt(b), pageA, pageB, pages };
    },
    nextRange: () => {
      close();
      runs.nextRange();
    },
    count: () => (sizes.added + sizes.removed + sizes.changed) / PAGE_SIZE,
    result: () => {
      close();
      const { items, more } = runs.result();
      return { ...sizes, items: items.map((run) => differenceOf(run, names, ignored)), more };
    },
  };
}

function pagesAt({ cursor, owners: { owner } }: SideAtPage): SidePages {
  const { level, flagsLo, flagsHi, allowsLo, allowsHi, frame } = cursor;
  return { level, flagsLo, flagsHi, allowsLo, allowsHi, frame, owner };
}

function differenceOf({ a, b, pageA, pageB, pages }: OpenRun, names: NameFinder, ignored: number): MappingDifference {
  const size = pages * PAGE_SIZE;
  const atA = addressOfPage(pageA);
  const atB = addressOfPage(pageB);
  const named = [a ? atA : undefined, b ? atB : undefined] as const;
  const { symbol: { a: symbolA, b: symbolB } } = names.at(...named);
  const symbol = symbolA ?? symbolB;
  const segment = names.segmentIn(...named, BigInt(size));
  const sections = names.sectionsIn(...named, BigInt(size));
  const both = a !== undefined && b !== undefined;
  const [flagsA, flagsB] = [a ? countedFlags(a, ignored) : [], b ? countedFlags(b, ignored) : []];
  return {
    kind: both ? "changed" : a ? "removed" : "added",
    ...matchedPage(pageA, pageB),
    size,
    ...(a ? { a: sideOf(a) } : {}),
    ...(b ? { b: sideOf(b) } : {}),
    lost: both ? flagsA.filter((flag) => !flagsB.includes(flag)) : [],
    gained: both ? flagsB.filter((flag) => !flagsA.includes(flag)) : [],
    ...(segment.a ? { segment: segment.a.index } : {}),
    ...(segment.b && segment.b.index !== segment.a?.index ? { segmentInB: segment.b.index } : {}),
    sections: sections.a ?? [],
    ...(sections.b && !isSameList(sections.a ?? [], sections.b) ? { sectionsInB: sections.b } : {}),
    ...(symbol ? { symbol: { name: symbol.name, offset: Number(symbol.offset) } } : {}),
  };
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at]);
}

function sideOf({ level, allowsLo, allowsHi, frame, owner, ...flags }: SidePages): MappedSide {
  return {
    physical: frame,
    pageSize: PAGE_SIZES[level - 1],
    permissions: mappingLetters({
      writable: (allowsLo & LO_WRITABLE) !== 0,
      executable: (allowsHi & HI_NO_EXECUTE) === 0,
    }),
    user: (allowsLo & LO_USER) !== 0,
    flags: flagsOf({ level, ...flags }),
    ...(owner === undefined ? {} : { owner }),
  };
}

function flagsOf({ level, flagsLo, flagsHi }: Pick<SidePages, "level" | "flagsLo" | "flagsHi">): readonly EntryFlag[] {
  return decodeEntry((BigInt(flagsHi >>> 0) << 32n) | BigInt(flagsLo >>> 0), level).flags;
}

/** The flags that count; that a page is large is its size. */
function countedFlags({ level, flagsLo, flagsHi }: SidePages, ignored: number): readonly EntryFlag[] {
  return flagsOf({ level, flagsLo: flagsLo & ~ignored, flagsHi }).filter((flag) => flag !== "HUGE_PAGE");
}
