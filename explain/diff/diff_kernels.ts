/**
 * Compares two kernels, or any page tables.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { type Explainable, type ExplainedKernel, kernelOf, tablesOf } from "../explained.ts";
import type { TableSet } from "../tables/table_set.ts";
import { type ContentComparison, contentComparison } from "./compare_content.ts";
import type { DiffOptions } from "./diff_options.ts";
import { factDifferences, verdictOf } from "./fact_differences.ts";
import { type FrameOwners, frameOwners } from "./frame_owners.ts";
import type { KernelDifference, RepeatedRange } from "./kernel_difference.ts";
import { level4Differences } from "./level4_differences.ts";
import { type LimitedList, limitedList } from "./limited_list.ts";
import { type MappingCollection, mappingDifferences } from "./mapping_differences.ts";
import { matchedPage, type MatchedRange, matchPages } from "./matched_ranges.ts";
import { nameDifferences } from "./name_differences.ts";
import { nameFinder } from "./name_places.ts";
import { addressOfPage, type PageCursor, pageCursor } from "./page_cursor.ts";
import { type RepeatedTables, repeatedTables } from "./repeated_tables.ts";
import { tableFrames } from "./table_frames.ts";
import { type UnknownRanges, unknownRanges } from "./unknown_ranges.ts";

/** The most items of each list, if no limit is given. */
const DEFAULT_LIMIT = 40;

/** The most runs of pages to look at: those of 4 KiB in 512 GiB. */
const MOST_RUNS = 2 ** 27;

/** Number of runs between two steps. */
const STEP_RUNS = 2 ** 12;

/**
 * Compares two kernels, or any page tables: what they map, with which flags, and the bytes in pages that both
 * map. Where the pages lie in physical memory makes no difference, unless that is asked for.
 *
 * Segments of position-independent kernels with different bases are matched by their link addresses, and words that
 * differ by exactly the distance between the bases are counted separately.
 *
 * @example
 * ```ts
 * import { diffKernels } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const [a, b] = [await loadKernel(file), await loadKernel(file)];
 * assertEquals(diffKernels(a, b).verdict, "same");
 * b.addressSpace.write(b.entryPoint, new Uint8Array([0xcc]));
 * const { verdict, content } = diffKernels(a, b);
 * assertEquals([verdict, content.differing, content.first?.b], ["different", 1, 0xcc]);
 * assertEquals(content.first?.address, a.entryPoint);
 * ```
 *
 * @param a One of them.
 * @param b The other.
 * @param options What counts as a difference, the names to use, and how many items to list.
 * @returns How they differ.
 * @throws {RangeError} If the limit is not an integer of at least 0.
 */
