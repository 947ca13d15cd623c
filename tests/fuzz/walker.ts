/** Page tables as a processor reads them (Intel SDM vol. 3, "4-Level Paging"), without the loader's own code. */

import type { PhysicalMemory } from "../../mod.ts";

/** A page that is mapped. */
export interface Leaf {
  readonly phys: number;
  readonly size: number;
  /** What all levels grant together. */
  readonly writable: boolean;
  readonly executable: boolean;
  /** All bits of its entry. */
  readonly entry: bigint;
}

/** What page tables hold. */
export interface Walked {
  /** Pages by virtual address. */
  readonly leaves: ReadonlyMap<bigint, Leaf>;
  /** Physical addresses of the tables. */
  readonly tables: readonly number[];
  /** Whatever no table should have. */
  readonly faults: readonly string[];
}

/** Walks all tables, except through an entry of the level-4 table that points to that table. */
export function walkTables({ base, size, buffer }: PhysicalMemory, root: number): Walked {
  const words = new Uint32Array(buffer);
  const leaves = new Map<bigint, Leaf>();
  const tables: number[] = [];
  const faults: string[] = [];
  const seen = new Set<number>();
  const visit = (table: number, level: number, virt: number, writable: boolean, executable: boolean): void => {
    if (table < base || table + 4096 > base + size) return void faults.push(`a table at ${table} lies outside memory`);
    if (seen.has(table)) return void faults.push(`the table at ${table} is reached twice`);
    seen.add(table);
    tables.push(table);
    const span = 2 ** (3 + 9 * level);
    for (let index = 0, slot = (table - base) / 4; index < 512; index++, slot += 2) {
      const [low, high] = [words[slot], words[slot + 1]];
      if ((low & 1) === 0) {
        if ((low | high) !== 0) faults.push(`the empty entry ${index} of the table at ${table} is not 0`);
        continue;
      }
      const at = virt + index * span;
      const phys = (high & 0xfffff) * 2 ** 32 + ((low & 0xfffff000) >>> 0);
      const granted = { writable: writable && (low & 2) !== 0, executable: executable && (high & 0x80000000) === 0 };
      if (level === 4 && phys === root) continue;
      if (level === 1 || (low & 0x80) !== 0) {
        const entry = BigInt(high) << 32n | BigInt(low);
        const canonical = BigInt.asUintN(64, BigInt.asIntN(48, BigInt(at)));
        leaves.set(canonical, { phys: phys - phys % span, size: span, ...granted, entry });
      } else visit(phys, level - 1, at, granted.writable, granted.executable);
    }
  };
  visit(root, 4, 0, true, true);
  return { leaves, tables, faults };
}
