/**
 * The stage map-load: maps the file part of each `PT_LOAD` segment.
 *
 * @module
 */

import { flagsOf, type LowRun, mapFreshLow48, mapLow48, sharedFrame } from "../address_space/map_low48.ts";
import { PT_DYNAMIC } from "../elf/constants.ts";
import { isMisaligned, type LoadRange } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { type NeedsOf, type Reads, type SegmentStage, segmentStage } from "../pipeline/stage.ts";
import { reportRelocations } from "./map_load/report_relocations.ts";

/**
 * Maps pages onto the frames that hold the file's bytes. Nothing is copied, except pages that several segments share,
 * pages that a writable segment must not share, and segments whose address and offset are not congruent modulo 4 KiB.
 */
export const mapLoad: SegmentStage<
  "map-load",
  Reads<
    | "rules"
    | "settings"
    | "report"
    | "fileHeader"
    | "virtualAddressOffset"
    | "sharedPages"
    | "unsharedPages"
    | "addressSpace"
    | "keptBytes"
    | "fileBytes"
  >,
  Record<never, never>
> = segmentStage(
  "map-load",
  {
    needs: [
      "rules",
      "settings",
      "report",
      "fileHeader",
      "virtualAddressOffset",
      "sharedPages",
      "unsharedPages",
      "addressSpace",
      "keptBytes",
      "fileBytes",
    ],
  },
  async (segment, context) => {
    const { load } = segment;
    if (segment.p_type === PT_DYNAMIC) await reportRelocations(segment, context);
    if (!load || (load.fileSize === 0 && !context.rules.mapsEmptyFilePart)) return {};
    const { settings: { kernelOffset }, addressSpace, sharedPages } = context;
    if (kernelOffset + load.fileOffset + load.fileSize === 0) {
      // The originals compute the address of the last byte before they check that there is one.
      throw new LoadError("address-overflow", { field: "the physical address of the last byte", value: -1n });
    }
    const flags = flagsOf(segment.p_flags);
    const phys = kernelOffset + pageStart(load.fileOffset) - pageStart(load.start);
    for (const { low, size, isCopy } of piecesOf(segment.index, load, context)) {
      if (!isCopy) mapLow48(addressSpace, low, phys + low, size, flags);
      else if (sharedPages.has(low)) {
        const run = { low, phys: sharedFrame(addressSpace, low, flags), size: PAGE_SIZE };
        copyBytes(load, await context.fileBytes(segment), run, context);
      } else {
        const bytes = await context.fileBytes(segment);
        for (const run of mapFreshLow48(addressSpace, low, size, flags, "copy")) copyBytes(load, bytes, run, context);
      }
    }
    return {};
  },
);

type Needs = NeedsOf<typeof mapLoad>;

/** Contiguous pages of a file part. */
interface Piece {
  /** Low 48 bits of the first page's address. */
  readonly low: number;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** Whether the pages get their own frames. A merged page is always a separate piece. */
  readonly isCopy: boolean;
}

/** Splits a file part into pages that are mapped in place and pages that are copied. */
function piecesOf(index: number, load: LoadRange, { rules, sharedPages, unsharedPages }: Needs): readonly Piece[] {
  const misaligned = rules.copiesMisaligned && isMisaligned(load);
  const first = pageStart(load.start);
  const filePages = alignUp(load.fileOffset + load.fileSize) - pageStart(load.fileOffset);
  const end = misaligned ? alignUp(load.start + load.fileSize) : first + filePages;
  const toLow = first - pageStart(load.fileOffset);
  const copies = misaligned ? [{ start: first - toLow, end: end - toLow }] : unsharedPages.get(index) ?? [];
  const pieces: Piece[] = [];
  const add = (from: number, to: number, isCopy: boolean): void => {
    for (let low = from; low < to;) {
      const merged = sharedPages.has(low); // only the first and the last page of a segment can be merged
      const last = sharedPages.has(to - PAGE_SIZE) ? to - PAGE_SIZE : to;
      const size = merged ? PAGE_SIZE : (low < last ? last : to) - low;
      pieces.push({ low, size, isCopy: isCopy || merged });
      low += size;
    }
  };
  let at = first;
  for (const { start, end: copyEnd } of copies) {
    add(at, start + toLow, false);
    add(start + toLow, copyEnd + toLow, true);
    at = copyEnd + toLow;
  }
  add(at, end, false);
  return pieces;
}

/** Copies the file bytes of a segment that belong in a run of pages. */
function copyBytes(load: LoadRange, bytes: Uint8Array, run: LowRun, { addressSpace }: Needs): void {
  const from = Math.max(load.start, run.low);
  const to = Math.min(load.start + load.fileSize, run.low + run.size);
  if (from >= to) return;
  const target = addressSpace.memory.bytes(run.phys + (from - run.low), to - from);
  target.set(bytes.subarray(from - load.start, to - load.start));
}
