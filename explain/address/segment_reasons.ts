/**
 * Why a byte in a page of a segment is what it is, as far as the load itself put it there.
 *
 * @module
 */

import { RECORD_SIZES } from "../../core/elf/constants.ts";
import { hexAddr } from "../../core/hex.ts";
import { canonical, pageStart } from "../../core/memory/addresses.ts";
import { isInMemory, type KernelLayout, type LoadedHeader } from "./kernel_layout.ts";
import type { CopiedPage, CopyContent, PageOrigin } from "./page_origin.ts";
import { bytes, headers } from "./phrases.ts";
import type { OutsideReason } from "./presence.ts";
import type { Reason } from "./reason.ts";

/** What the load did for a byte. */
export interface LoadedByte {
  /** The reasons, in the order in which they came about. */
  readonly reasons: readonly Reason[];
  /** File offset that the byte was loaded from, if it was. */
  readonly fileOffset?: number;
  /** The value that the load put there, if that is known. */
  readonly expected?: number | undefined;
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
  if (origin.how === "zeroed") return zeroedByte(layout, origin.load, low, "page");
  if (origin.how === "in-place") return inPlace(layout, origin.load, low);
  const { load, because, others, content } = origin;
  const indices = others.map(({ index }) => index);
  const reason: Reason = {
    kind: "copied",
    index: load.index,
    because,
    others: indices,
    message: copyMessage(origin, indices),
  };
  const byte = content.kind === "page"
    ? copiedPageByte(layout, low, content)
    : content.kind === "zeros"
    ? zeroedByte(layout, layout.loads.findLast((each) => isInMemory(each, low)) ?? load, low, "page")
    : segmentByte(layout, [load, ...others.filter(() => because === "merged")], low);
  return { ...byte, reasons: [reason, ...replaced(origin.replaced ?? [], load), ...byte.reasons] };
}

/** Segments that had the page before. */
function replaced(loads: readonly LoadedHeader[], { index: by }: LoadedHeader): readonly Reason[] {
  return loads.map(({ index }) => ({
    kind: "replaced",
    index,
    by,
    message:
      `The rule set put the page in the place of that of program header ${index}, with the permissions of program ` +
      `header ${by}.`,
  }));
}

function copyMessage({ because, load, content }: CopiedPage, others: readonly number[]): string {
  const { index, start, fileSize } = load;
  if (because === "merged") {
    return `The page was composed from ${headers([index, ...others])}, which all have bytes in it.`;
  }
  const copy = `The page is a copy of ${content.kind === "zeros" ? "a zeroed one" : "the file's"}, because`;
  if (because === "bss") {
    return `${copy} the bss of program header ${index} begins in it, at ${hexAddr(canonical(start + fileSize))}.`;
  }
  if (because === "shared") {
    const verb = others.length === 1 ? "maps" : "map";
    return `${copy} program header ${index} asks for write permission and ${
      headers(others)
    } ${verb} the same page of ` +
      "the file.";
  }
  return because === "misaligned"
    ? `The page is a copy, because p_vaddr and p_offset of program header ${index} are not congruent modulo 4096.`
    : `${copy} something was written to it.`;
}

/** A byte of a page of the file that is mapped as it is. */
function inPlace(layout: KernelLayout, load: LoadedHeader, low: number): LoadedByte {
  return pageByte(layout, load, low, pageStart(load.fileOffset) + (low - pageStart(load.start)), mapped);
}

/** A byte of a copy of a whole page. */
function copiedPageByte(
  layout: KernelLayout,
  low: number,
  { load, fileOffset, zeroFrom }: Extract<CopyContent, { readonly kind: "page" }>,
): LoadedByte {
  if (low < zeroFrom) return pageByte(layout, load, low, fileOffset + (low - pageStart(low)), copied);
  const zeroed = layout.loads.findLast((each) => isInMemory(each, low) && low >= each.start + each.fileSize);
  if (zeroed) return zeroedByte(layout, zeroed, low, "tail");
  const over = layout.loads.findLast((each) => isInMemory(each, low));
  const by = layout.loads.find(({ start, fileSize }) => start + fileSize === zeroFrom);
  return over && by ? zeroedOver(over, by, low) : outside(layout, load, low, undefined);
}

