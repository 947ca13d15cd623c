/**
 * The stage sanity-check: checks every program header by the rule set, and makes exact numbers of what is loaded.
 *
 * @module
 */

import { diagnostic } from "../diagnostics.ts";
import { ET_DYN, isKnownSegmentType, PF_X, PT_LOAD, PT_SHLIB, PT_TLS, segmentTypeName } from "../elf/constants.ts";
import type { CheckedProgramHeader, LoadRange, ProgramHeader } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import {
  alignUp,
  canonical,
  hexAddr,
  isCanonical,
  low48,
  LOW48_END,
  PAGE_SIZE,
  pageStart,
} from "../memory/addresses.ts";
import { signExtendBit47 } from "../memory/sign_extend.ts";
import { isMisaligned } from "../pipeline/prepare_memory.ts";
import type { Base, Checked, ImageStage, Parsed } from "../pipeline/stage.ts";

type Needs = Base & Parsed;

/** A header with its range: what is left once those without one are sorted out. */
type Loaded = CheckedProgramHeader & { readonly load: LoadRange };

/** Refuses headers that cannot be loaded, reports those that may not mean what they say, and fixes the offset. */
export const sanityCheck: ImageStage<Base & Parsed, Checked, "sanity-check"> = {
  name: "sanity-check",
  needs: ["rules", "settings", "intake", "report", "fileHeader", "programHeaders"],
  adds: ["checked", "virtualAddressOffset", "entryPoint", "sharedPages"],
  run: async (context) => {
    const { rules, intake, programHeaders } = context;
    const fileLength = rules.readsWholeFile ? await intake.length() : undefined;
    const virtualAddressOffset = chooseOffset(context);
    const checked = programHeaders.map((phdr): CheckedProgramHeader => {
      checkType(phdr, context);
      if (fileLength !== undefined) checkInFile(phdr, fileLength);
      if (rules.alignment === "congruent") checkCongruent(phdr);
      if (phdr.p_type !== PT_LOAD || (rules.checksSegmentSizes && isEmpty(phdr))) return phdr;
      return { ...phdr, load: checkLoad(phdr, virtualAddressOffset, context) };
    });
    const loads = checked.filter((phdr): phdr is Loaded => phdr.load !== undefined);
    if (rules.refusesEmptyKernel && loads.length === 0) {
      throw new LoadError("no-load-segment", { field: "e_phnum", value: programHeaders.length });
    }
    const sharedPages = rules.mergesSharedPages ? findSharedPages(loads, context) : new Set<number>();
    const entryPoint = checkEntry(loads, virtualAddressOffset, context);
    reportAddresses(checked, loads, context);
    return { checked, virtualAddressOffset, entryPoint, sharedPages };
  },
};

/** `kernelBase` for a position-independent kernel, else 0. */
function chooseOffset({ settings: { kernelBase }, fileHeader, programHeaders }: Needs): bigint {
  if (kernelBase === undefined) return 0n;
  if (fileHeader.e_type !== ET_DYN) {
    throw new LoadError("kernel-base-refused", { field: "e_type", value: fileHeader.e_type });
  }
  const loads = programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
  const aligns = loads.map(({ p_align }) => p_align);
  const align = aligns.reduce((largest, next) => next > largest ? next : largest, BigInt(PAGE_SIZE));
  if (kernelBase % align !== 0n) {
    throw new LoadError("kernel-base-misaligned", { field: "kernelBase", value: kernelBase, limit: Number(align) });
  }
  return kernelBase;
}

function checkType({ index, p_type }: ProgramHeader, { rules, report }: Needs): void {
  const known = isKnownSegmentType(p_type);
  if (p_type === PT_SHLIB || (!known && rules.refusesUnknownTypes)) {
    throw new LoadError("segment-type-refused", { index, field: "p_type", value: p_type });
  }
  if (known) return;
  report(diagnostic("segment-type-unknown", {
    severity: "info",
    index,
    addresses: [],
    message: `Program header ${index} has type ${segmentTypeName(p_type)}, which nobody knows; it is ignored.`,
  }));
}

/** The original's check of every header: its segment ends before the file does. */
function checkInFile({ index, p_offset, p_filesz }: ProgramHeader, length: number): void {
  const value = p_offset + p_filesz;
  if (value < BigInt(length)) return;
  throw new LoadError("segment-out-of-file", { index, field: "p_offset + p_filesz", value, limit: length });
}