export function diffKernels(a: Explainable, b: Explainable, options: DiffOptions = {}): KernelDifference {
  const steps = diffSteps(a, b, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * Does the same as {@linkcode diffKernels} in steps of at most a few milliseconds, between which a caller can wait for
 * something else or stop.
 *
 * @example
 * ```ts
 * import { diffSteps } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const steps = diffSteps(kernel, kernel);
 * let step = steps.next();
 * for (; !step.done; step = steps.next()) await Promise.resolve(); // or look at a signal
 * assertEquals(step.value.verdict, "same");
 * ```
 *
 * @param a One of them.
 * @param b The other.
 * @param options What counts as a difference, the names to use, and how many items to list.
 * @returns The steps; the last returns how they differ.
 * @throws {RangeError} If the limit is not an integer of at least 0.
 */
export function* diffSteps(
  a: Explainable,
  b: Explainable,
  options: DiffOptions = {},
): Generator<void, KernelDifference, void> {
  const { symbols = {}, absolute = false, accessed = false, physical = false, limit = DEFAULT_LIMIT } = options;
  if (!Number.isInteger(limit) || limit < 0) {
    throw new RangeError(`Cannot list ${String(limit)} differences: the limit must be an integer of at least 0`);
  }
  const [kernelA, kernelB] = [kernelOf(a), kernelOf(b)];
  const tables = { a: tablesOf(a), b: tablesOf(b) };
  const { distance, linked, ranges } = matchPages(kernelA, kernelB, absolute);
  const names = nameFinder({ kernel: kernelA, symbols: symbols.a }, { kernel: kernelB, symbols: symbols.b });
  const unknown = unknownRanges(limit);
  const tablesA = yield* tableFrames(tables.a);
  const tablesB = yield* tableFrames(tables.b);
  const content = contentComparison({ ...tables, tablesA, tablesB, distance, names, unknown, limit });
  const mappings = mappingDifferences({ names, limit, accessed, physical });
  const repeated = limitedList<RepeatedRange>(limit);
  const count = () => mappings.count() + content.count() + unknown.count();
  const sweep: Sweep = {
    a: sideOf(tables.a, kernelA),
    b: sideOf(tables.b, kernelB),
    content,
    mappings,
    unknown,
    repeated,
    seen: repeatedTables(count),
    runs: 0,
  };
  for (const range of ranges) yield* compareRange(range, sweep);
  const facts = factDifferences(a, b);
  const named = symbols.a && symbols.b ? yield* nameDifferences(symbols.a, symbols.b, limit) : undefined;
  const entries = level4Differences(tables.a, tables.b, accessed);
  const found = {
    mappings: mappings.result(),
    content: content.result(),
  };
  return {
    verdict: verdictOf({ facts, entries, ...found }, distance),
    complete: sweep.runs < MOST_RUNS && !content.isExhausted(),
    addresses: linked ? "linked" : "plain",
    distance,
    facts,
    level4: { items: entries.slice(0, limit), more: Math.max(0, entries.length - limit) },
    ...found,
    ...(named ? { names: named } : {}),
    repeated: repeated.result(),
    unknown: unknown.result(),
  };
}

/** One side, and where it stands. */
interface SweptSide {
  readonly cursor: PageCursor;
  readonly owners: FrameOwners;
}

/** The state of a comparison. */
interface Sweep {
  readonly a: SweptSide;
  readonly b: SweptSide;
  readonly content: ContentComparison;
  readonly mappings: MappingCollection;
  readonly unknown: UnknownRanges;
  readonly repeated: LimitedList<RepeatedRange>;
  readonly seen: RepeatedTables;
  /** Number of runs of pages looked at. */
  runs: number;
}

function sideOf(tables: TableSet, kernel: ExplainedKernel | undefined): SweptSide {
  return { cursor: pageCursor(tables), owners: frameOwners(kernel) };
}

/** Pages of both sides whose frames are consecutive, to be compared together. */
interface OpenFrames {
  readonly pageA: number;
  readonly pageB: number;
  readonly physA: number;
  readonly physB: number;
  pages: number;
}

function* compareRange({ a: firstA, b: firstB, pages: all }: MatchedRange, sweep: Sweep): Generator<void, void, void> {
  const { content, mappings, unknown, repeated, seen } = sweep;
  const a = firstA === undefined ? undefined : sweep.a;
  const b = firstB === undefined ? undefined : sweep.b;
  const [startA, startB] = [firstA ?? firstB ?? 0, firstB ?? firstA ?? 0];
  let frames: OpenFrames | undefined;
  for (let at = 0; at < all && sweep.runs < MOST_RUNS;) {
    if (++sweep.runs % STEP_RUNS === 0) yield;
    const [pageA, pageB] = [startA + at, startB + at];
    if (frames && pageA % TABLE_ENTRIES === 0) {
      yield* compareFrames(frames, content); // before it is said whether the tables that end here differ
      frames = undefined;
    }
    seen.close(pageA);
    a?.cursor.seek(pageA);
    b?.cursor.seek(pageB);
    const known = seen.find(a?.cursor, b?.cursor, pageA, pageB, all - at);
    if (known) {
      const { page: as, pages, differs } = known;
      if (differs) {
        repeated.add(() => ({ ...matchedPage(pageA, pageB), size: pages * PAGE_SIZE, as: addressOfPage(as) }));
      }
      at += pages;
      continue;
    }
    const [stateA, stateB] = [a?.cursor ?? NOTHING, b?.cursor ?? NOTHING];
    const hidden = hiddenPages(stateA, stateB);
    if (hidden > 0) {
      if (frames) yield* compareFrames(frames, content); // what is not known is listed in order
      frames = undefined;
      const pages = Math.min(hidden, all - at);
      if (stateA.kind === "unknown" || stateB.kind === "unknown") {
        const side = stateA.kind !== "unknown" ? "b" : stateB.kind !== "unknown" ? "a" : "both";
        unknown.add(side, "table", pageA, pageB, pages);
      }
      at += pages;
      continue;
    }
    let pages = Math.min(stateA.pages, stateB.pages, all - at);
    const mappedA = a && stateA.kind === "page" ? a : undefined;
    const mappedB = b && stateB.kind === "page" ? b : undefined;
    lookUp(mappedA);
    lookUp(mappedB);
    pages = Math.min(pages, mappedA?.owners.frames ?? pages, mappedB?.owners.frames ?? pages);
    if (mappedA || mappedB) mappings.add(mappedA, mappedB, pageA, pageB, pages);
    if (mappedA && mappedB) {
      const [physA, physB] = [stateA.frame, stateB.frame];
      if (frames && goesOn(frames, pageA, physA, physB)) {
        frames.pages += pages;
      } else {
        if (frames) yield* compareFrames(frames, content);
        frames = { pageA, pageB, physA, physB, pages };
      }
    }
    at += pages;
  }
  if (frames) yield* compareFrames(frames, content);
  seen.close(Infinity);
  mappings.nextRange();
  unknown.nextRange();
}

/** What is at pages that are not looked at on one side. */
const NOTHING: Pick<PageCursor, "kind" | "pages" | "frame"> = { kind: "absent", pages: Infinity, frame: 0 };

/** Number of pages that cannot be compared because of what tables point to on one side; 0 if they can. */
function hiddenPages(...sides: readonly Pick<PageCursor, "kind" | "pages">[]): number {
  const hidden = sides.filter(({ kind }) => kind === "unknown" || kind === "recursive").map(({ pages }) => pages);
  return hidden.length === 0 ? 0 : Math.min(...hidden);
}

/** Looks up the owner of the frame where a side stands. */
function lookUp(side: SweptSide | undefined): void {
  if (side?.cursor.level === 1) side.owners.seek(side.cursor.frame);
  else side?.owners.skip();
}

function goesOn(frames: OpenFrames, pageA: number, physA: number, physB: number): boolean {
  const size = frames.pages * PAGE_SIZE;
  return frames.pageA + frames.pages === pageA && frames.physA + size === physA && frames.physB + size === physB;
}

function compareFrames({ pageA, pageB, physA, physB, pages }: OpenFrames, content: ContentComparison): Generator<void> {
  return content.compare(pageA, pageB, physA, physB, pages);
}
