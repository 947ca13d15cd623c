/** Random page tables in a little memory: crowded, shared, cyclic, with reserved bits and missing tables. */

import fc from "fast-check";
import { type PhysicalMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import type { TableSet } from "../../../explain/tables/table_set.ts";
import { NX, P, PAGE, PS, putEntry, U, W } from "../../core/paging/bits.ts";
import type { ReadEntry } from "./slow_model.ts";

/** Number of frames that the memory has. */
export const FRAMES = 8;
const BASES = [0, 0x10_0000, 2 ** 31 - 4 * PAGE, 2 ** 32 - 4 * PAGE, 2 ** 40, 2 ** 52 - FRAMES * PAGE];
const INDICES = [0, 1, 2, 255, 256, 510, 511];

/** An entry of the table in a frame. `to` is the frame that it points to; those from `FRAMES` on are unknown. */
interface Put {
  readonly frame: number;
  readonly index: number;
  readonly to: number;
  readonly bits: bigint;
}

const anyIndex = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...INDICES) }, { weight: 1, arbitrary: fc.nat(511) });
const bits = fc.tuple(
  fc.subarray([W, U, 0x08n, 0x20n, 0x100n, 0x200n, 1n << 52n, 1n << 62n, NX]),
  fc.constantFrom(0n, 0n, 0n, PS),
  fc.oneof({ weight: 9, arbitrary: fc.constant(P) }, { weight: 1, arbitrary: fc.constant(0n) }),
).map(([chosen, huge, present]) => chosen.reduce((sum, bit) => sum | bit, huge | present));
/** The first frames more often, so that tables meet. */
const anyFrame = fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(FRAMES - 1) });
const put: fc.Arbitrary<Put> = fc.record({
  frame: anyFrame,
  index: anyIndex,
  to: fc.oneof(
    { weight: 30, arbitrary: anyFrame },
    { weight: 6, arbitrary: fc.nat(7).map((nth) => nth * 0x4_0000) }, // 1 GiB apart: no reserved bits in huge pages
    { weight: 1, arbitrary: fc.nat(2 ** 40 - 1) },
  ),
  bits,
});

/** What a world is made from. */
export interface WorldPlan {
  readonly base: number;
  readonly puts: readonly Put[];
  readonly cr3: number;
  /** Indices of entries that lead from each frame to the next, from CR3's on, unless other entries replace them. */
  readonly way: readonly number[];
  readonly levels: 4 | 5;
  readonly filled: readonly {
    readonly nth: number;
    readonly phys: number;
    readonly bits: bigint;
    readonly odd: bigint;
  }[];
}

/** Any plan: random entries, and frames full of entries for consecutive pages, every third with one more flag. */
export const worldPlan: fc.Arbitrary<WorldPlan> = fc.record({
  base: fc.constantFrom(...BASES),
  puts: fc.array(put, { minLength: 1, maxLength: 26, size: "max" }),
  cr3: anyFrame,
  way: fc.array(anyIndex, { minLength: 5, maxLength: 5 }),
  levels: fc.constantFrom(4 as const, 5 as const),
  filled: fc.array(
    fc.record({
      nth: fc.constantFrom(1, 2, 3, 3, 4, 4),
      phys: fc.nat(2 ** 21).map((nth) => nth * PAGE),
      bits,
      odd: fc.constantFrom(0n, 0x20n, W),
    }),
    { maxLength: 1 },
  ),
});

/** Page tables, and a way to read their entries without the code under test. */
export interface World {
  readonly memory: PhysicalMemory;
  readonly tables: TableSet;
  readonly read: ReadEntry;
}

/** Writes the entries into memory. */
export function buildWorld({ base, puts, cr3, way, levels, filled }: WorldPlan): World {
  const memory = physicalMemory({ base, buffer: new ArrayBuffer(FRAMES * PAGE) });
  for (const { nth, phys, bits, odd } of filled) {
    const frame = (cr3 + nth) % FRAMES;
    for (let index = 0; index < 512; index++) {
      putEntry(memory, base + frame * PAGE, index, BigInt(phys + index * PAGE) | bits | (index % 3 === 1 ? odd : 0n));
    }
  }
  for (const [nth, index] of way.entries()) {
    const [frame, next] = [nth, nth + 1].map((each) => base + ((cr3 + each) % FRAMES) * PAGE);
    putEntry(memory, frame, index, BigInt(next) | P | W | U);
  }
  for (const { frame, index, to, bits } of puts) {
    const target = to < FRAMES ? base + to * PAGE : to * PAGE;
    putEntry(memory, base + frame * PAGE, index, BigInt(target) | bits);
  }
  const view = new DataView(memory.buffer);
  const read: ReadEntry = (table, index) => {
    const offset = table - base;
    return offset < 0 || offset >= FRAMES * PAGE ? undefined : view.getBigUint64(offset + index * 8, true);
  };
  return { memory, tables: openTableSet({ memory, cr3: base + cr3 * PAGE, levels }), read };
}
