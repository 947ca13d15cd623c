/**
 * Copy-on-write: pages of the file get frames of their own before they are written to.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { alignUp, canonical, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import type { FrameLedger } from "../memory/frame_allocator.ts";
import { BIT_9 } from "../paging/entry.ts";
import type { Base, Checked, Loading } from "../pipeline/stage.ts";

type Needs = Base & Loading;

/** The mark that the original sets on leaves whose frame is a copy, while it loads. */
export const COPIED: bigint = BIT_9;

/**
 * Whether a frame holds bytes of the file.
 *
 * @param phys A physical address.
 * @param context Where the file lies.
 * @returns True where it is among the pages that the file's kept bytes are in.
 */
function isFileFrame(phys: number, { settings, keptBytes }: Pick<Needs, "settings" | "keptBytes">): boolean {
  return phys >= settings.kernelOffset && phys < settings.kernelOffset + alignUp(keptBytes);
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
  if (!run) throw new LoadError("frames-exhausted", { field: "frames left for a copy", value: 0 });
  return run.phys;
}

/**
 * Gives a page a frame of its own, unless it has one already; the flags of its leaf stay. The file's bytes in the page
 * have to have arrived.
 *
 * @param virt A virtual address in the page.
 * @param context The load.
 * @returns The physical address of the byte at `virt`, in the page's own frame.
 * @throws {LoadError} "page-not-mapped" or "frames-exhausted".
 */
export function unshare(virt: bigint, context: Needs): number {
  const { rules, memory, pageTable, frames } = context;
  const found = pageTable.translate(virt);
  if (!found.mapped) throw new LoadError("page-not-mapped", { field: "address", value: virt });
  const owned = rules.ownership === "mark" ? (found.flags & COPIED) !== 0n : !isFileFrame(found.phys, context);
  if (owned) return found.phys;
  const copy = takeCopyFrame(frames);
  const old = pageStart(found.phys);
  memory.bytes(copy, PAGE_SIZE).set(memory.bytes(old, PAGE_SIZE));
  const { virt: page } = pageTable.unmap(virt);
  pageTable.mapTo(page, copy, found.flags | (rules.ownership === "mark" ? COPIED : 0n));
  return copy + (found.phys - old);
}

/**
 * v0.11 of the original: clears the marks in the pages of every segment, once all is done.
 *
 * @param context The load.
 * @throws {LoadError} "page-not-mapped" where a segment has a page that nothing was mapped to.
 */
export function clearMarks({ segments, pageTable }: Checked & Loading): void {
  for (const { index, load } of segments) {
    if (!load || load.memSize === 0) continue;
    for (let low = pageStart(load.start); low < load.start + load.memSize; low += PAGE_SIZE) {
      const virt = canonical(low);
      const found = pageTable.translate(virt);
      if (!found.mapped) throw new LoadError("page-not-mapped", { index, field: "address", value: virt });
      if ((found.flags & COPIED) !== 0n) pageTable.updateFlags(virt, found.flags & ~COPIED);
    }
  }
}
