/**
 * Compares level-4 entries.
 *
 * @module
 */

import { ACCESSED, entryFrame, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { decodeEntry } from "../tables/decode_entry.ts";
import { entryAt, nextPresent, tablesBelow } from "../tables/entry_scan.ts";
import { ENTRY_PAGES } from "../tables/table_path.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { Level4Difference } from "./kernel_difference.ts";
import { addressOfPage, ALL_PAGES } from "./page_cursor.ts";

/** Number of level-4 entries in the address space of five levels. */
const ALL_ENTRIES = ALL_PAGES / ENTRY_PAGES[4];

/** An entry that is present. */
interface Entry {
  readonly entry: bigint;
  /** Whether it points to the table that it is in. */
  readonly isRecursive: boolean;
}

/**
 * Compares the level-4 entries that are present, by the addresses that they are for.
 *
 * @param a The tables of A.
 * @param b The tables of B.
 * @param accessed Whether the flag `ACCESSED` counts.
 * @returns The differences, ascending. The tables that entries point to are no difference.
 */
export function level4Differences(
  a: TableSet,
  b: TableSet,
  accessed: boolean,
): readonly Level4Difference[] {
  const [ofA, ofB] = [entriesOf(a), entriesOf(b)];
  const positions = [...new Set([...ofA.keys(), ...ofB.keys()])].sort((one, other) => one - other);
  return positions.flatMap((position) => {
    const one = ofA.get(position);
    const other = ofB.get(position);
    const kind = one && other ? "changed" : one ? "removed" : "added";
    const [flagsA, flagsB] = kind === "changed" ? [flagsOf(one, accessed), flagsOf(other, accessed)] : [[], []];
    const lost = flagsA.filter((flag) => !flagsB.includes(flag));
    const gained = flagsB.filter((flag) => !flagsA.includes(flag));
    const isSame = kind === "changed" && lost.length + gained.length === 0 && one?.isRecursive === other?.isRecursive;
    if (isSame) return [];
    return [{
      index: position % TABLE_ENTRIES,
      address: addressOfPage(position * ENTRY_PAGES[4]),
      kind,
      ...(one ? { a: one.entry } : {}),
      ...(other ? { b: other.entry } : {}),
      lost,
      gained,
    }];
  });
}

function flagsOf(found: Entry | undefined, accessed: boolean): Level4Difference["lost"] {
  return found ? decodeEntry(accessed ? found.entry : found.entry & ~ACCESSED, 4).flags : [];
}

/** The entries that are present, by their number in an address space of five levels. */
function entriesOf({ root, levels, pages }: TableSet): ReadonlyMap<number, Entry> {
  const found = new Map<number, Entry>();
  const read = (table: number, position: (index: number) => number): void => {
    const words = pages.words(table);
    if (!words) return;
    for (let index = nextPresent(words, 0); index < TABLE_ENTRIES; index = nextPresent(words, index + 1)) {
      const isRecursive = entryFrame(words[index * 2], words[index * 2 + 1], 1) === table;
      found.set(position(index), { entry: entryAt(words, index), isRecursive });
    }
  };
  if (levels === 4) {
    read(root, (index) => index < TABLE_ENTRIES / 2 ? index : ALL_ENTRIES - TABLE_ENTRIES + index);
    return found;
  }
  const words = pages.words(root);
  for (const { index: top, frame } of words ? tablesBelow(words, 5) : []) {
    read(frame, (index) => top * TABLE_ENTRIES + index);
  }
  return found;
}