/** The original's check of every header: gABI, "Program Header", p_align. */
function checkCongruent({ index, p_align, p_vaddr, p_offset }: ProgramHeader): void {
  if (p_align <= 1n || p_vaddr % p_align === p_offset % p_align) return;
  throw new LoadError("alignment-mismatch", { index, field: "p_align", value: p_align });
}

function isEmpty({ index, p_filesz, p_memsz }: ProgramHeader): boolean {
  if (p_filesz > p_memsz) {
    const place = { index, field: "p_filesz", value: p_filesz, limit: Number(p_memsz) };
    throw new LoadError("filesz-exceeds-memsz", place);
  }
  return p_memsz === 0n;
}

function checkLoad(phdr: ProgramHeader, offset: bigint, context: Needs): LoadRange {
  const { rules } = context;
  const range = rules.signExtendsBit47 ? sloppyRange(phdr) : canonicalRange(phdr, offset);
  const load = {
    start: range.start,
    memSize: Number(range.memSize),
    fileOffset: Number(phdr.p_offset),
    fileSize: Number(phdr.p_filesz),
  };
  if (rules.alignment === "power-of-two") checkAlignment(phdr, load, offset, context);
  return load;
}

interface Extent {
  readonly start: number;
  readonly memSize: bigint;
}

/** The whole range lies in one canonical half. */
function canonicalRange({ index, p_vaddr, p_memsz }: ProgramHeader, offset: bigint): Extent {
  const start = p_vaddr + offset;
  const end = start + p_memsz;
  const field = offset === 0n ? "p_vaddr" : "p_vaddr + kernelBase";
  if (end > 1n << 64n) throw new LoadError("address-overflow", { index, field: `${field} + p_memsz`, value: end });
  if (!isCanonical(start)) throw new LoadError("address-not-canonical", { index, field, value: start });
  const last = end - 1n;
  if (!isCanonical(last) || last >> 63n !== start >> 63n) {
    throw new LoadError("address-not-canonical", { index, field: `${field} + p_memsz - 1`, value: last });
  }
  return { start: low48(start), memSize: p_memsz };
}

/** The original's range: it may cross the hole, but the last page of the address space is out of reach for a bss. */
function sloppyRange({ index, p_vaddr, p_offset, p_filesz, p_memsz }: ProgramHeader): Extent {
  const virt = signExtendBit47(p_vaddr, "p_vaddr", index);
  const start = low48(virt);
  const filePages = alignUp(Number(p_offset % 4096n) + Number(p_filesz));
  if (pageStart(start) + filePages > LOW48_END) {
    throw new LoadError("address-overflow", { index, field: "p_vaddr + p_filesz", value: virt + p_filesz });
  }
  if (p_memsz <= p_filesz) return { start, memSize: p_memsz };
  signExtendBit47(virt + p_filesz, "p_vaddr + p_filesz", index);
  const end = signExtendBit47(virt + p_memsz, "p_vaddr + p_memsz", index);
  const lastPage = pageStart(LOW48_END - 1);
  const bssStart = alignUp(start + Number(p_filesz));
  if (bssStart > lastPage || (bssStart <= low48(end) && low48(end) >= lastPage)) {
    throw new LoadError("address-overflow", { index, field: "p_vaddr + p_memsz", value: end });
  }
  return { start, memSize: p_memsz };
}

function checkAlignment(phdr: ProgramHeader, load: LoadRange, offset: bigint, { report }: Needs): void {
  const { index, p_align, p_vaddr, p_offset } = phdr;
  if ((p_align & (p_align - 1n)) !== 0n && p_align !== 0n) {
    throw new LoadError("alignment-invalid", { index, field: "p_align", value: p_align });
  }
  const place = { index, addresses: [p_vaddr + offset] };
  const sums = `p_vaddr ${hexAddr(p_vaddr)} and p_offset ${hexAddr(p_offset)}`;
  if (p_align > 1n && p_vaddr % p_align !== p_offset % p_align) {
    const message = `Program header ${index}: ${sums} differ modulo p_align ${hexAddr(p_align)}.`;
    report(diagnostic("alignment-mismatch", { severity: "warning", ...place, message }));
  }
  if (isMisaligned(load)) {
    const message = `Program header ${index}: ${sums} differ within their pages; its bytes were copied.`;
    report(diagnostic("segment-copied", { severity: "info", ...place, message }));
  }
}

