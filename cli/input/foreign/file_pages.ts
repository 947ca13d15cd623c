/**
 * Physical memory that lies in a file: read in windows, when it is asked for.
 *
 * @module
 */

import { PAGE_SIZE } from "../../../core/memory/addresses.ts";
import { firstWhere } from "../../../explain/binary_search.ts";
import type { PhysicalPages } from "../../../explain/tables/physical_pages.ts";

/** A part of physical memory that a file holds. */
export interface StoredRange {
  /** Physical address of the first byte. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
  /** File offset of the first byte. */
  readonly offset: number;
}

/** Reads up to `buffer.length` bytes of a file from an offset on, and returns how many; 0 at the end. */
export type ReadAt = (offset: number, buffer: Uint8Array) => number;

/** What is read at a time: tables are often close together. */
const WINDOW = 2 ** 16;

/** The most windows that are kept: 64 MiB. */
const MOST_WINDOWS = 1024;

interface Window {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same in words. */
  readonly words: Uint32Array;
  /** Whether all bytes of a page are in the file, by its number in the window. */
  readonly isKnown: readonly boolean[];
}

/**
 * Sorts ranges, and takes what a range before has from those that overlap it.
 *
 * @param ranges The ranges.
 * @returns Ranges without overlaps, ascending, none empty.
 */
export function disjointRanges(ranges: readonly StoredRange[]): readonly StoredRange[] {
  const sorted = ranges.filter(({ size }) => size > 0).sort((one, other) => one.phys - other.phys);
  const result: StoredRange[] = [];
  let end = 0;
  for (const { phys, size, offset } of sorted) {
    const start = Math.max(phys, end);
    if (start >= phys + size) continue;
    end = phys + size;
    result.push({ phys: start, size: end - start, offset: offset + start - phys });
  }
  return result;
}

/**
 * The pages of the memory in a file. Those that the file has only partly are unknown.
 *
 * @param readAt Reads the file.
 * @param ranges The parts of memory that it holds, without overlaps, ascending.
 * @returns The pages. What they return stays as it is when other pages are read.
 */
export function filePages(readAt: ReadAt, ranges: readonly StoredRange[]): PhysicalPages {
  const windows = new Map<number, Window>();
  const windowAt = (phys: number): Window => {
    const nth = Math.floor(phys / WINDOW);
    const kept = windows.get(nth);
    if (kept) return kept;
    const window = readWindow(readAt, ranges, nth * WINDOW);
    if (windows.size >= MOST_WINDOWS) windows.delete(windows.keys().next().value!);
    windows.set(nth, window);
    return window;
  };
  const bytes = (phys: number, length: number): Uint8Array | undefined => {
    const { bytes, isKnown } = windowAt(phys);
    const at = phys % WINDOW;
    return isKnown[Math.floor(at / PAGE_SIZE)] && length <= PAGE_SIZE - at % PAGE_SIZE
      ? bytes.subarray(at, at + length)
      : undefined;
  };
  const words = (frame: number): Uint32Array | undefined => {
    const { words, isKnown } = windowAt(frame);
    const at = frame % WINDOW;
    return isKnown[at / PAGE_SIZE] ? words.subarray(at / 4, (at + PAGE_SIZE) / 4) : undefined;
  };
  return { bytes, words };
}

const NOTHING: Window = { bytes: new Uint8Array(), words: new Uint32Array(), isKnown: [] };

function readWindow(readAt: ReadAt, ranges: readonly StoredRange[], start: number): Window {
  const end = start + WINDOW;
  let next = firstEndingAfter(ranges, start);
  if (next === ranges.length || ranges[next].phys >= end) return NOTHING;
  const bytes = new Uint8Array(WINDOW);
  const known = new Array<number>(WINDOW / PAGE_SIZE).fill(0);
  for (; next < ranges.length && ranges[next].phys < end; next++) {
    const { phys, size, offset } = ranges[next];
    const from = Math.max(phys, start);
    const to = Math.min(phys + size, end);
    const read = readFully(readAt, offset + from - phys, bytes.subarray(from - start, to - start));
    for (let at = from; at < from + read;) {
      const page = Math.floor((at - start) / PAGE_SIZE);
      const stop = Math.min(start + (page + 1) * PAGE_SIZE, from + read);
      known[page] += stop - at;
      at = stop;
    }
  }
  return { bytes, words: new Uint32Array(bytes.buffer), isKnown: known.map((count) => count === PAGE_SIZE) };
}

/** The index of the first range that ends after an address. */
function firstEndingAfter(ranges: readonly StoredRange[], address: number): number {
  return firstWhere(ranges.length, (at) => ranges[at].phys + ranges[at].size > address);
}

/** Reads until a buffer is full or the file ends; returns the number of bytes. */
export function readFully(readAt: ReadAt, offset: number, buffer: Uint8Array): number {
  let done = 0;
  while (done < buffer.length) {
    const count = readAt(offset + done, buffer.subarray(done));
    if (count === 0) break;
    done += count;
  }
  return done;
}
