/**
 * The stage map-load: maps the file part of each `PT_LOAD` segment.
 *
 * @module
 */

import { DT_PLTRELSZ, DT_RELASZ, DT_RELRSZ, DT_RELSZ, ET_DYN, PT_DYNAMIC } from "../elf/constants.ts";
import { dynamicEntries } from "../elf/dynamic_table.ts";
import type { LoadRange, Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { alignUp, hexAddr, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import { leafFlags, mapFresh, mapPages, sharedFrame } from "../address_space/map_pages.ts";
import { isMisaligned } from "../pipeline/prepare_memory.ts";
import type { Base, Checked, Loading, Parsed, SegmentStage } from "../pipeline/stage.ts";
import { loadDiagnostic } from "./load_diagnostics.ts";

type Needs = Base & Parsed & Checked & Loading;

/**
 * Maps pages onto the frames that the file's bytes lie in: nothing is copied, except where a page is shared by several
 * segments or where address and offset differ modulo 4 KiB, as the rule set has it.
 */
export const mapLoad: SegmentStage<Base & Parsed & Checked & Loading, unknown, "map-load"> = {
  name: "map-load",
  needs: ["rules", "settings", "report", "fileHeader", "segments", "sharedPages", "pageTable", "frames", "fileBytes"],
  adds: [],
  segment: async (phdr, context) => {
    const { load } = phdr;
    if (phdr.p_type === PT_DYNAMIC) await reportRelocations(phdr, context);
    if (!load) return {};
    const flags = leafFlags(phdr.p_flags);
    if (context.rules.copiesMisaligned && isMisaligned(load)) {
      copyFilePart(load, flags, await context.fileBytes(phdr), context);
    } else {
      const shared = mapFilePart(load, flags, context);
      if (shared.length > 0) copyShared(shared, load, flags, await context.fileBytes(phdr), context);
    }
    return {};
  },
};

/** Maps the file's own frames; gives the low 48 bits of the pages that are shared, which it leaves out. */
function mapFilePart(load: LoadRange, flags: bigint, context: Needs): readonly number[] {
  const { rules, settings, sharedPages } = context;
  if (load.fileSize === 0 && !rules.mapsEmptyFilePart) return [];
  const phys = settings.kernelOffset + pageStart(load.fileOffset);
  if (settings.kernelOffset + load.fileOffset + load.fileSize === 0) {
    // The originals compute the last byte's address before they see that there is none.
    throw new LoadError("address-overflow", { field: "the physical address of the last byte", value: -1n });
  }
  const size = alignUp(load.fileOffset + load.fileSize) - pageStart(load.fileOffset);
  const first = pageStart(load.start);
  const shared = [...new Set([first, first + size - PAGE_SIZE])].filter((page) => sharedPages.has(page));
  const from = shared.includes(first) ? PAGE_SIZE : 0;
  const to = shared.includes(first + size - PAGE_SIZE) ? size - PAGE_SIZE : size;
  if (from < to) mapPages(context, first + from, phys + from, to - from, flags);
  return shared;
}

function copyShared(
  shared: readonly number[],
  load: LoadRange,
  flags: bigint,
  bytes: Uint8Array,
  context: Needs,
): void {
  for (const low of shared) {
    copyBytes(load, bytes, { low, phys: sharedFrame(context, low, flags), size: PAGE_SIZE }, context);
  }
}

/** Copies a file part whose bytes lie at other offsets in their pages than in the segment's. */
function copyFilePart(load: LoadRange, flags: bigint, bytes: Uint8Array, context: Needs): void {
  const first = pageStart(load.start);
  const last = pageStart(load.start + load.fileSize - 1);
  for (let at = first; at <= last;) {
    if (context.sharedPages.has(at)) {
      copyShared([at], load, flags, bytes, context);
      at += PAGE_SIZE;
      continue;
    }
    const end = context.sharedPages.has(last) ? last : last + PAGE_SIZE;
    for (const run of mapFresh(context, at, end - at, flags, "copy")) copyBytes(load, bytes, run, context);
    at = end;
  }
}

/** Copies the part of a segment's file bytes that belongs into a run of pages. */
function copyBytes(
  load: LoadRange,
  bytes: Uint8Array,
  run: { readonly low: number; readonly phys: number; readonly size: number },
  { memory }: Needs,
): void {
  const from = Math.max(load.start, run.low);
  const to = Math.min(load.start + load.fileSize, run.low + run.size);
  if (from >= to) return;
  memory.bytes(run.phys + (from - run.low), to - from).set(bytes.subarray(from - load.start, to - load.start));
}

const RELOCATION_SIZES: readonly bigint[] = [DT_RELASZ, DT_RELSZ, DT_RELRSZ, DT_PLTRELSZ];

/** Reports relocations in a position-independent kernel that nothing applies. */
async function reportRelocations(phdr: Segment, context: Needs): Promise<void> {
  const { rules, fileHeader, keptBytes, virtualAddressOffset, report } = context;
  if (!rules.reportsRelocations || fileHeader.e_type !== ET_DYN) return;
  if (phdr.p_offset + phdr.p_filesz > keptBytes || phdr.claim) return;
  for (const { d_tag, d_un } of dynamicEntries(await context.fileBytes(phdr), Number(phdr.p_offset))) {
    if (!RELOCATION_SIZES.includes(d_tag) || d_un === 0n) continue;
    report(loadDiagnostic("relocations-unapplied", {
      index: phdr.index,
      addresses: [BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset)],
      message: `The kernel is position-independent and has relocations; none was applied at offset ${
        hexAddr(virtualAddressOffset)
      }.`,
    }));
    return;
  }
}