/** A byte of a segment in the rest of a page that the bss of another one had zeroed. */
function zeroedOver({ index: over, start, fileOffset }: LoadedHeader, by: LoadedHeader, low: number): LoadedByte {
  const { index } = by;
  const message = `The byte was zeroed: the rule set zeroed the rest of the page after the bss of program header ` +
    `${index} begins in it, although program header ${over} asks for file offset ${
      hexAddr(fileOffset + (low - start))
    } here.`;
  return { reasons: [{ kind: "zeroed", index, part: "tail", over, message }], expected: 0 };
}

/** A byte of a whole page, which is the file's at an offset: that of the segment, or whatever else is in the page. */
function pageByte(
  layout: KernelLayout,
  load: LoadedHeader,
  low: number,
  offset: number,
  reasonOf: (layout: KernelLayout, index: number, fileOffset: number) => Reason,
): LoadedByte {
  const { index, start, fileOffset, fileSize, misaligned } = load;
  const expected = layout.fileByteAt(offset);
  const isInFilePart = low >= start && low < start + fileSize;
  if (!isInFilePart && !isInMemory(load, low)) {
    return outside(layout, load, low, expected === undefined ? undefined : offset);
  }
  const wanted = isInFilePart ? fileOffset + (low - start) : null;
  const reasons: readonly Reason[] = misaligned ? [misplaced(layout, load, wanted, expected !== undefined)] : [];
  return expected === undefined
    ? { reasons, expected: 0 }
    : { reasons: [reasonOf(layout, index, offset), ...reasons], fileOffset: offset, expected };
}

function mapped({ offsetText }: KernelLayout, index: number, fileOffset: number): Reason {
  const message = `Program header ${index} maps the page of the file in place: the byte is at ` +
    `${offsetText(fileOffset)}.`;
  return { kind: "mapped", index, fileOffset, message };
}

function copied({ offsetText }: KernelLayout, index: number, fileOffset: number): Reason {
  const message = `The byte was copied from ${offsetText(fileOffset)}, for program header ${index}.`;
  return { kind: "loaded", index, fileOffset, message };
}

/** A byte of a segment that is not where its header asks for it; it is zero if the file has none there. */
function misplaced(
  { offsetText }: KernelLayout,
  { index }: LoadedHeader,
  wanted: number | null,
  isInFile: boolean,
): Reason {
  const message = `Program header ${index} asks for ${wanted === null ? "a zero" : offsetText(wanted)} ` +
    "here, but its p_vaddr and p_offset are not congruent modulo 4096, and the rule set takes whole pages of the file" +
    `${isInFile ? "" : ", which ends before the byte: it is zero"}.`;
  return { kind: "misplaced", index, wanted, message };
}

/** A byte of a page that only the bytes of segments were copied to. */
function segmentByte(layout: KernelLayout, loads: readonly LoadedHeader[], low: number): LoadedByte {
  const load = loads.find((each) => isInMemory(each, low));
  if (!load) return outside(layout, nearest(loads, low), low, undefined);
  const within = low - load.start;
  if (within >= load.fileSize) {
    return zeroedByte(layout, load, low, pageStart(low) >= load.start + load.fileSize ? "page" : "tail");
  }
  const fileOffset = load.fileOffset + within;
  return { reasons: [copied(layout, load.index, fileOffset)], fileOffset, expected: layout.fileByteAt(fileOffset) };
}

function zeroedByte(layout: KernelLayout, load: LoadedHeader, low: number, part: "page" | "tail"): LoadedByte {
  const { index, start, memSize, fileSize } = load;
  if (!isInMemory(load, low)) return outside(layout, load, low, undefined, true);
  const bss = `bss of program header ${index}, ${hexAddr(canonical(start + fileSize))}..` +
    `${hexAddr(BigInt.asUintN(64, canonical(start) + BigInt(memSize)))}`;
  const message = part === "page"
    ? `The page was zeroed: the byte is in the ${bss}.`
    : `The byte was zeroed: it is in the ${bss}, which begins in this page.`;
  return { reasons: [{ kind: "zeroed", index, part, message }], expected: 0 };
}

