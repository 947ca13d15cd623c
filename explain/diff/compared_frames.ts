/**
 * Which frames have been compared with which: frames that are mapped at several addresses are compared once.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { firstWhere } from "../binary_search.ts";

/** Consecutive frames of A and of B. */
export interface FramePairs {
  /** Number of frames before them in the range that was asked for. */
  readonly at: number;
  /** Number of frames. */
  readonly count: number;
}

/** Remembers pairs of frames. */
export interface ComparedFrames {
  /** Returns those of a range of pairs that were not asked for before. */
  readonly take: (physA: number, physB: number, count: number) => readonly FramePairs[];
}

/** The most ranges to remember; what is not remembered is compared again. */
const MOST_RANGES = 2 ** 18;

/**
 * Creates a memory of pairs.
 *
 * @returns The memory, empty.
 */
export function comparedFrames(): ComparedFrames {
  /** By the distance between the frames: the numbers of A's frames as start and end, ascending. */
  const known = new Map<number, number[]>();
  let ranges = 0;
  return {
    take: (physA, physB, count) => {
      const start = physA / PAGE_SIZE;
      const end = start + count;
      const distance = physB - physA;
      const edges = known.get(distance) ?? [];
      const first = firstEndingFrom(edges, start);
      const fresh: FramePairs[] = [];
      let at = start;
      let last = first;
      for (; last < edges.length && edges[last] <= end; last += 2) {
        if (edges[last] > at) fresh.push({ at: at - start, count: edges[last] - at });
        at = Math.max(at, edges[last + 1]);
      }
      if (at < end) fresh.push({ at: at - start, count: end - at });
      if (ranges - (last - first) / 2 >= MOST_RANGES) return fresh;
      const merged = last === first ? [start, end] : [Math.min(start, edges[first]), Math.max(end, edges[last - 1])];
      if (edges.length === 0) known.set(distance, edges);
      ranges += 1 - (last - first) / 2;
      if (last - first === 2) [edges[first], edges[first + 1]] = merged;
      else edges.splice(first, last - first, ...merged);
      return fresh;
    },
  };
}

/** Index of the first range that ends at a number or after it. */
function firstEndingFrom(edges: readonly number[], start: number): number {
  if (edges.length === 0 || edges[edges.length - 1] < start) return edges.length;
  return 2 * firstWhere(edges.length / 2, (range) => edges[range * 2 + 1] >= start);
}
