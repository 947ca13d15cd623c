/**
 * The stage bss-fixup: gives each `PT_LOAD` segment the zeroed memory after its file part.
 *
 * @module
 */

import { flagsOf, mapFreshLow48, mapLow48, sharedFrame } from "../address_space/map_low48.ts";
import { takeCopyFrame } from "../address_space/unshare.ts";
import type { LoadRange } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { alignUp, canonical, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { bssPages } from "../pipeline/bss_pages.ts";
import { type NeedsOf, type Reads, type SegmentStage, segmentStage } from "../pipeline/stage.ts";

/**
 * Replaces the page where the file part ends with a copy whose rest is zeroed, and maps fresh frames for the pages
 * after it (gABI, "Program Header": the bytes past `p_filesz` are zero). The file's own bytes are not changed.
 */
export const bssFixup: SegmentStage<
  "bss-fixup",
  Reads<"rules" | "settings" | "intake" | "sharedPages" | "addressSpace" | "keptBytes">,
  Record<never, never>
> = segmentStage(
  "bss-fixup",
  { needs: ["rules", "settings", "intake", "sharedPages", "addressSpace", "keptBytes"] },
  async ({ load, p_flags }, context) => {
    const bss = load && bssPages(load, context.rules);
    if (!load || !bss) return {};
    const flags = flagsOf(p_flags);
    if (bss.partial !== undefined) {
      if (context.rules.bssAlwaysCopies) copyLastPage(load, flags, context);
      else await ownLastPage(load, flags, context);
    }
    if (bss.first < bss.end) mapZeroed(bss.first, bss.end, flags, context);
    return {};
  },
);

type Needs = NeedsOf<typeof bssFixup>;

/** Maps zeroed pages; only the first and the last can be shared with another segment. */
function mapZeroed(first: number, end: number, flags: bigint, { sharedPages, addressSpace }: Needs): void {
  const last = end - PAGE_SIZE;
  const from = sharedPages.has(first) ? first + PAGE_SIZE : first;
  const to = sharedPages.has(last) ? last : end;
  if (from > first) sharedFrame(addressSpace, first, flags);
  if (from < to) mapFreshLow48(addressSpace, from, to - from, flags, "bss");
  if (to < end && last >= from) sharedFrame(addressSpace, last, flags);
}

/** Gives the page where the file part ends its own frame, and zeroes the rest of it. */
async function ownLastPage(load: LoadRange, flags: bigint, context: Needs): Promise<void> {
  const { rules, intake, addressSpace, sharedPages, keptBytes } = context;
  const zeroStart = load.start + load.fileSize;
  const low = pageStart(zeroStart);
  if (sharedPages.has(low)) return; // merged pages are fresh, so already zero after the bytes
  if (rules.ownership === "frame" && !addressSpace.pageTable.translate(canonical(low)).mapped) {
    mapFreshLow48(addressSpace, low, PAGE_SIZE, flags, "bss"); // a pipeline without map-load
    return;
  }
  await intake.require(Math.min(keptBytes, alignUp(load.fileOffset + load.fileSize)));
  const phys = addressSpace.unshare(canonical(zeroStart - 1)) + 1;
  addressSpace.memory.bytes(phys, alignUp(phys) - phys).fill(0);
}

/** v0.10 of the original: copies the last frame of the file part, whatever is mapped at its end. */
function copyLastPage(load: LoadRange, flags: bigint, { settings, addressSpace }: Needs): void {
  const { memory, frames, pageTable } = addressSpace;
  const zeroStart = load.start + load.fileSize;
  const low = pageStart(zeroStart);
  const source = pageStart(settings.kernelOffset + load.fileOffset + load.fileSize - 1);
  if (source < memory.base) {
    throw new LoadError("memory-too-small", { field: "the frame before the file", value: source, limit: memory.base });
  }
  const copy = takeCopyFrame(frames);
  memory.bytes(copy, zeroStart - low).set(memory.bytes(source, zeroStart - low));
  pageTable.unmap(canonical(low));
  mapLow48(addressSpace, low, copy, PAGE_SIZE, flags);
}