/** A byte that belongs to no segment: the file's at an offset or, without one, zero. */
function outside(
  layout: KernelLayout,
  load: LoadedHeader,
  low: number,
  fileOffset: number | undefined,
  isBss = false,
): LoadedByte {
  const place = placeBeside(load, low);
  const because = whyOutside(load, low, isBss);
  const start = `The byte is ${besides(place)}; it is there because ${OUTSIDE[because]}`;
  if (fileOffset === undefined) {
    const message = `${start}, and is zero.`;
    return { reasons: [{ kind: "outside", ...place, content: "zeros", because, message }], expected: 0 };
  }
  const message = `${start}: it is that at ${layout.offsetText(fileOffset)}${partOfFile(layout, fileOffset)}.`;
  return {
    reasons: [{ kind: "outside", ...place, content: "file", fileOffset, because, message }],
    fileOffset,
    expected: layout.fileByteAt(fileOffset),
  };
}

const OUTSIDE: Readonly<Record<OutsideReason["because"], string>> = {
  "whole-pages": "whole pages are mapped",
  "extra-page": "the rule set maps one page more for a bss that ends at the end of a page",
  "misaligned": "p_vaddr and p_offset are not congruent modulo 4096, so the bytes reach into more pages of the file",
  "empty-part": "the rule set maps the page of the file at p_offset, although p_filesz is 0",
};

/** Why a byte outside a segment is mapped for it: there may not be a byte of the segment in the whole page. */
function whyOutside(load: LoadedHeader, low: number, isBss: boolean): OutsideReason["because"] {
  const { start } = load;
  if (endOf(load) === start) return "empty-part";
  if (low < start || pageStart(low) < endOf(load)) return "whole-pages";
  return isBss ? "extra-page" : "misaligned";
}

function placeBeside(load: LoadedHeader, low: number): Pick<OutsideReason, "index" | "side" | "distance"> {
  const { index, start } = load;
  return low < start
    ? { index, side: "before", distance: start - low }
    : { index, side: "after", distance: low - endOf(load) + 1 };
}

/** Where a segment ends; the original's rules let p_filesz exceed p_memsz. */
function endOf({ start, memSize, fileSize }: LoadedHeader): number {
  return start + Math.max(memSize, fileSize);
}

function besides({ index, side, distance }: Pick<OutsideReason, "index" | "side" | "distance">): string {
  return side === "before"
    ? `${bytes(distance)} before the first byte of program header ${index}`
    : `${bytes(distance)} after the last byte of program header ${index}`;
}

/** What is at a file offset, as far as headers say. */
function partOfFile({ kernel: { fileHeader, programHeaders }, loads }: KernelLayout, fileOffset: number): string {
  const { e_phoff, e_phentsize, e_phnum, EI_CLASS } = fileHeader;
  if (fileOffset < (RECORD_SIZES[EI_CLASS as 1 | 2]?.fileHeader ?? 0)) return ", in the ELF file header";
  const at = BigInt(fileOffset);
  const table = e_phnum === programHeaders.length ? e_phoff + BigInt(e_phentsize * e_phnum) : e_phoff;
  if (at >= e_phoff && at < table) return ", in the program header table";
  const other = loads.find((each) => fileOffset >= each.fileOffset && fileOffset < each.fileOffset + each.fileSize);
  return other ? `, in the bytes of program header ${other.index}` : "";
}

function nearest(loads: readonly LoadedHeader[], low: number): LoadedHeader {
  const distance = (load: LoadedHeader): number => low < load.start ? load.start - low : low - endOf(load);
  return loads.reduce((best, each) => distance(each) < distance(best) ? each : best);
}
