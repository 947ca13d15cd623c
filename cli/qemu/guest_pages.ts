/**
 * The memory of a paused guest for work that reads it page by page, and does not wait.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { PhysicalPages } from "../../explain/tables/physical_pages.ts";
import type { MemoryRange } from "./guest_memory.ts";

/** Reads the memory of a paused guest. */
export type ReadGuest = (range: MemoryRange) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/** The most pages that are fetched for a piece of work. */
const MOST_PAGES = 1024;

/** Between these addresses a PC has devices and firmware, not memory; reading a device can change it. */
const [HOLE, HOLE_END] = [0xa_0000, 0x10_0000];

/**
 * Does work on the memory of a paused guest. The work is done again with the pages that it lacked, until it lacks none.
 *
 * @param read Reads the guest's memory.
 * @param size Number of bytes of the machine's memory, from address 0 on.
 * @param work The work; a page that is not fetched yet, or is not memory, is unknown to it.
 * @returns What the work returned with all pages that it asked for, as far as they could be read.
 */
export async function withGuestPages<T>(read: ReadGuest, size: number, work: (pages: PhysicalPages) => T): Promise<T> {
  const fetched = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  for (;;) {
    const missing = new Set<number>();
    const result = work(guestPages(fetched, missing, size));
    if (missing.size === 0 || fetched.size >= MOST_PAGES) return result;
    for (const frame of missing) {
      fetched.set(frame, await read({ kind: "physical", address: BigInt(frame), length: PAGE_SIZE }));
    }
  }
}

function guestPages(
  fetched: ReadonlyMap<number, Uint8Array<ArrayBuffer> | undefined>,
  missing: Set<number>,
  size: number,
): PhysicalPages {
  const page = (frame: number): Uint8Array<ArrayBuffer> | undefined => {
    if (frame < 0 || frame + PAGE_SIZE > size || (frame >= HOLE && frame < HOLE_END)) return undefined;
    if (!fetched.has(frame)) missing.add(frame);
    return fetched.get(frame);
  };
  return {
    bytes: (phys, length) => {
      const offset = phys % PAGE_SIZE;
      return offset + length > PAGE_SIZE ? undefined : page(phys - offset)?.subarray(offset, offset + length);
    },
    words: (frame) => {
      const bytes = page(frame);
      return bytes && new Uint32Array(bytes.buffer, bytes.byteOffset, PAGE_SIZE / 4);
    },
  };
}
