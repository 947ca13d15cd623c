/**
 * Compares the bytes of pages that both sides map.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { TableSet } from "../tables/table_set.ts";
import { comparedFrames } from "./compared_frames.ts";
import type { ContentDifferences } from "./kernel_difference.ts";
import { differingBytes } from "./differing_bytes.ts";
import { movedBytes } from "./moved_words.ts";
import type { NameFinder } from "./name_places.ts";
import type { UnknownRanges } from "./unknown_ranges.ts";

/** Compares pages. */
export interface ContentComparison {
  /** Compares pages whose frames are consecutive on both sides; each step takes less than a millisecond. */
  readonly compare: (pageA: number, pageB: number, physA: number, physB: number, pages: number) => Generator<void>;
  /** Number of differences found so far. */
  readonly count: () => number;
  /** Whether as much was compared as may be. */
  readonly isExhausted: () => boolean;
  /** What was found. */
  readonly result: () => ContentDifferences;
}

/** What a comparison needs. */
export interface ContentOptions {
  /** The tables of both sides. */
  readonly a: TableSet;
  readonly b: TableSet;
  /** The frames that hold page tables. */
  readonly tablesA: ReadonlySet<number>;
  readonly tablesB: ReadonlySet<number>;
  /** How far B's kernel is from A's. */
  readonly distance: bigint;
  /** Finds the names of addresses. */
  readonly names: NameFinder;
  /** Collects what is in unknown memory. */
  readonly unknown: UnknownRanges;
  /** The most items of each list to keep. */
  readonly limit: number;
}

/** The most pages to compare: 128 GiB. Few tables can map many more pairs of frames than memory has frames. */
const MOST_PAGES = 2 ** 25;

/** Number of pages in a step. */
const STEP_PAGES = 64;

/** Number of words of 32 bits in a page. */
const PAGE_WORDS = PAGE_SIZE / 4;

/**
 * Creates a comparison.
 *
 * @param options What it needs.
 * @returns The comparison.
 */
export function contentComparison(options: ContentOptions): ContentComparison {
  const { a, b, tablesA, tablesB, distance, names, unknown, limit } = options;
  const pairs = comparedFrames();
  const found = differingBytes(names, limit);
  const moved = distance === 0n ? undefined : movedBytes(a, b, distance);
  let compared = 0;
  let tables = 0;
  let movedWords = 0;
  let movedPage = -1; // of A, after the last byte of a word that moved
  let movedEnd = 0;

  const comparePage = (pageA: number, pageB: number, wordsA: Uint32Array, wordsB: Uint32Array): void => {
    let at = firstDifference(wordsA, wordsB, 0);
    if (at === PAGE_WORDS) return;
    const bytesA = new Uint8Array(wordsA.buffer, wordsA.byteOffset, PAGE_SIZE);
    const bytesB = new Uint8Array(wordsB.buffer, wordsB.byteOffset, PAGE_SIZE);
    found.page(pageA, pageB, bytesA, bytesB);
    for (; at < PAGE_WORDS; at = firstDifference(wordsA, wordsB, at + 1)) {
      for (let offset = at * 4; offset < at * 4 + 4; offset++) {
        if (bytesA[offset] === bytesB[offset]) continue;
        if (pageA === movedPage && offset < movedEnd) continue;
        const size = moved?.(pageA, pageB, offset, bytesA, bytesB) ?? 0;
        if (size > 0) {
          movedWords++;
          const end = offset + size;
          movedPage = end > PAGE_SIZE ? pageA + 1 : pageA;
          movedEnd = end > PAGE_SIZE ? end - PAGE_SIZE : end;
          if (movedPage === pageA) continue;
          return; // the rest of the page is in the word
        }
        found.add(offset);
      }
    }
  };
  /** Whether pages are the same for certain, which is quick to find out where memory lies together. */
  const isSame = (frameA: number, frameB: number, count: number): boolean => {
    for (let at = 0; at < count; at++) {
      if (tablesA.has(frameA + at * PAGE_SIZE) || tablesB.has(frameB + at * PAGE_SIZE)) return false;
    }
    const wordsA = a.pages.range?.(frameA, count);
    const wordsB = b.pages.range?.(frameB, count);
    return wordsA !== undefined && wordsB !== undefined && (isSameView(wordsA, wordsB) || isEqual(wordsA, wordsB));
  };
  const comparePages = (pageA: number, pageB: number, physA: number, physB: number, page: number): void => {
    const frameA = physA + page * PAGE_SIZE;
    const frameB = physB + page * PAGE_SIZE;
    if (tablesA.has(frameA) || tablesB.has(frameB)) {
      tables += PAGE_SIZE;
      return;
    }
    const wordsA = a.pages.words(frameA);
    const wordsB = b.pages.words(frameB);
    if (!wordsA || !wordsB) {
      unknown.add(wordsA ? "b" : wordsB ? "a" : "both", "content", pageA + page, pageB + page, 1);
      return;
    }
    compared += PAGE_SIZE;
    if (!isSameView(wordsA, wordsB)) comparePage(pageA + page, pageB + page, wordsA, wordsB);
  };
  return {
    *compare(pageA, pageB, physA, physB, pages) {
      for (const { at, count } of pairs.take(physA, physB, pages)) {
        for (let first = at; first < at + count; first += STEP_PAGES) {
          yield;
          const step = Math.min(STEP_PAGES, at + count - first);
          if (compared / PAGE_SIZE >= MOST_PAGES) return;
          const frameA = physA + first * PAGE_SIZE;
          const frameB = physB + first * PAGE_SIZE;
          if (isSame(frameA, frameB, step)) compared += step * PAGE_SIZE;
          else for (let page = first; page < first + step; page++) comparePages(pageA, pageB, physA, physB, page);
        }
      }
    },
    count: () => found.count() + movedWords,
    isExhausted: () => compared / PAGE_SIZE >= MOST_PAGES,
    result: () => ({ compared, tables, movedWords, ...found.result() }),
  };
}

function isSameView(a: Uint32Array, b: Uint32Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

/** Whether words of as many pages are equal. */
function isEqual(a: Uint32Array, b: Uint32Array): boolean {
  let differs = 0;
  for (let at = 0; at < a.length && differs === 0; at += 8) differs = differenceAt(a, b, at);
  return differs === 0;
}

/** Nothing but 0 if eight words are equal. */
function differenceAt(a: Uint32Array, b: Uint32Array, at: number): number {
  return (a[at] ^ b[at]) | (a[at + 1] ^ b[at + 1]) | (a[at + 2] ^ b[at + 2]) | (a[at + 3] ^ b[at + 3]) |
    (a[at + 4] ^ b[at + 4]) | (a[at + 5] ^ b[at + 5]) | (a[at + 6] ^ b[at + 6]) | (a[at + 7] ^ b[at + 7]);
}

/** Index of the first word of a page from one on that differs; 1024 if none does. */
function firstDifference(a: Uint32Array, b: Uint32Array, from: number): number {
  let at = from;
  for (; (at & 7) !== 0; at++) if (a[at] !== b[at]) return at;
  while (at < PAGE_WORDS && differenceAt(a, b, at) === 0) at += 8;
  for (; at < PAGE_WORDS; at++) if (a[at] !== b[at]) return at;
  return PAGE_WORDS;
}
