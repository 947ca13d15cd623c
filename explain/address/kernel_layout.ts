/**
 * Where a kernel's segments, frames and file bytes are, for lookups by address.
 *
 * @module
 */

import { PF_W, PT_GNU_RELRO, PT_LOAD } from "../../core/elf/constants.ts";
import { isMisaligned, type LoadRange, type ProgramHeader } from "../../core/elf/program_header.ts";
import { canonical, low48, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import type { FrameOwner, FrameRun } from "../../core/memory/frame_allocator.ts";
import { type BssPages, bssPages } from "../../core/pipeline/bss_pages.ts";
import { RULES, type Rules } from "../../core/rules.ts";
import { firstWhere } from "../binary_search.ts";
import type { ExplainedKernel } from "../explained.ts";
import { fileOffsetText } from "./phrases.ts";
import { linkedAddress } from "../symbols/linked_address.ts";

/** A `PT_LOAD` header that was loaded. Addresses are the low 48 bits of where it is in memory. */
export interface LoadedHeader extends LoadRange {
  /** The header. */
  readonly header: ProgramHeader;
  /** Index of the header. */
  readonly index: number;
  /** Whether it asks for write permission. */
  readonly writable: boolean;
  /** Whether its address and its file offset differ modulo 4096. */
  readonly misaligned: boolean;
  /** The pages that its file part is mapped to. */
  readonly filePages: { readonly start: number; readonly end: number };
  /** The pages of its bss, if it has one. */
  readonly bss: BssPages | undefined;
}

/** What is known about a kernel's memory. */
export interface KernelLayout {
  /** The kernel. */
  readonly kernel: ExplainedKernel;
  /** The rule set that it was loaded by. */
  readonly rules: Rules;
  /** The headers that were loaded, in table order. */
  readonly loads: readonly LoadedHeader[];
  /** The `PT_GNU_RELRO` headers, in table order. */
  readonly relro: readonly ProgramHeader[];
  /** Finds what a frame is for. */
  readonly ownerOf: (phys: number) => FrameOwner | null;
  /** Finds the file offset of a byte in the frames of the file; `undefined` if it is elsewhere or after the last. */
  readonly fileOffsetOf: (phys: number) => number | undefined;
  /** Reads a byte of physical memory; `undefined` outside the kernel's memory. */
  readonly byteAt: (phys: number) => number | undefined;
  /** Reads the file's byte at an offset, as far as the file is kept in memory. */
  readonly fileByteAt: (offset: number) => number | undefined;
  /** Names a file offset, such as "file offset 0x1000". */
  readonly offsetText: (offset: number) => string;
}

/**
 * Looks up what a kernel's headers, frames and rules say.
 *
 * @param kernel The kernel.
 * @param unpacked Whether it was unpacked from another file.
 * @returns The layout; frames that are taken later are not in it.
 */
export function kernelLayout(kernel: ExplainedKernel, unpacked: boolean = false): KernelLayout {
  const rules = RULES[kernel.rules];
  const { memory, programHeaders, addressSpace: { file }, virtualAddressOffset } = kernel;
  const loads = programHeaders.filter(({ p_type, p_memsz }) => {
    return p_type === PT_LOAD && !(rules.skipsEmptySegments && p_memsz === 0n);
  }).map((header) => loadedHeader(header, virtualAddressOffset, rules));
  const byteAt = (phys: number): number | undefined => {
    return phys >= memory.base && phys < memory.base + memory.size ? memory.bytes(phys, 1)[0] : undefined;
  };
  return {
    kernel,
    rules,
    loads,
    relro: programHeaders.filter(({ p_type }) => p_type === PT_GNU_RELRO),
    ownerOf: ownerFinder(kernel.frameRuns()),
    fileOffsetOf: (phys) => phys >= file.phys && phys < file.phys + file.size ? phys - file.phys : undefined,
    byteAt,
    fileByteAt: (offset) => offset >= 0 && offset < file.size ? byteAt(file.phys + offset) : undefined,
    offsetText: (offset) => fileOffsetText(offset, unpacked),
  };
}

function loadedHeader(header: ProgramHeader, virtualAddressOffset: bigint, rules: Rules): LoadedHeader {
  const load: LoadRange = {
    start: low48(header.p_vaddr + virtualAddressOffset),
    memSize: Number(header.p_memsz),
    fileOffset: Number(header.p_offset),
    fileSize: Number(header.p_filesz),
  };
  const { start, fileOffset, fileSize } = load;
  const misaligned = isMisaligned(load);
  const first = pageStart(start);
  const size = fileSize === 0 && !rules.mapsEmptyFilePart
    ? 0
    : misaligned && rules.copiesMisaligned
    ? pageEnd(start + fileSize) - first
    : pageEnd(fileOffset + fileSize) - pageStart(fileOffset);
  return {
    ...load,
    header,
    index: header.index,
    writable: (header.p_flags & PF_W) !== 0,
    misaligned,
    filePages: { start: first, end: first + size },
    bss: bssPages(load, rules),
  };
}

function pageEnd(address: number): number {
  return pageStart(address + PAGE_SIZE - 1);
}

/** Finds owners by binary search: runs do not overlap. */
function ownerFinder(runs: readonly FrameRun[]): KernelLayout["ownerOf"] {
  const ascending = runs.filter(({ size }) => size > 0).sort((a, b) => a.phys - b.phys);
  return (phys) => {
    const run = ascending[firstWhere(ascending.length, (at) => ascending[at].phys > phys) - 1];
    return run !== undefined && phys < run.phys + run.size ? run.owner : null;
  };
}

/**
 * Whether an address is in a segment's memory.
 *
 * @param load The segment.
 * @param low Low 48 bits of the address.
 * @returns True if it is.
 */
export function isInMemory({ start, memSize }: LoadedHeader, low: number): boolean {
  return low >= start && low < start + memSize;
}

/**
 * Whether a page has memory of a segment in it.
 *
 * @param load The segment.
 * @param page Low 48 bits of the page's address.
 * @returns True if it has.
 */
export function hasMemoryIn({ start, memSize }: LoadedHeader, page: number): boolean {
  return memSize > 0 && start < page + PAGE_SIZE && start + memSize > page;
}

/**
 * Finds the loaded segment that contains an address; the last, if there are several, which only the original's rules
 * accept.
 *
 * @param layout The kernel.
 * @param address The address.
 * @returns The segment, or `undefined` if there is none.
 */
export function loadAt({ loads }: KernelLayout, address: bigint): LoadedHeader | undefined {
  const low = low48(address);
  return loads.findLast((load) => isInMemory(load, low));
}

/**
 * The address that a byte was linked for.
 *
 * @param layout The kernel.
 * @param address The address that it has in memory.
 * @returns The linked address, of 64 bits.
 */
export function linkedFor(layout: KernelLayout, address: bigint): bigint {
  const load = loadAt(layout, address);
  if (load) return BigInt.asUintN(64, load.header.p_vaddr + BigInt(low48(address) - load.start));
  return linkedAddress(layout.kernel, address);
}

/**
 * The address that the first byte of a segment has in memory.
 *
 * @param load The segment.
 * @returns The canonical address.
 */
export function startOf({ start }: LoadedHeader): bigint {
  return canonical(start);
}
