/**
 * Copy on write: pages of the file get their own frames before they are written to.
 *
 * @module
 */

import type { Segment } from "../elf/program_header.ts";
import { amended, LoadError } from "../errors.ts";
import type { Pause } from "../intake/pause.ts";
import { alignUp, canonical, LOW48_HIGHER_HALF, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import type { FrameLedger } from "../memory/frame_ledger.ts";
import { BIT_9 } from "../paging/entry.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { Mapper, PageTables } from "../paging/mapper.ts";

/** The mark that v0.11 of the original sets during the load on leaves whose frame is a copy. */
export const COPIED: bigint = BIT_9;

/** An address space in which pages share frames with the file's bytes. */
export interface Sharing {
  /** The physical memory. */
  readonly memory: PhysicalMemory;
  /** Its frames. */
  readonly frames: FrameLedger;
  /** The page tables in it. */
  readonly pageTable: PageTables;
  /** Where the file's bytes lie: the physical address of the first, a multiple of 4096, and the number kept. */
  readonly file: { readonly phys: number; readonly size: number };
  /** Whether pages with their own frames are recognized by marks; otherwise by where their frames lie. */
  readonly isMarking: () => boolean;
}

/**
 * Takes a frame for a copy of a page.
 *
 * @param frames Where it comes from.
 * @returns Its physical address.
 * @throws {LoadError} "frames-exhausted".
 */
export function takeCopyFrame(frames: FrameLedger): number {
  const run = frames.allocateRun(1, "copy");
  if (!run) throw new LoadError("frames-exhausted", { field: "a copy of a page", value: PAGE_SIZE });
  return run.phys;
}

/**
 * Gives a page its own frame, unless it has one; the flags of the leaf stay the same. The file's bytes in the page must
 * have arrived.
 *
 * @param virt A virtual address in the page.
 * @param sharing The address space.
 * @returns The physical address of the byte at `virt`, in the page's own frame.
 * @throws {LoadError} "page-not-mapped", "range-recursive" or "frames-exhausted".
 * @throws {RangeError} If it is a page larger than 4 KiB without its own frame, such as one of a direct map.
 */
export function unshare(
  virt: bigint,
  { memory, pageTable, frames, file, isMarking }: Sharing,
): number {
  const found = pageTable.translate(virt);
  if (!found.mapped) throw new LoadError("page-not-mapped", { field: "address", value: virt });
  pageTable.refuseRecursive(virt, 1);
  const marks = isMarking();
  const owned = marks ? (found.flags & COPIED) !== 0n : !isFileFrame(found.phys, file);
  if (owned) return found.phys;
  if (found.pageSize !== PAGE_SIZE) throw new RangeError(`Cannot unshare a page of ${found.pageSize} bytes`);
  const copy = takeCopyFrame(frames);
  const old = pageStart(found.phys);
  memory.bytes(copy, PAGE_SIZE).set(memory.bytes(old, PAGE_SIZE));
  pageTable.moveTo(virt, copy, marks ? COPIED : 0n);
  return copy + (found.phys - old);
}

function isFileFrame(phys: number, file: Sharing["file"]): boolean {
  return phys >= file.phys && phys < file.phys + alignUp(file.size);
}

/** How many bytes of pages to change between two pauses. */
const STEP = 2 ** 25;

/**
 * v0.11 of the original: clears the marks in the pages of every segment at the end of the load.
 *
 * @param pageTable The page tables.
 * @param segments The segments. Many of them may map the same bytes of the file, so that the pages are many more.
 * @param pause The pause of the load.
 * @throws {LoadError} "page-not-mapped" if a page of a segment is not mapped.
 */
export async function clearMarks(pageTable: Mapper, segments: readonly Segment[], pause: Pause): Promise<void> {
  for (const { index, load } of segments) {
    if (!load || load.memSize === 0) continue;
    const start = pageStart(load.start);
    const end = alignUp(load.start + load.memSize);
    const middle = Math.min(Math.max(start, LOW48_HIGHER_HALF), end); // the range may cross the non-canonical hole
    try {
      for (let from = start; from < end;) {
        const to = Math.min(from < middle ? middle : end, from + STEP);
        pageTable.updateFlags(canonical(from), { clear: COPIED }, { size: to - from });
        from = to;
        const pausing = pause();
        if (pausing) await pausing;
      }
    } catch (error) {
      throw error instanceof LoadError && error.code === "page-not-mapped"
        ? amended(error, { detail: { index } })
        : error;
    }
  }
}
