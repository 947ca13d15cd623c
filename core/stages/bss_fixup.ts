/**
 * The stage bss-fixup: gives each `PT_LOAD` segment the zeroed memory behind its file part.
 *
 * @module
 */

import type { LoadRange } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { alignUp, canonical, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { leafFlags, mapFresh, mapPages, sharedFrame } from "../address_space/map_pages.ts";
import { takeCopyFrame, unshare } from "../address_space/unshare.ts";
import type { Base, Checked, Loading, SegmentStage } from "../pipeline/stage.ts";

type Needs = Base & Checked & Loading;

/**
 * Replaces the page where the file part ends by a copy whose rest is zero, and maps fresh frames for the pages behind
 * it (gABI, "Program Header": the bytes past `p_filesz` are zero). The file's bytes themselves stay as they are.
 */
export const bssFixup: SegmentStage<Base & Checked & Loading, unknown, "bss-fixup"> = {
  name: "bss-fixup",
  needs: ["rules", "settings", "intake", "segments", "sharedPages", "memory", "pageTable", "frames", "keptBytes"],
  adds: [],
  segment: async (phdr, context) => {
    const { load } = phdr;
    if (!load || load.memSize <= load.fileSize) return {};
    const { rules } = context;
    const flags = leafFlags(phdr.p_flags);
    const zeroStart = load.start + load.fileSize;
    const partial = zeroStart % PAGE_SIZE !== 0 && (load.fileSize > 0 || rules.mapsEmptyFilePart);
    if (partial && rules.bssAlwaysCopies) copyLastPage(load, flags, context);
    else if (partial) await ownLastPage(load, flags, context);
    const first = partial ? alignUp(zeroStart) : pageStart(zeroStart);
    const end = rules.bssEnd === "inclusive"
      ? pageStart(load.start + load.memSize) + PAGE_SIZE
      : alignUp(load.start + load.memSize);
    if (first < end) mapZeroed(first, end, flags, context);
    return {};
  },
};

/** Maps zeroed pages; only the first and the last can be shared with another segment. */
function mapZeroed(first: number, end: number, flags: bigint, context: Needs): void {
  const { sharedPages } = context;
  const last = end - PAGE_SIZE;
  const from = sharedPages.has(first) ? first + PAGE_SIZE : first;
  const to = sharedPages.has(last) ? last : end;
  if (from > first) sharedFrame(context, first, flags);
  if (from < to) mapFresh(context, from, to - from, flags, "bss");
  if (to < end && last >= from) sharedFrame(context, last, flags);
}

/** Gives the page where the file part ends a frame of its own, and zeroes the rest of it. */
async function ownLastPage(load: LoadRange, flags: bigint, context: Needs): Promise<void> {
  const { rules, intake, memory, pageTable, sharedPages, keptBytes } = context;
  const zeroStart = load.start + load.fileSize;
  const low = pageStart(zeroStart);
  if (sharedPages.has(low)) return; // merged pages are fresh: zero behind the bytes
  if (rules.ownership === "frame" && !pageTable.translate(canonical(low)).mapped) {
    mapFresh(context, low, PAGE_SIZE, flags, "bss"); // a pipeline without map-load
    return;
  }
  await intake.require(Math.min(keptBytes, alignUp(load.fileOffset + load.fileSize)));
  const phys = unshare(canonical(zeroStart - 1), context) + 1;
  memory.bytes(phys, alignUp(phys) - phys).fill(0);
}

/** v0.10 of the original: copies the last frame of the file part, whatever is mapped where it ends. */
function copyLastPage(load: LoadRange, flags: bigint, context: Needs): void {
  const { settings, memory, frames, pageTable } = context;
  const zeroStart = load.start + load.fileSize;
  const low = pageStart(zeroStart);
  const source = pageStart(settings.kernelOffset + load.fileOffset + load.fileSize - 1);
  if (source < memory.base) {
    throw new LoadError("memory-too-small", { field: "the frame before the file", value: source, limit: memory.base });
  }
  const copy = takeCopyFrame(frames);
  memory.bytes(copy, zeroStart - low).set(memory.bytes(source, zeroStart - low));
  pageTable.unmap(canonical(low));
  mapPages(context, low, copy, PAGE_SIZE, flags);
}
