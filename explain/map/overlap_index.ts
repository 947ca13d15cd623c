/**
 * Which of many ranges meet a page, and how far the answer stays the same.
 *
 * @module
 */

import { firstWhere } from "../binary_search.ts";

/** A range and its name. The end is exclusive. */
export interface NamedSpan<T> {
  /** The first address. */
  readonly start: number;
  /** The address after the last. */
  readonly end: number;
  /** What it is. */
  readonly value: T;
}

/** What meets a page and, in the same way, the pages after it. */
export interface Overlap<T> {
  /** The values, ascending by the start of their ranges: at most eight, each once. */
  readonly values: readonly T[];
  /** Whether each of the ranges covers all of the pages. */
  readonly whole: boolean;
  /** Number of bytes for which this holds, a multiple of the page size; `Infinity` if to the end. */
  readonly length: number;
}

/** Finds what meets a page at an address. */
export type OverlapIndex<T> = (start: number, pageSize: number) => Overlap<T>;

/** The most values to tell of one page. */
const MOST_VALUES = 8;

/** The most parts of a page to look at. */
const MOST_PARTS = 1024;

/**
 * Prepares to find the ranges that meet a page.
 *
 * @param spans The ranges, in any order; they may overlap. Empty ones meet no page.
 * @returns The index. A look-up takes logarithmic time.
 */
export function overlapIndex<T>(spans: readonly NamedSpan<T>[]): OverlapIndex<T> {
  const { bounds, values } = elementary(spans.filter(({ start, end }) => start < end));
  return (start, pageSize) => {
    const at = firstWhere(bounds.length, (at) => bounds[at] > start) - 1;
    const next = bounds[at + 1] ?? Infinity;
    const whole = values[at] ?? [];
    if (next >= start + pageSize) {
      return { values: whole, whole: true, length: Math.floor((next - start) / pageSize) * pageSize };
    }
    const met = new Set<T>(whole);
    const end = Math.min(at + MOST_PARTS, bounds.length);
    for (let part = at + 1; part < end && bounds[part] < start + pageSize && met.size < MOST_VALUES; part++) {
      for (const value of values[part]) if (met.size < MOST_VALUES) met.add(value);
    }
    return { values: [...met], whole: false, length: pageSize };
  };
}

interface Elementary<T> {
  /** Where the answer changes, ascending. */
  readonly bounds: readonly number[];
  /** The answer from each bound on. */
  readonly values: readonly (readonly T[])[];
}

/** Sweeps over the ranges. Those that are open form a linked list, so that each step looks at few of them. */
function elementary<T>(spans: readonly NamedSpan<T>[]): Elementary<T> {
  const starts = [...spans].sort((one, other) => one.start - other.start);
  const ends = starts.map((_, id) => id).sort((one, other) => starts[one].end - starts[other].end);
  const after = new Int32Array(starts.length + 1).fill(-1); // the last element is the head
  const before = new Int32Array(starts.length + 1).fill(-1);
  const head = starts.length;
  let tail = head;
  const bounds: number[] = [];
  const values: (readonly T[])[] = [];
  for (let opened = 0, closed = 0; closed < ends.length;) {
    const at = Math.min(starts[opened]?.start ?? Infinity, starts[ends[closed]].end);
    for (; starts[opened]?.start === at; opened++) {
      after[tail] = opened;
      before[opened] = tail;
      tail = opened;
    }
    for (; closed < ends.length && starts[ends[closed]].end === at; closed++) {
      const id = ends[closed];
      after[before[id]] = after[id];
      if (after[id] >= 0) before[after[id]] = before[id];
      else tail = before[id];
    }
    const open: T[] = [];
    for (let id = after[head]; id >= 0 && open.length < MOST_VALUES; id = after[id]) {
      const { value } = starts[id];
      if (!open.includes(value)) open.push(value);
    }
    bounds.push(at);
    values.push(open);
  }
  return { bounds, values };
}
