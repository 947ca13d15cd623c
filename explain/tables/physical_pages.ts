/**
 * Physical memory as far as it is known: that of a load, a memory dump, or a running machine.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { containsFrame, type PhysicalMemory } from "../../core/memory/physical_memory.ts";

/** Physical memory that may have holes. */
export interface PhysicalPages {
  /** Returns a view of the bytes at a physical address, which lie in one page; `undefined` where memory is unknown. */
  readonly bytes: (phys: number, length: number) => Uint8Array | undefined;
  /** Returns the 1024 words of 32 bits of the page at a multiple of 4096; `undefined` where memory is unknown. */
  readonly words: (frame: number) => Uint32Array | undefined;
  /**
   * Returns a view of the words of several pages that follow one another, if they are all known and lie together.
   * Optional, but makes comparisons faster.
   */
  readonly range?: (frame: number, count: number) => Uint32Array | undefined;
}

/**
 * The pages of a memory without holes.
 *
 * @param memory The memory. The host must be little-endian, as JavaScript hosts are in practice.
 * @returns Its pages.
 */
export function pagesOf(memory: PhysicalMemory): PhysicalPages {
  const { base, size, buffer } = memory;
  return {
    bytes: (phys, length) => {
      return phys < base || phys + length > base + size ? undefined : memory.bytes(phys, length);
    },
    words: (frame) => {
      return containsFrame(memory, frame) ? new Uint32Array(buffer, frame - base, PAGE_SIZE / 4) : undefined;
    },
    range: (frame, count) => {
      const last = frame + (count - 1) * PAGE_SIZE;
      const isKnown = containsFrame(memory, frame) && containsFrame(memory, last);
      return isKnown ? new Uint32Array(buffer, frame - base, (count * PAGE_SIZE) / 4) : undefined;
    },
  };
}
