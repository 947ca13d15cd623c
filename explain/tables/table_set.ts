/**
 * Any page tables: where they start, how many levels they have, and the memory that they lie in.
 *
 * @module
 */

import type { PhysicalPages } from "./physical_pages.ts";

/** Page tables under one root. */
export interface TableSet {
  /** Physical address of the table of the highest level. */
  readonly root: number;
  /** Number of levels: 5 if CR4.LA57 is set. */
  readonly levels: 4 | 5;
  /** The memory that they lie in. */
  readonly pages: PhysicalPages;
}

/** The levels of page tables, highest first. */
export type TableLevel = 5 | 4 | 3 | 2 | 1;
