/**
 * Which segment a page belongs to, for error messages.
 *
 * @module
 */

import type { ProgramHeader, Segment } from "../elf/program_header.ts";
import type { LoadErrorDetails } from "../error_details.ts";
import { amended, type LoadError } from "../errors.ts";
import { canonical, low48, pageStart } from "../memory/addresses.ts";
import type { Rules } from "../rules.ts";

/**
 * Finds the program header that owns a page.
 *
 * @param page Virtual address of the page.
 * @param kernel All segments, and whether a bss that ends on a page boundary also takes the next page.
 * @param index Index of a header to skip, if any.
 * @returns The header's index and range; empty if no segment owns the page.
 */
export function segmentOfPage(
  page: bigint,
  { segments, bssEnd }: { readonly segments: readonly Segment[]; readonly bssEnd: Rules["bssEnd"] },
  index?: number,
): Pick<LoadErrorDetails["page-already-mapped"], "otherIndex" | "otherRange"> {
  const low = low48(page);
  for (const { load, index: otherIndex } of segments) {
    if (!load || otherIndex === index) continue;
    const end = load.start + Math.max(load.memSize, load.fileSize);
    const isIn = low >= pageStart(load.start) && (low < end || (low === end && bssEnd === "inclusive"));
    if (!isIn) continue;
    return { otherIndex, otherRange: [canonical(load.start), canonical(load.start) + BigInt(end - load.start)] };
  }
  return {};
}

/**
 * Adds to an error the program header that was being handled and, if a page is already mapped, the one that owns it.
 *
 * @param error The error.
 * @param phdr The header that was being handled.
 * @param context All segments, and the rule set.
 * @returns A new error; the same one if it already names a header or is about the source.
 */
export function atHeader(
  error: LoadError,
  { index }: ProgramHeader,
  { segments, rules: { bssEnd } }: { readonly segments: readonly Segment[]; readonly rules: Rules },
): LoadError {
  const { index: named, value } = error.detail ?? {}; // another copy's error may lack fields
  if (named !== undefined || error.code === "source-failed") return error;
  const mapped = error.code === "page-already-mapped" && typeof value === "bigint";
  const owner = mapped ? segmentOfPage(value, { segments, bssEnd }, index) : {};
  return amended(error, { detail: { index, ...owner } });
}
