/**
 * The options of a comparison.
 *
 * @module
 */

import type { KernelSymbols } from "../symbols/kernel_symbols.ts";

/** How to compare. */
export interface DiffOptions {
  /** The names in the kernels' files. Where A has a name for an address, it counts; otherwise B's does. */
  readonly symbols?: { readonly a?: KernelSymbols; readonly b?: KernelSymbols };
  /** Whether to match equal addresses even of position-independent kernels with different bases. Default: false. */
  readonly absolute?: boolean;
  /**
   * Whether the flags `ACCESSED` and `DIRTY` count. Default: false, as a processor sets them in all that it uses.
   */
  readonly accessed?: boolean;
  /** Whether the physical addresses of pages count. Default: false. */
  readonly physical?: boolean;
  /** The most items of each list to keep; the others are counted. Default: 40. */
  readonly limit?: number;
}
