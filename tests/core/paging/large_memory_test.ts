/** Page tables above 4 GiB of memory, where an index of a 32-bit word no longer fits in a signed integer. */

import { assertEquals } from "@std/assert";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper, type PageTables } from "../../../core/paging/mapper.ts";
import { MIB2, NX, P, PAGE, W } from "./bits.ts";

const GIB = 2 ** 30;

function tablesAt(memory: PhysicalMemory, start: number): PageTables {
  const frames = frameLedger(ascendingFrames({ start: start + PAGE, end: memory.size }), memory, [], true);
  return createMapper({ memory, level4Frame: start, frames, parentFlags: "writable" });
}

Deno.test("tables above 4 GiB of memory are read and changed as those below", () => {
  const memory = freshMemory(0, 5 * GIB); // only the pages that are touched take memory
  const [low, high] = [PAGE, 4 * GIB + 7 * PAGE].map((start) => {
    const mapper = tablesAt(memory, start);
    mapper.mapTo(0x40_0000n, 0x10_0000, P | W, { size: 700 * PAGE });
    mapper.mapTo(0x80_0000n, 0x1_ffff_f000, P | NX, { size: 9 * PAGE });
    mapper.mapTo(0xc0_0000n, 0x60_0000, P, { size: 3 * MIB2, pageSize: MIB2 });
    const unmapped = mapper.unmap(0x41_0000n, { size: 20 * PAGE });
    const updated = [
      mapper.updateFlags(0x43_0000n, { clear: W, set: NX }, { size: 600 * PAGE }),
      mapper.updateFlags(0x80_1000n, P, { size: 3 * PAGE }),
      mapper.updateFlags(0xc0_0000n, P | W, { size: 2 * MIB2 }),
    ];
    mapper.unmap(0x80_7000n);
    mapper.mapTo(0x41_5000n, 0x7000, P);
    const walked = mapper.walk(0x41_5000n).map(({ level, index }) => [level, index]);
    return {
      unmapped,
      updated,
      walked,
      leaves: [...mapper.leaves()],
      mappings: [...mapper.mappings()],
      tables: [...mapper.tables()].map(({ level, frame }) => [level, frame - start]),
      found: [0x40_0000n, 0x41_5123n, 0x80_4000n, 0xf0_0000n, 0x120_0000n].map((virt) => mapper.translate(virt)),
    };
  });
  assertEquals(high, low);
  assertEquals(high.updated, [600, 3, 2]);
  assertEquals(high.leaves.length, 700 - 20 + 9 - 1 + 3 + 1);
});