/** Refuses ranges that intersect, and gives the pages in which one ends and the next begins. */
function findSharedPages(loads: readonly Loaded[], { report }: Needs): ReadonlySet<number> {
  const shared = new Set<number>();
  const ascending = loads.toSorted((a, b) => a.load.start - b.load.start);
  for (let at = 1; at < ascending.length; at++) {
    const [one, other] = [ascending[at - 1], ascending[at]];
    const end = one.load.start + one.load.memSize;
    if (other.load.start < end) refuseOverlap(one, other);
    const page = pageStart(other.load.start);
    if (pageStart(end - 1) !== page) continue;
    shared.add(page);
    report(diagnostic("pages-merged", {
      severity: "warning",
      index: other.index,
      addresses: [canonical(page)],
      message: `Program headers ${one.index} (${rangeOf(one)}) and ${other.index} (${rangeOf(other)}) share the page ` +
        `at ${hexAddr(canonical(page))}; it was merged, with the permissions of both.`,
    }));
  }
  return shared;
}

function refuseOverlap(one: Loaded, other: Loaded): never {
  const [first, second] = one.index < other.index ? [one, other] : [other, one];
  const value = canonical(second.load.start);
  throw new LoadError("segments-overlap", { index: second.index, field: "p_vaddr", value, otherIndex: first.index });
}

function rangeOf({ load }: Loaded): string {
  return `${hexAddr(canonical(load.start))}..${hexAddr(canonical(load.start) + BigInt(load.memSize))}`;
}

function checkEntry(loads: readonly Loaded[], offset: bigint, { rules, fileHeader, report }: Needs): bigint {
  const entry = fileHeader.e_entry + offset;
  const field = offset === 0n ? "e_entry" : "e_entry + kernelBase";
  if (rules.signExtendsBit47) return signExtendBit47(entry, field);
  if (entry >= 1n << 64n) throw new LoadError("address-overflow", { field, value: entry });
  if (!isCanonical(entry)) throw new LoadError("address-not-canonical", { field, value: entry });
  const low = low48(entry);
  const inside = ({ load, p_flags }: Loaded): boolean =>
    (p_flags & PF_X) !== 0 && low >= pageStart(load.start) && low < alignUp(load.start + load.memSize);
  if (!loads.some(inside)) {
    const physical = loads.find(({ p_paddr, p_memsz }) => entry >= p_paddr && entry < p_paddr + p_memsz);
    const guess = physical ? ` It lies in the p_paddr range of program header ${physical.index}.` : "";
    const message = `The entry point ${hexAddr(entry)} lies in no executable page.${guess}`;
    report(diagnostic("entry-not-executable", { severity: "warning", addresses: [entry], message }));
  }
  return entry;
}

/** Reports headers whose other addresses may matter to whoever boots the kernel. */
function reportAddresses(
  checked: readonly CheckedProgramHeader[],
  loads: readonly Loaded[],
  { rules, report }: Needs,
): void {
  if (!rules.onlyX86Kernels) return;
  for (const { index, p_type, p_vaddr, p_filesz } of checked) {
    if (p_type !== PT_TLS || p_filesz === 0n) continue;
    const covered = loads.some((load) => p_vaddr >= load.p_vaddr && p_vaddr + p_filesz <= load.p_vaddr + load.p_memsz);
    if (covered) continue;
    const message = `Program header ${index}: the TLS template at ${hexAddr(p_vaddr)} lies in no PT_LOAD segment.`;
    report(diagnostic("tls-outside-load", { severity: "warning", index, addresses: [p_vaddr], message }));
  }
  const elsewhere = loads.find(({ p_paddr, p_vaddr }) => p_paddr !== 0n && p_paddr !== p_vaddr);
  if (!elsewhere) return;
  const { index, p_paddr, p_vaddr } = elsewhere;
  const message = `Program header ${index}: p_paddr ${hexAddr(p_paddr)} is not p_vaddr ${
    hexAddr(p_vaddr)
  }; it is ignored.`;
  report(diagnostic("physical-address-ignored", { severity: "info", index, addresses: [p_vaddr], message }));
}
