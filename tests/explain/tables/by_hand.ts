/** Page tables written by hand. */

import { type PhysicalMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { PAGE, putEntry } from "../../core/paging/bits.ts";

/** Entries by the number of their table's frame and their index. */
export type Entries = Readonly<Record<number, Readonly<Record<number, bigint>>>>;

/** Where the first frame is. */
export const BASE = 0x10_0000;

/** An entry that points to the nth frame. */
export function to(frame: number, bits = 0n): bigint {
  return BigInt(BASE + frame * PAGE) | bits | 1n;
}

/** Tables in a memory of some frames; the first is the root. */
export function tablesOf(
  entries: Entries,
  levels: 4 | 5 = 4,
  frames = 8,
): TableSet & { readonly memory: PhysicalMemory } {
  const memory = physicalMemory({ base: BASE, buffer: new ArrayBuffer(frames * PAGE) });
  for (const [frame, table] of Object.entries(entries)) {
    for (const [index, entry] of Object.entries(table)) {
      putEntry(memory, BASE + Number(frame) * PAGE, Number(index), entry);
    }
  }
  return { ...openTableSet({ memory, cr3: BASE, levels }), memory };
}
