/** Address spaces for tests, without a load. */

import { type AddressSpace, openAddressSpace } from "../../../core/address_space/address_space.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import type { FrameAllocator, FrameRun } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import type { PhysicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper } from "../../../core/paging/mapper.ts";
import { usedLevel4Entries } from "../../../core/paging/used_level4_entries.ts";

/** What an address space of a test differs in. */
export interface SpaceSpec {
  readonly memory: PhysicalMemory;
  /** Physical address of the level-4 table; it is cleared. */
  readonly level4Frame: number;
  readonly allocator: FrameAllocator;
  readonly file?: { readonly phys: number; readonly size: number };
  readonly given?: readonly FrameRun[];
  readonly segments?: readonly Segment[];
  /** Level-4 entries in use, besides entry 0. */
  readonly used?: readonly number[];
}

/** Opens an address space with empty tables. */
export function openSpace(
  { memory, level4Frame, allocator, file = { phys: 0, size: 0 }, given = [], segments = [], used = [] }: SpaceSpec,
): AddressSpace {
  memory.bytes(level4Frame, 0x1000).fill(0);
  const frames = frameLedger(allocator, memory, [], false);
  const pageTable = createMapper({ memory, level4Frame, frames, parentFlags: "writable" });
  return openAddressSpace({
    ...{ memory, frames, pageTable, file, given, segments },
    bssEnd: "exclusive",
    isMarking: () => false,
    findUsedEntries: () => usedLevel4Entries([0, ...used]),
  });
}
