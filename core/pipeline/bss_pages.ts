/**
 * The pages of a segment's bss.
 *
 * @module
 */

import type { LoadRange } from "../elf/program_header.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../memory/addresses.ts";
import type { Rules } from "../rules.ts";

/** The pages of a bss, as the low 48 bits of their addresses. */
export interface BssPages {
  /** The page where the file part ends and the bss begins, if it begins inside a page. */
  readonly partial: number | undefined;
  /** Start of the first page that is entirely bss. */
  readonly first: number;
  /** End of the last such page; at most `first` if there is none. */
  readonly end: number;
}

/**
 * Finds the pages of a segment's bss.
 *
 * @param load The segment's range.
 * @param rules Whether an empty file part has a page, and whether a bss that ends on a page boundary takes the next
 * page.
 * @returns The pages; `undefined` if there is no bss.
 */
export function bssPages(
  { start, fileSize, memSize }: LoadRange,
  { mapsEmptyFilePart, bssEnd }: Pick<Rules, "mapsEmptyFilePart" | "bssEnd">,
): BssPages | undefined {
  if (memSize <= fileSize) return undefined;
  const zeroStart = start + fileSize;
  const isPartial = zeroStart % PAGE_SIZE !== 0 && (fileSize > 0 || mapsEmptyFilePart);
  const first = isPartial ? alignUp(zeroStart) : pageStart(zeroStart);
  const end = bssEnd === "inclusive" ? pageStart(start + memSize) + PAGE_SIZE : alignUp(start + memSize);
  return { partial: isPartial ? pageStart(zeroStart) : undefined, first, end };
}
