/**
 * Where a run is among the pages of its level-4 entry, as columns of a bar: to scale, without the gaps.
 *
 * @module
 */

import type { MapRun } from "../../explain/map/address_map.ts";

/** A part of a bar: the first column, and the one after the last. */
export interface BarPart {
  readonly from: number;
  readonly to: number;
}

/**
 * Lays out runs along a bar.
 *
 * @param runs The runs, ascending.
 * @param width Number of columns.
 * @returns The part of each run, at least one column; parts of small runs may share a column.
 */
export function barParts(runs: readonly Pick<MapRun, "size">[], width: number): readonly BarPart[] {
  const whole = runs.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  return runs.map(({ size }) => {
    const from = Math.min(Math.round((before / whole) * width), width - 1);
    before += size;
    return { from, to: Math.max(Math.round((before / whole) * width), from + 1) };
  });
}
