/**
 * Why a byte in a page of a segment is what it is, as far as the load itself put it there.
 *
 * @module
 */

import { RECORD_SIZES } from "../../core/elf/constants.ts";
import { hexAddr } from "../../core/hex.ts";
import { canonical, pageStart } from "../../core/memory/addresses.ts";
import { isInMemory, type KernelLayout, type LoadedHeader } from "./kernel_layout.ts";
import type { PageOrigin } from "./page_origin.ts";
import { bytes, headers } from "./phrases.ts";
import type { CopyCause, OutsideReason } from "./presence.ts";
import type { Reason } from "./reason.ts";

/** What the load did for a byte. */
export interface LoadedByte {
  /** The reasons, in the order in which they came about. */
  readonly reasons: readonly Reason[];
  /** File offset that the byte was loaded from, if it was. */
  readonly fileOffset?: number;
  /** The value that the load put there, if that is known. */
  readonly expected?: number;
}

/**
 * Explains a byte in a page of a segment.
 *
 * @param layout The kernel.
 * @param origin How the page came about.
 * @param low Low 48 bits of the byte's address.
 * @returns What the load did for it.
 */
export function loadedByte(layout: KernelLayout, origin: PageOrigin, low: number): LoadedByte {
  if (origin.how === "zeroed") return zeroed(origin.load, low, "page");
  const page = pageStart(low);
  if (origin.how === "in-place") return inPlace(layout, origin.load, low);
  const { load, because, others, content } = origin;
  const indices = others.map(({ index }) => index);
  const copied: Reason = {
    kind: "copied",
    index: load.index,
    because,
    others: indices,
    message: copyMessage(because, load, page, indices),
  };
  const byte = content.kind === "page"
    ? copiedPageByte(layout, load, low, content)
    : content.kind === "zeros"
    ? zeroed(load, low, "page")
    : segmentByte(layout, [load, ...others.filter(() => because === "merged")], low);
  return { ...byte, reasons: [copied, ...byte.reasons] };
}

function copyMessage(because: CopyCause, load: LoadedHeader, page: number, others: readonly number[]): string {
  const { index, start, fileSize } = load;
  if (because === "bss") {
    const where = hexAddr(canonical(start + fileSize));
    return `The page is a copy of the file's, because the bss of program header ${index} begins in it, at ${where}.`;
  }
  if (because === "merged") {
    return `The page was composed from ${headers([index, ...others])}, which all have bytes in it.`;
  }
  if (because === "shared") {
    const verb = others.length === 1 ? "maps" : "map";
    return `The page is a copy of the file's, because program header ${index} asks for write permission and ` +
      `${headers(others)} ${verb} the same page of the file.`;
  }
  if (because === "misaligned") {
    return `The page is a copy, because p_vaddr and p_offset of program header ${index} are not congruent modulo 4096.`;
  }
  return page < load.filePages.end
    ? "The page is a copy of the file's, because something was written to it during the load."
    : "The page is a copy of a zeroed one, because something was written to it during the load.";
}

/** A byte of a page of the file that is mapped as it is. */
function inPlace(layout: KernelLayout, load: LoadedHeader, low: number): LoadedByte {
  const { index, start, fileOffset, fileSize, misaligned } = load;
  const offset = pageStart(fileOffset) + (low - pageStart(start));
  const expected = layout.fileByteAt(offset);
  const isInFilePart = low >= start && low < start + fileSize;
  if (!isInFilePart && !misaligned) return outside(layout, load, low, expected === undefined ? undefined : offset);
  if (expected === undefined) return outside(layout, load, low, undefined);
  const reasons: Reason[] = [{
    kind: "mapped",
    index,
    fileOffset: offset,
    message: `Program header ${index} maps the page of the file in place: the byte is at file offset ${
      hexAddr(offset)
    }.`,
  }];
  if (misaligned) reasons.push(...misplaced(load, low));
  return { reasons, fileOffset: offset, expected };
}

/** A byte of a segment that is not where its header asks for it, or no reason if no byte of it belongs there. */
function misplaced({ index, start, fileOffset, fileSize }: LoadedHeader, low: number): readonly Reason[] {
  if (low < start || low >= start + fileSize) return [];
  const wanted = fileOffset + (low - start);
  return [{
    kind: "misplaced",
    index,
    wanted,
    message: `The header asks for file offset ${hexAddr(wanted)} here, but p_vaddr and p_offset are not congruent ` +
      "modulo 4096, and the rule set maps whole pages of the file.",
  }];
}

/** A byte of a copy of a whole page. */
function copiedPageByte(
  layout: KernelLayout,
  load: LoadedHeader,
  low: number,
  { fileOffset: first, zeroFrom }: { readonly fileOffset: number; readonly zeroFrom: number },
): LoadedByte {
  const { start, fileOffset, fileSize, misaligned } = load;
  if (low >= zeroFrom) return isInMemory(load, low) ? zeroed(load, low, "tail") : outside(layout, load, low, undefined);
  const offset = first + (low - pageStart(low));
  const known = layout.fileByteAt(offset);
  if (low < start || low >= start + fileSize) {
    if (!misaligned || known === undefined) {
      return outside(layout, load, low, known === undefined ? undefined : offset);
    }
  }
  if (known === undefined) return { reasons: [] };
  const isRight = offset === fileOffset + (low - start);
  return loaded(layout, load, offset, isRight ? [] : misplaced(load, low));
}

