/**
 * Changes of flags, as masks for the halves of entries.
 *
 * @module
 */

import { flagHalves, frameBits, HI_FRAME, PAGE_SIZES } from "./entry.ts";
import type { LeafLevel } from "./page_range.ts";

/** Flags to clear and to set in a leaf entry; the others stay as they are. */
export interface FlagChange {
  /** Flags to clear, as bits of the entry. Default: none. */
  readonly clear?: bigint;
  /** Flags to set after that, as bits of the entry. Default: none. */
  readonly set?: bigint;
}

/** What a change does to the halves of an entry: the AND with `keep`, then the OR with `set`. */
export interface EntryMasks {
  /** Bits 0 to 31 that stay. */
  readonly keepLo: number;
  /** Bits 32 to 63 that stay. */
  readonly keepHi: number;
  /** Bits 0 to 31 to set. */
  readonly setLo: number;
  /** Bits 32 to 63 to set. */
  readonly setHi: number;
}

/**
 * Converts a change for the leaf entries of a level. `HUGE_PAGE` is always set above level 1, whatever the change.
 *
 * @param flags The flags that replace those of an entry, or those to clear and to set.
 * @param level The level.
 * @returns The masks.
 * @throws {TypeError} If flags are not a `bigint`.
 * @throws {RangeError} If a bit of the physical address is set.
 */
export function entryMasks(flags: bigint | FlagChange, level: LeafLevel): EntryMasks {
  const pageSize = PAGE_SIZES[level - 1];
  if (!isFlagChange(flags)) {
    if (typeof flags === "object" && flags !== null) {
      throw new TypeError("Cannot use an object without clear and set as flags: pass a bigint or { clear, set }");
    }
    const { lo, hi } = flagHalves(flags, pageSize);
    return { keepLo: frameBits(level), keepHi: HI_FRAME, setLo: lo, setHi: hi };
  }
  const { clear = 0n, set = 0n } = flags;
  const cleared = flagHalves(clear, pageSize);
  const { lo, hi } = flagHalves(set, pageSize);
  return { keepLo: ~cleared.lo, keepHi: ~cleared.hi, setLo: lo, setHi: hi };
}

function isFlagChange(flags: bigint | FlagChange): flags is FlagChange {
  return typeof flags === "object" && flags !== null && ("clear" in flags || "set" in flags);
}
