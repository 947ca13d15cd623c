/** A page walk of four levels in the plainest way: one entry after another, as the manual describes it. */

import type { PhysicalMemory } from "../../../mod.ts";

/** Where a walk came to. */
export interface PlainWalk {
  /** The entries that were read: level, table, index and value. */
  readonly entries: readonly {
    readonly level: number;
    readonly table: number;
    readonly index: number;
    entry: bigint;
  }[];
  /** The page, if there is one. */
  readonly page?: {
    readonly phys: number;
    readonly size: number;
    readonly writable: boolean;
    readonly executable: boolean;
  };
}

/** Walks to an address. */
export function plainWalk({ base, buffer }: PhysicalMemory, root: number, address: bigint): PlainWalk {
  const view = new DataView(buffer as ArrayBuffer);
  const entries: { level: number; table: number; index: number; entry: bigint }[] = [];
  let table = root;
  for (let level = 4; level >= 1; level--) {
    const shift = BigInt(12 + 9 * (level - 1));
    const index = Number((address >> shift) & 511n);
    const entry = view.getBigUint64(table - base + index * 8, true);
    entries.push({ level, table, index, entry });
    if ((entry & 1n) === 0n) return { entries };
    const size = 1n << shift;
    const target = entry & 0x000f_ffff_ffff_f000n;
    if (level > 1 && (entry & 0x80n) === 0n) {
      table = Number(target);
      continue;
    }
    return {
      entries,
      page: {
        phys: Number(target / size * size + address % size),
        size: Number(size),
        writable: entries.every((each) => (each.entry & 2n) !== 0n),
        executable: entries.every((each) => each.entry >> 63n === 0n),
      },
    };
  }
  return { entries };
}