/** A byte of a page that only the bytes of segments were copied to. */
function segmentByte(layout: KernelLayout, loads: readonly LoadedHeader[], low: number): LoadedByte {
  const load = loads.find((each) => isInMemory(each, low));
  if (!load) return outside(layout, nearest(loads, low), low, undefined);
  const within = low - load.start;
  if (within >= load.fileSize) return zeroed(load, low, pageStart(low) > load.start + load.fileSize ? "page" : "tail");
  return loaded(layout, load, load.fileOffset + within);
}

function loaded(
  layout: KernelLayout,
  { index }: LoadedHeader,
  fileOffset: number,
  more: readonly Reason[] = [],
): LoadedByte {
  const expected = layout.fileByteAt(fileOffset);
  const message = `The byte was copied from file offset ${hexAddr(fileOffset)}, for program header ${index}.`;
  return {
    reasons: [{ kind: "loaded", index, fileOffset, message }, ...more],
    fileOffset,
    ...(expected === undefined ? {} : { expected }),
  };
}

function zeroed(load: LoadedHeader, low: number, part: "page" | "tail"): LoadedByte {
  const { index, start, memSize, fileSize } = load;
  if (!isInMemory(load, low)) return { ...outsideZero(load, low), expected: 0 };
  const bss = `bss of program header ${index}, ${hexAddr(canonical(start + fileSize))}..` +
    `${hexAddr(BigInt.asUintN(64, canonical(start) + BigInt(memSize)))}`;
  const message = part === "page"
    ? `The page was zeroed: the byte is in the ${bss}.`
    : `The byte was zeroed: it is in the ${bss}, which begins in a page with bytes of the file.`;
  return { reasons: [{ kind: "zeroed", index, part, message }], expected: 0 };
}

function outsideZero(load: LoadedHeader, low: number): LoadedByte {
  const place = placeBeside(load, low);
  const isExtra = low >= load.start && pageStart(low) >= load.start + load.memSize;
  const why = isExtra
    ? "its page was zeroed because the rule set maps one page more for a bss that ends at the end of a page"
    : "it is there because whole pages are mapped, and was zeroed";
  return {
    reasons: [{
      kind: "outside",
      ...place,
      content: "zeros",
      because: isExtra ? "extra-page" : "whole-pages",
      message: `The byte is ${besides(place)}; ${why}.`,
    }],
  };
}

/** A byte that belongs to no segment: the file's at an offset or, without one, zero. */
function outside(layout: KernelLayout, load: LoadedHeader, low: number, fileOffset: number | undefined): LoadedByte {
  if (fileOffset === undefined) return { ...outsideZero(load, low), expected: 0 };
  const place = placeBeside(load, low);
  const message = `The byte is ${besides(place)}; it is there because whole pages are mapped: it is the file's at ` +
    `offset ${hexAddr(fileOffset)}${partOfFile(layout, fileOffset)}.`;
  const expected = layout.fileByteAt(fileOffset);
  return {
    reasons: [{ kind: "outside", ...place, content: "file", fileOffset, because: "whole-pages", message }],
    fileOffset,
    ...(expected === undefined ? {} : { expected }),
  };
}

function placeBeside(load: LoadedHeader, low: number): Pick<OutsideReason, "index" | "side" | "distance"> {
  const { index, start, memSize } = load;
  return low < start
    ? { index, side: "before", distance: start - low }
    : { index, side: "after", distance: low - (start + memSize) + 1 };
}

function besides({ index, side, distance }: Pick<OutsideReason, "index" | "side" | "distance">): string {
  return side === "before"
    ? `${bytes(distance)} before the first of program header ${index}`
    : `${bytes(distance)} after the last of program header ${index}`;
}

/** What is at a file offset, as far as headers say. */
function partOfFile({ kernel: { fileHeader, programHeaders }, loads }: KernelLayout, fileOffset: number): string {
  const { e_phoff, e_phentsize, e_phnum, EI_CLASS } = fileHeader;
  if (fileOffset < (RECORD_SIZES[EI_CLASS as 1 | 2]?.fileHeader ?? 0)) return ", in the ELF file header";
  const at = BigInt(fileOffset);
  const table = e_phnum === programHeaders.length ? e_phoff + BigInt(e_phentsize * e_phnum) : e_phoff;
  if (at >= e_phoff && at < table) return ", in the table of program headers";
  const other = loads.find((each) => fileOffset >= each.fileOffset && fileOffset < each.fileOffset + each.fileSize);
  return other ? `, in the bytes of program header ${other.index}` : "";
}

function nearest(loads: readonly LoadedHeader[], low: number): LoadedHeader {
  const distance = ({ start, memSize }: LoadedHeader): number => low < start ? start - low : low - (start + memSize);
  return loads.reduce((best, each) => distance(each) < distance(best) ? each : best);
}
