/** The processor's view of page tables: reads entries of 8 bytes and follows them by the SDM's rules alone. */

import type { PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import type { Leaf } from "../../../core/paging/leaves.ts";
import type { WalkStep } from "../../../core/paging/translate.ts";
import { P, PS, U, W } from "./bits.ts";

/** Where a walk ends. */
export type Found =
  | { readonly mapped: true; readonly phys: number; readonly pageSize: Leaf["pageSize"]; readonly flags: bigint }
  | { readonly mapped: false; readonly level: number };

/** What the processor does for an address. */
export interface SdmWalk {
  readonly steps: readonly WalkStep[];
  readonly found: Found;
  readonly may: { readonly writable: boolean; readonly executable: boolean; readonly user: boolean };
}

/** An entry points to a table that is not in this memory. */
export class OutsideMemory extends Error {
  constructor(readonly address: number) {
    super(`no table at ${address}`);
  }
}

const LEVELS = [[4, 39n], [3, 30n], [2, 21n], [1, 12n]] as const;
const ADDRESS = 0x000f_ffff_ffff_f000n;

function readEntry({ base, size, buffer }: PhysicalMemory, table: bigint, index: bigint): bigint {
  const offset = table - BigInt(base);
  if (offset < 0n || offset + 4096n > BigInt(size)) throw new OutsideMemory(Number(table));
  return new DataView(buffer).getBigUint64(Number(offset + index * 8n), true);
}

function isPage(entry: bigint, level: number): boolean {
  return level === 1 || (level < 4 && (entry & PS) !== 0n);
}

/** Walks for an address. Throws {@linkcode OutsideMemory} if it comes to a table that is not in memory. */
export function sdmWalk(memory: PhysicalMemory, cr3: number, virt: bigint): SdmWalk {
  const steps: WalkStep[] = [];
  const may = { writable: true, executable: true, user: true };
  let table = BigInt(cr3);
  for (const [level, shift] of LEVELS) {
    const index = (virt >> shift) & 0x1ffn;
    const entry = readEntry(memory, table, index);
    steps.push({ level, table: Number(table), index: Number(index), entry });
    if ((entry & P) === 0n) return { steps, may, found: { mapped: false, level } };
    may.writable &&= (entry & W) !== 0n;
    may.user &&= (entry & U) !== 0n;
    may.executable &&= entry >> 63n === 0n;
    if (isPage(entry, level)) {
      const { phys, pageSize, flags } = pageOf(entry, shift);
      return { steps, may, found: { mapped: true, phys: phys + Number(virt % BigInt(pageSize)), pageSize, flags } };
    }
    table = entry & ADDRESS;
  }
  throw new Error("a level-1 entry is a leaf");
}

function pageOf(entry: bigint, shift: bigint): Omit<Leaf, "virt"> {
  const offset = (1n << shift) - 1n;
  const frame = ADDRESS & ~offset; // the other bits are flags
  return {
    phys: Number(entry & frame),
    pageSize: Number(1n << shift) as Leaf["pageSize"],
    flags: BigInt.asUintN(64, entry & ~frame),
  };
}

/** Lists every page, trying all entries of all tables. Throws {@linkcode OutsideMemory} in the place of a table. */
export function* sdmLeaves(memory: PhysicalMemory, table: number, depth = 0, virt = 0n): Generator<Leaf> {
  const [level, shift] = LEVELS[depth];
  for (let index = 0n; index < 512n; index++) {
    const entry = readEntry(memory, BigInt(table), index);
    const low = virt + (index << shift);
    if ((entry & P) === 0n) continue;
    if (!isPage(entry, level)) yield* sdmLeaves(memory, Number(entry & ADDRESS), depth + 1, low);
    else yield { virt: low >> 47n === 0n ? low : low | (0xffffn << 48n), ...pageOf(entry, shift) };
  }
}
