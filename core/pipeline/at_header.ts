/**
 * Says of an error which program header it concerns.
 *
 * @module
 */

import type { ProgramHeader } from "../elf/program_header.ts";
import type { PagePlace } from "../error_details.ts";
import { amended, LoadError } from "../errors.ts";
import { canonical, low48, pageStart } from "../memory/addresses.ts";
import type { Checked } from "./stage.ts";

/**
 * The same error with the header that was being handled, and, where a page is mapped already, the one that owns it.
 *
 * @param error The error.
 * @param phdr The header that was being handled.
 * @param checked All headers.
 * @returns The error itself where it names a header already, or is about the source.
 */
export function atHeader(error: LoadError, { index }: ProgramHeader, segments: Checked["segments"]): LoadError {
  if (error.detail.index !== undefined || error.code === "source-failed") return error;
  const owner = error.code === "page-already-mapped" ? ownerOf(error.detail.value as bigint, segments, index) : {};
  return amended(error, { detail: { index, ...owner } });
}

/**
 * Finds the header that owns a page; the bss of the original reaches the page behind its end too.
 *
 * @param page Virtual address of the page.
 * @param checked All headers.
 * @param index Index of a header that is not asked about, where there is one.
 * @returns The header's index and range, where one owns the page.
 */
export function ownerOf(
  page: bigint,
  segments: Checked["segments"],
  index?: number,
): Partial<Pick<PagePlace, "otherIndex" | "otherRange">> {
  const low = low48(page);
  for (const { load, index: otherIndex } of segments) {
    if (!load || otherIndex === index) continue;
    const end = load.start + Math.max(load.memSize, load.fileSize);
    if (low < pageStart(load.start) || low > end) continue;
    return { otherIndex, otherRange: [canonical(load.start), canonical(load.start) + BigInt(end - load.start)] };
  }
  return {};
}
