/**
 * The stage bss-fixup: gives each `PT_LOAD` segment the zeroed memory after its file part.
 *
 * @module
 */

import {
  flagsOf,
  FRESH_STEP,
  mapFreshInSteps,
  mapFreshLow48,
  mapLow48,
  sharedFrame,
} from "../address_space/map_low48.ts";
import { takeCopyFrame } from "../address_space/unshare.ts";
import type { LoadRange } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { alignUp, canonical, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { type BssPages, bssPages } from "../pipeline/bss_pages.ts";
import { type NeedsOf, NOTHING, type Reads, type SegmentStage, segmentStage } from "../pipeline/stage.ts";

/**
 * Replaces the page where the file part ends with a copy whose rest is zeroed, and maps fresh frames for the pages
 * after it (gABI, "Program Header": the bytes past `p_filesz` are zero). The file's own bytes are not changed.
 */
export const bssFixup: SegmentStage<
  "bss-fixup",
  Reads<"rules" | "settings" | "intake" | "pause" | "sharedPages" | "addressSpace" | "keptBytes">,
  Record<never, never>
> = segmentStage(
  "bss-fixup",
  { needs: ["rules", "settings", "intake", "pause", "sharedPages", "addressSpace", "keptBytes"] },
  ({ load, p_flags }, context) => {
    const bss = load && bssPages(load, context.rules);
    if (!load || !bss) return NOTHING;
    const flags = flagsOf(p_flags);
    const arriving = context.intake.require(awaitedBytes(load, bss, context));
    return typeof arriving === "number"
      ? fix(load, bss, flags, context)
      : arriving.then(() => fix(load, bss, flags, context));
  },
);

type Needs = NeedsOf<typeof bssFixup>;
type Nothing = typeof NOTHING;

/** Does the work once the bytes have arrived; pauses only in a long bss. */
function fix(load: LoadRange, bss: BssPages, flags: bigint, context: Needs): Nothing | Promise<Nothing> {
  const { addressSpace } = context;
  fixLastPage(load, bss, flags, context);
  const { before, fresh, after } = zeroedPages(bss, context);
  const finish = (): Nothing => {
    if (after !== undefined) sharedFrame(addressSpace, after, flags);
    return NOTHING;
  };
  if (before !== undefined) sharedFrame(addressSpace, before, flags);
  if (fresh.size > FRESH_STEP) return mapFreshInSteps({ ...fresh, flags, owner: "bss" }, context).then(finish);
  if (fresh.size > 0) mapFreshLow48(addressSpace, fresh.low, fresh.size, flags, "bss");
  return finish();
}

/** How many bytes from the start of the file must arrive before the last page of the file part is copied. */
function awaitedBytes(load: LoadRange, { partial }: BssPages, { rules, sharedPages, keptBytes }: Needs): number {
  if (partial === undefined || rules.bssAlwaysCopies || sharedPages.has(partial)) return 0;
  return Math.min(keptBytes, alignUp(load.fileOffset + load.fileSize));
}

/** The pages of a bss that are zeroed as a whole. */
interface ZeroedPages {
  /** Low 48 bits of the first page, if it is merged with one of another segment. */
  readonly before: number | undefined;
  /** The pages that get fresh frames. */
  readonly fresh: { readonly low: number; readonly size: number };
  /** Low 48 bits of the last page, if it is merged with one of another segment. */
  readonly after: number | undefined;
}

/** Only the first and the last page can be shared with another segment. */
function zeroedPages({ first, end }: BssPages, { sharedPages }: Needs): ZeroedPages {
  if (first >= end) return { before: undefined, fresh: { low: first, size: 0 }, after: undefined };
  const last = end - PAGE_SIZE;
  const low = sharedPages.has(first) ? first + PAGE_SIZE : first;
  const isLastShared = last >= low && sharedPages.has(last);
  const size = (isLastShared ? last : end) - low;
  return { before: low > first ? first : undefined, fresh: { low, size }, after: isLastShared ? last : undefined };
}

/** Gives the page where the file part ends, if it ends inside one, its own frame, and zeroes the rest of it. */
function fixLastPage(load: LoadRange, { partial: low }: BssPages, flags: bigint, context: Needs): void {
  const { rules, addressSpace, sharedPages } = context;
  if (low === undefined) return;
  if (rules.bssAlwaysCopies) {
    copyLastPage(load, flags, context);
    return;
  }
  if (sharedPages.has(low)) return; // merged pages are fresh, so already zero after the bytes
  if (rules.ownership === "frame" && !addressSpace.pageTable.translate(canonical(low)).mapped) {
    mapFreshLow48(addressSpace, low, PAGE_SIZE, flags, "bss"); // a pipeline without map-load
    return;
  }
  const phys = addressSpace.unshare(canonical(load.start + load.fileSize - 1)) + 1;
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
