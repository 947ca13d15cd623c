/**
 * Which segment a page belongs to, for errors about pages.
 *
 * @module
 */

import type { ProgramHeader, Segment } from "../elf/program_header.ts";
import type { LoadErrorDetails } from "../error_details.ts";
import { amended, type LoadError } from "../errors.ts";
import { canonical, low48, pageStart } from "../memory/addresses.ts";

/**
 * Finds the program header that owns a page; the bss of the original also reaches the page after its end.
 *
 * @param page Virtual address of the page.
 * @param segments All segments.
 * @param index Index of a header that is not meant, if there is one.
 * @returns The header's index and range; empty if no segment owns the page.
 */
export function segmentOfPage(
  page: bigint,
  segments: readonly Segment[],
  index?: number,
): Pick<LoadErrorDetails["page-already-mapped"], "otherIndex" | "otherRange"> {
  const low = low48(page);
  for (const { load, index: otherIndex } of segments) {
    if (!load || otherIndex === index) continue;
    const end = load.start + Math.max(load.memSize, load.fileSize);
    if (low < pageStart(load.start) || low > end) continue;
    return { otherIndex, otherRange: [canonical(load.start), canonical(load.start) + BigInt(end - load.start)] };
  }
  return {};
}

/**
 * The same error with the program header that was being handled and, if a page is mapped already, the one that owns it.
 *
 * @param error The error.
 * @param phdr The header that was being handled.
 * @param segments All segments.
 * @returns The error itself if it names a header already or is about the source.
 */
export function atHeader(error: LoadError, { index }: ProgramHeader, segments: readonly Segment[]): LoadError {
  if (error.detail.index !== undefined || error.code === "source-failed") return error;
  const mapped = error.code === "page-already-mapped";
  const owner = mapped ? segmentOfPage(error.detail.value as bigint, segments, index) : {};
  return amended(error, { detail: { index, ...owner } });
}
