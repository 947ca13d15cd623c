/**
 * Says of an error which program header it concerns.
 *
 * @module
 */

import type { ProgramHeader } from "../elf/program_header.ts";
import { LoadError, type PagePlace } from "../errors.ts";
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
export function atHeader(error: LoadError, { index }: ProgramHeader, checked: Checked["checked"]): LoadError {
  if (error.detail.index !== undefined || error.code === "source-failed") return error;
  const owner = error.code === "page-already-mapped" ? ownerOf(error.detail.value as bigint, checked, index) : {};
  return new LoadError(error.code, { ...error.detail, index, ...owner }, { cause: error.cause });
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
  checked: Checked["checked"],
  index?: number,
): Partial<Pick<PagePlace, "otherIndex" | "otherRange">> {
  const low = low48(page);
  for (const { load, index: otherIndex } of checked) {
    if (!load || otherIndex === index) continue;
    const end = load.start + Math.max(load.memSize, load.fileSize);
    if (low < pageStart(load.start) || low > end) continue;
    return { otherIndex, otherRange: [canonical(load.start), canonical(load.start) + BigInt(end - load.start)] };
  }
  return {};
}
