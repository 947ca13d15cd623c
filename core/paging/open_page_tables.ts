/**
 * Page tables built by something else: from a memory dump, an emulator, or a running kernel.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";
import { PAGE_SIZE } from "../memory/addresses.ts";
import type { FrameAllocator } from "../memory/frame_allocator.ts";
import { frameLedger } from "../memory/frame_ledger.ts";
import { containsFrame, type PhysicalMemory } from "../memory/physical_memory.ts";
import { createMapper, type Mapper } from "./mapper.ts";

/** Has no frames, so nothing that needs a new table can be mapped. */
const NO_FRAMES: FrameAllocator = { allocateFrame: () => undefined, nextFrame: 0, framesAllocated: 0 };

/**
 * Opens four-level page tables in a physical memory (Intel SDM vol. 3, "4-Level Paging").
 *
 * @example
 * ```ts
 * import { loadKernel, physicalMemory } from "@kload/kload";
 * import { openPageTables } from "@kload/kload/paging";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const dump = physicalMemory({ base: kernel.memory.base, buffer: kernel.memory.buffer.slice(0) });
 * const tables = openPageTables(dump, kernel.level4Frame);
 * assertEquals([...tables.mappings()], [...kernel.mappings()]);
 * ```
 *
 * @param memory The memory.
 * @param cr3 The value of CR3: the physical address of the level-4 table. Bits 0 to 11 are ignored.
 * @param options `frames`: where frames for new tables come from; without it, `mapTo` can only use existing tables.
 * @returns The page tables.
 * @throws {TypeError} If `cr3` is not a number.
 * @throws {RangeError} If the level-4 table lies outside the memory.
 */
export function openPageTables(
  memory: PhysicalMemory,
  cr3: number,
  { frames = NO_FRAMES }: { readonly frames?: FrameAllocator } = {},
): Mapper {
  if (typeof cr3 !== "number") throw new TypeError(`Cannot use ${String(cr3)} as CR3: pass a number`);
  const level4Frame = cr3 - (cr3 % PAGE_SIZE);
  if (!containsFrame(memory, level4Frame)) {
    throw new RangeError(
      `Cannot open page tables: the level-4 table at ${hexAddr(level4Frame)} lies outside the memory`,
    );
  }
  const ledger = frameLedger(frames, memory, [], false);
  return createMapper({ memory, level4Frame, frames: ledger, parentFlags: "writable" });
}
