/**
 * A window for words at virtual addresses: finds the bytes of a page once, for work that reads and writes many words.
 *
 * @module
 */

import { canonical, PAGE_SIZE } from "../memory/addresses.ts";
import { type AddressSpace, loaderTables } from "./address_space.ts";

/** What {@linkcode WordWindow} returns for a page that cannot be read or written. */
export const NO_PAGE = -1;

/**
 * The pages of an address space as offsets in physical memory. What it returned stays valid until something else
 * changes the frames of pages; then call `forget`.
 */
export interface WordWindow {
  /** All of physical memory, for words that are not aligned. */
  readonly view: DataView;
  /**
   * Returns the 4 GiB of memory that an offset lies in, as 32-bit words. The index of its word there is
   * `offset >>> 2`, an integer operation even above 4 GiB.
   */
  readonly wordsAt: (offset: number) => Int32Array;
  /**
   * Returns the offset of a page in memory, given the low 48 bits of its address; {@linkcode NO_PAGE} if the page is
   * not mapped or its frame lies outside memory.
   */
  readonly readable: (page: number) => number;
  /**
   * The same for writing: gives the page its own frame first, unless it has one. What `readable` returned for the page
   * before is no longer valid. Throws what {@linkcode AddressSpace.unshare} throws.
   */
  readonly writable: (page: number) => number;
  /** Forgets every page, because something else may have changed their frames. */
  readonly forget: () => void;
}

/** Number of pages to remember for each kind of access: a direct-mapped cache. */
const PLACES = 64;

/** Number of bytes whose 32-bit words all have an index that `>>>` can compute. */
const WORDS_BYTES = 2 ** 32;

/**
 * Opens a window.
 *
 * @param space The address space.
 * @returns The window.
 */
export function openWordWindow(space: AddressSpace): WordWindow {
  const { memory, unshare } = space;
  const lastFrame = memory.base + memory.size - PAGE_SIZE;
  const [read, written] = [remembered(), remembered()];
  const parts = Array.from({ length: Math.ceil(memory.size / WORDS_BYTES) }, (_, index) => {
    const start = index * WORDS_BYTES;
    return new Int32Array(memory.buffer, start, Math.min(WORDS_BYTES, memory.size - start) / 4);
  });

  const frameOffset = (page: number): number => {
    const phys = loaderTables(space).physAt(page); // -1 if the page is not mapped
    return phys >= memory.base && phys <= lastFrame ? phys - memory.base : NO_PAGE;
  };
  return {
    view: new DataView(memory.buffer),
    wordsAt: (offset) => parts[Math.floor(offset / WORDS_BYTES)],
    readable: (page) => {
      const place = (page / PAGE_SIZE) & (PLACES - 1);
      if (read.pages[place] === page) return read.offsets[place];
      return remember(read, place, page, frameOffset(page));
    },
    writable: (page) => {
      const place = (page / PAGE_SIZE) & (PLACES - 1);
      if (written.pages[place] === page) return written.offsets[place];
      if (frameOffset(page) === NO_PAGE) return NO_PAGE;
      const offset = unshare(canonical(page)) - memory.base;
      remember(read, place, page, offset);
      return remember(written, place, page, offset);
    },
    forget: () => {
      read.pages.fill(NO_PAGE);
      written.pages.fill(NO_PAGE);
    },
  };
}

/** Pages and their offsets, by place. */
interface Remembered {
  readonly pages: Float64Array;
  readonly offsets: Float64Array;
}

function remembered(): Remembered {
  return { pages: new Float64Array(PLACES).fill(NO_PAGE), offsets: new Float64Array(PLACES) };
}

function remember({ pages, offsets }: Remembered, place: number, page: number, offset: number): number {
  pages[place] = page;
  offsets[place] = offset;
  return offset;
}
