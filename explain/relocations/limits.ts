/**
 * How much of a file's relocations is looked at, whatever the file says.
 *
 * @module
 */

/** The most dynamic tables of a file, and bytes of each. */
export const DYNAMICS_MAX = 16;
export const DYNAMIC_MAX: number = 2 ** 20;

/** The most bytes of a symbol's name. */
export const NAME_MAX: number = 2 ** 16;

/** The most entries to list for an address: every entry of a file may write the same word. */
export const COVERING_MAX = 64;
