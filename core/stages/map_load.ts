/**
 * The stage map-load: maps the file part of each `PT_LOAD` segment.
 *
 * @module
 */

import { flagsOf, type LowRun, mapFreshInSteps, mapLow48, sharedFrame } from "../address_space/map_low48.ts";
import { PT_DYNAMIC } from "../elf/constants.ts";
import { isMisaligned, type LoadRange, type Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { type NeedsOf, NOTHING, type Reads, type SegmentStage, segmentStage } from "../pipeline/stage.ts";
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
    | "pause"
    | "report"
    | "fileHeader"
    | "segments"
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
      "pause",
      "report",
      "fileHeader",
      "segments",
      "virtualAddressOffset",
      "sharedPages",
      "unsharedPages",
      "addressSpace",
      "keptBytes",
      "fileBytes",
    ],
  },
  (segment, context) => {
    const { load, p_type, index } = segment;
    if (p_type === PT_DYNAMIC) return reportRelocations(segment, context);
    if (!load || (load.fileSize === 0 && !context.rules.mapsEmptyFilePart)) return NOTHING;
    if (context.settings.kernelOffset + load.fileOffset + load.fileSize === 0) {
      // The originals compute the address of the last byte before they check that there is one.
      throw new LoadError("address-overflow", { field: "the physical address of the last byte", value: -1n });
    }
    if (isCopied(index, load, context)) return mapAndCopy(segment, load, context);
    const first = pageStart(load.start);
    mapInPlace(first, first + sizeOfFilePages(load), load, flagsOf(segment.p_flags), context);
    return NOTHING;
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

/** Whether any page of a file part may have to be copied. */
function isCopied(index: number, load: LoadRange, { rules, sharedPages, unsharedPages }: Needs): boolean {
  return sharedPages.size > 0 || unsharedPages.has(index) || (rules.copiesMisaligned && isMisaligned(load));
}

/** Size of the pages of the file that hold a file part. */
function sizeOfFilePages({ fileOffset, fileSize }: LoadRange): number {
  return alignUp(fileOffset + fileSize) - pageStart(fileOffset);
}

/** Maps pages, by the low 48 bits of their addresses, onto the frames that hold the file's bytes. */
function mapInPlace(low: number, end: number, load: LoadRange, flags: bigint, { settings, addressSpace }: Needs): void {
  const phys = settings.kernelOffset + pageStart(load.fileOffset) - pageStart(load.start);
  mapLow48(addressSpace, low, phys + low, end - low, flags);
}

/** Maps a segment piece by piece: in place, or as copies once its bytes have arrived. */
async function mapAndCopy(segment: Segment, load: LoadRange, context: Needs): Promise<Record<never, never>> {
  const { addressSpace, sharedPages } = context;
  const flags = flagsOf(segment.p_flags);
  for (const { low, size, isCopy } of piecesOf(segment.index, load, context)) {
    if (!isCopy) {
      mapInPlace(low, low + size, load, flags, context);
      continue;
    }
    const bytes = await context.fileBytes(segment);
    const runs = sharedPages.has(low)
      ? [{ low, phys: sharedFrame(addressSpace, low, flags), size: PAGE_SIZE }]
      : await mapFreshInSteps({ low, size, flags, owner: "copy" }, context);
    for (const run of runs) await copyBytes(load, bytes, run, context);
  }
  return NOTHING;
}

/** Splits a file part into pages that are mapped in place and pages that are copied. */
function piecesOf(index: number, load: LoadRange, { rules, sharedPages, unsharedPages }: Needs): readonly Piece[] {
  const misaligned = rules.copiesMisaligned && isMisaligned(load);
  const first = pageStart(load.start);
  const end = misaligned ? alignUp(load.start + load.fileSize) : first + sizeOfFilePages(load);
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

/** How many bytes to copy before asking whether a pause is due. */
const COPY_STEP = 2 ** 22;

/** Copies the file bytes of a segment that belong in a run of pages. */
async function copyBytes(
  load: LoadRange,
  bytes: Uint8Array,
  run: LowRun,
  { addressSpace, pause }: Needs,
): Promise<void> {
  const from = Math.max(load.start, run.low);
  const to = Math.min(load.start + load.fileSize, run.low + run.size);
  for (let at = from; at < to; at += COPY_STEP) {
    const end = Math.min(to, at + COPY_STEP);
    const target = addressSpace.memory.bytes(run.phys + (at - run.low), end - at);
    target.set(bytes.subarray(at - load.start, end - load.start));
    const pausing = pause();
    if (pausing) await pausing;
  }
}
