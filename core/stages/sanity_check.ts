/**
 * The stage sanity-check: checks every program header by the rule set, and converts what is loaded to exact numbers.
 *
 * @module
 */

import { ET_DYN, isKnownSegmentType, PT_LOAD, PT_SHLIB, PT_TLS, segmentTypeName } from "../elf/constants.ts";
import type { Report } from "../diagnostics.ts";
import { ADDRESS_END, addressField, checkedAddress } from "../elf/checked_address.ts";
import { extentOf } from "../elf/extent.ts";
import { isMisaligned, type LoadRange, type ProgramHeader, type Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { hexAddr, hexRange } from "../hex.ts";
import { canonical, isPowerOfTwo, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import type { FilePages } from "../pipeline/context.ts";
import { type ImageStage, imageStage, type NeedsOf, type Reads } from "../pipeline/stage.ts";
import type { Rules } from "../rules.ts";
import { loadDiagnostic } from "./load_diagnostics.ts";
import { ADDRESS_RULES } from "./sanity_check/address_ranges.ts";
import { checkExtent } from "./sanity_check/check_extent.ts";
import { type Loaded, reportAddresses } from "./sanity_check/report_addresses.ts";
import { findUnsharedPages } from "./sanity_check/unshared_pages.ts";

/** Refuses headers that cannot be loaded, reports questionable ones, and determines the offset. */
export const sanityCheck: ImageStage<
  "sanity-check",
  Reads<
    "rules" | "settings" | "intake" | "pause" | "report" | "claimOn" | "fileHeader" | "programHeaders" | "placement?"
  >,
  Reads<"segments" | "virtualAddressOffset" | "signedOffset" | "entryPoint" | "sharedPages" | "unsharedPages">
> = imageStage(
  "sanity-check",
  {
    needs: ["rules", "settings", "intake", "pause", "report", "claimOn", "fileHeader", "programHeaders", "placement?"],
    adds: ["segments", "virtualAddressOffset", "signedOffset", "entryPoint", "sharedPages", "unsharedPages"],
  },
  async (context) => {
    const { rules, intake, pause, programHeaders, report } = context;
    const fileLength = rules.checksFileRanges ? await intake.lengthUpTo(lastByteEnd(programHeaders) + 1) : undefined;
    const offset = chooseOffset(context);
    checkExtent(programHeaders, offset, context.settings.kernelBase, rules);
    const segments: Segment[] = [];
    for (const phdr of programHeaders) {
      segments.push(checkHeader(phdr, offset, fileLength, context));
      const pausing = phdr.index % HEADERS_PER_PAUSE === 0 ? pause() : undefined;
      if (pausing) await pausing;
    }
    const loads = segments.filter((phdr): phdr is Loaded => phdr.load !== undefined);
    if (rules.refusesEmptyKernel && !loads.some(({ load }) => load.memSize > 0)) {
      throw new LoadError("no-load-segment", { field: "e_phnum", value: programHeaders.length });
    }
    const ascending = byAddress(loads);
    const isApart = !rules.mergesSharedPages ||
      ascending.every((load, at) => at === 0 || arePagesApart(ascending[at - 1], load));
    const sharedPages = isApart ? NO_PAGES : await findSharedPages(ascending, context);
    const unsharedPages = rules.unsharesWritable ? findUnsharedPages(loads, rules, sharedPages) : NO_FILE_PAGES;
    for (const [index, pages] of unsharedPages) {
      reportUnshared(segments[index] as Loaded, pages, report);
      const pausing = pause();
      if (pausing) await pausing;
    }
    const entryPoint = checkEntry(offset, context);
    if (rules.reportsAddresses) reportAddresses(segments, loads, offset, entryPoint, report);
    const virtualAddressOffset = BigInt.asUintN(64, offset);
    return { segments, virtualAddressOffset, signedOffset: offset, entryPoint, sharedPages, unsharedPages };
  },
);

/** How many headers to check before asking whether a pause is due. */
const HEADERS_PER_PAUSE = 64;

type Needs = NeedsOf<typeof sanityCheck>;

/**
 * Chooses the offset: `kernelBase` for a position-independent kernel, otherwise the placement of an earlier stage,
 * otherwise 0.
 */
function chooseOffset({ rules, settings: { kernelBase }, placement, fileHeader, programHeaders }: Needs): bigint {
  if (kernelBase === undefined) return placement?.offset ?? 0n;
  if (fileHeader.e_type !== ET_DYN) {
    throw new LoadError("kernel-base-refused", { field: "e_type", value: fileHeader.e_type });
  }
  const { low, align } = extentOf(programHeaders.filter(({ p_memsz }) => p_memsz > 0n));
  const multiple = rules.baseMultiple === "p_align" ? largestAlignment(programHeaders) : largest(PAGE, align);
  if (kernelBase % multiple !== 0n) {
    throw new LoadError("kernel-base-misaligned", { field: "kernelBase", value: kernelBase, limit: Number(multiple) });
  }
  return rules.wrapsBase && low + kernelBase >= ADDRESS_END ? kernelBase - ADDRESS_END : kernelBase;
}

const PAGE = BigInt(PAGE_SIZE);

/** v0.11 of the original: headers without memory count too. */
function largestAlignment(programHeaders: readonly ProgramHeader[]): bigint {
  const { align } = extentOf(programHeaders);
  if (isPowerOfTwo(align)) return align;
  throw new LoadError("alignment-invalid", { field: "the largest p_align", value: align });
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function checkHeader(
  phdr: ProgramHeader,
  offset: bigint,
  fileLength: number | undefined,
  context: Needs,
): Segment {
  const { rules, fileHeader } = context;
  const claim = context.claimOn(phdr.p_type, fileHeader.e_machine);
  const segment: Segment = claim ? { ...phdr, claim } : phdr;
  const { p_type, p_offset, p_filesz, p_memsz } = phdr;
  if (p_type === PT_TLS) checkTemplate(phdr, offset, rules);
  checkType(segment, context);
  if (fileLength !== undefined) checkInFile(phdr, fileLength);
  if (rules.alignment === "congruent") checkCongruent(phdr);
  if (p_type === PT_LOAD && rules.checksSegmentSizes) checkSizes(phdr);
  const loads = p_type === PT_LOAD && !(rules.skipsEmptySegments && p_memsz === 0n);
  const checksOther = claim && p_type !== PT_LOAD && rules.checksClaimed && p_memsz > 0n;
  if (!loads && !checksOther) return segment;
  const start = ADDRESS_RULES[rules.addresses](phdr, offset);
  if (rules.alignment === "power-of-two") checkAlignment(phdr, offset, context);
  if (!loads) return segment;
  const load: LoadRange = {
    start,
    memSize: Number(p_memsz),
    fileOffset: Number(p_offset),
    fileSize: Number(p_filesz),
  };
  if (isMisaligned(load)) reportMisaligned(phdr, offset, context);
  return { ...segment, load };
}

function checkType({ index, p_type, claim }: Segment, { rules, report }: Needs): void {
  const known = isKnownSegmentType(p_type);
  if (p_type === PT_SHLIB || (!known && rules.refusesUnknownTypes)) {
    throw new LoadError("segment-type-refused", { index, field: "p_type", value: p_type });
  }
  if (known || claim) return;
  report(loadDiagnostic("segment-type-unknown", {
    index,
    message: `Unknown type ${segmentTypeName(p_type)}; ignored.`,
  }));
}

/** A TLS template may lie anywhere, as long as the part that the rule set names has 64-bit addresses. */
function checkTemplate({ index, p_vaddr, p_memsz }: ProgramHeader, offset: bigint, rules: Rules): void {
  const start = p_vaddr + offset;
  const refuse = (field: string, value: bigint): never => {
    throw new LoadError("address-overflow", { index, field, value });
  };
  if (rules.tlsAddresses === "start" && (start < 0n || start >= ADDRESS_END)) refuse(addressField(offset), start);
  if (rules.tlsAddresses !== "whole-range") return;
  const end = BigInt.asUintN(64, start) + p_memsz;
  if (end > ADDRESS_END) refuse("p_vaddr + p_memsz", end);
}

/** The end of the file bytes of the header that reaches farthest into the file. */
function lastByteEnd(programHeaders: readonly ProgramHeader[]): number {
  return programHeaders.reduce((end, { p_offset, p_filesz }) => Math.max(end, Number(p_offset + p_filesz)), 0);
}

/** The check of the originals, for every header: its file bytes must end before the end of the file, not at it. */
function checkInFile({ index, p_offset, p_filesz }: ProgramHeader, length: number): void {
  const value = p_offset + p_filesz;
  if (value < BigInt(length)) return;
  throw new LoadError("segment-out-of-file", { index, field: "p_offset + p_filesz", value, limit: length });
}

/** The check of the originals, for every header: gABI, "Program Header", p_align. */
function checkCongruent({ index, p_align, p_vaddr, p_offset }: ProgramHeader): void {
  if (p_align === 0n || p_vaddr % p_align === p_offset % p_align) return;
  throw new LoadError("alignment-mismatch", { index, field: "p_align", value: p_align });
}

function checkSizes({ index, p_filesz, p_memsz }: ProgramHeader): void {
  if (p_filesz <= p_memsz) return;
  throw new LoadError("filesz-exceeds-memsz", { index, field: "p_filesz", value: p_filesz, limit: Number(p_memsz) });
}

function checkAlignment(phdr: ProgramHeader, offset: bigint, { report }: Needs): void {
  const { index, p_align, p_vaddr, p_offset } = phdr;
  if (p_align !== 0n && !isPowerOfTwo(p_align)) {
    throw new LoadError("alignment-invalid", { index, field: "p_align", value: p_align });
  }
  if (p_align === 0n || p_vaddr % p_align === p_offset % p_align) return;
  const message = `${bothAddresses(phdr)} are not congruent modulo p_align (${hexAddr(p_align)}).`;
  report(loadDiagnostic("alignment-mismatch", { index, addresses: [BigInt.asUintN(64, p_vaddr + offset)], message }));
}

function reportMisaligned(phdr: ProgramHeader, offset: bigint, { rules, report }: Needs): void {
  const { index, p_vaddr } = phdr;
  const addresses = [BigInt.asUintN(64, p_vaddr + offset)];
  const found = `${bothAddresses(phdr)} lie at different offsets in their pages;`;
  if (rules.copiesMisaligned) {
    report(
      loadDiagnostic("segment-copied", { index, addresses, message: `${found} the segment's bytes were copied.` }),
    );
    return;
  }
  const message = `${found} the file's pages were mapped as they are, so the segment's bytes are not at its addresses.`;
  report(loadDiagnostic("bytes-misplaced", { index, addresses, message }));
}

function bothAddresses({ p_vaddr, p_offset }: ProgramHeader): string {
  return `p_vaddr ${hexAddr(p_vaddr)} and p_offset ${hexAddr(p_offset)}`;
}

const NO_PAGES: ReadonlySet<number> = new Set();
const NO_FILE_PAGES: Reads<"unsharedPages">["unsharedPages"] = new Map();

function byAddress(loads: readonly Loaded[]): readonly Loaded[] {
  const isAscending = loads.every(({ load }, at) => at === 0 || loads[at - 1].load.start <= load.start);
  return isAscending ? loads : loads.toSorted((a, b) => a.load.start - b.load.start);
}

/** Whether a range ends in a page before the one in which the next range begins. */
function arePagesApart({ load: { start, memSize } }: Loaded, next: Loaded): boolean {
  return pageStart(start + Math.max(memSize, 1) - 1) < pageStart(next.load.start);
}

/** Refuses overlapping ranges, and finds the pages in which one range ends and the next begins. */
async function findSharedPages(ascending: readonly Loaded[], { pause, report }: Needs): Promise<ReadonlySet<number>> {
  const shared = new Set<number>();
  for (let at = 1; at < ascending.length; at++) {
    const [one, other] = [ascending[at - 1], ascending[at]];
    const end = one.load.start + one.load.memSize;
    if (other.load.start < end) refuseOverlap(one, other);
    const page = pageStart(other.load.start);
    if (pageStart(end - 1) !== page) continue;
    shared.add(page);
    report(loadDiagnostic("pages-merged", {
      index: other.index,
      addresses: [canonical(page)],
      message: `The page at ${hexAddr(canonical(page))} is also part of program header ${one.index}, which covers ` +
        `${rangeOf(one)}; merged, with the permissions of both.`,
    }));
    const pausing = pause();
    if (pausing) await pausing;
  }
  return shared;
}

function reportUnshared({ index, load }: Loaded, pages: readonly FilePages[], report: Report): void {
  const addresses = pages.map(({ start }) => canonical(pageStart(load.start) + start - pageStart(load.fileOffset)));
  const count = pages.reduce((sum, { start, end }) => sum + (end - start) / PAGE_SIZE, 0);
  const were = count === 1 ? "A page of its file data is" : `${count} pages of its file data are`;
  const message = `${were} also part of another segment; copied, to keep its writes private.`;
  report(loadDiagnostic("page-unshared", { index, addresses, message }));
}

function refuseOverlap(one: Loaded, other: Loaded): never {
  const [first, second] = one.index < other.index ? [one, other] : [other, one];
  const value = canonical(second.load.start);
  throw new LoadError("segments-overlap", { index: second.index, field: "p_vaddr", value, otherIndex: first.index });
}

function rangeOf({ load }: Loaded): string {
  return hexRange(canonical(load.start), load.memSize);
}

function checkEntry(offset: bigint, { rules, fileHeader }: Needs): bigint {
  const field = offset === 0n ? "e_entry" : "e_entry + virtualAddressOffset";
  return checkedAddress(fileHeader.e_entry + offset, field, rules);
}
