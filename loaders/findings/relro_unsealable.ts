/**
 * `PT_GNU_RELRO` ranges whose first or last page cannot be made read-only.
 *
 * @module
 */

import { PF_W, PT_GNU_RELRO } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { hexAddr } from "../../core/hex.ts";
import type { FindingRule } from "../finding.ts";
import type { Breach } from "../rule.ts";
import { type AddressRange, inWords, isForX86, loadsOf, PAGE, pagesOf, virtualRange } from "./segments.ts";

/** A `PT_GNU_RELRO` that shares a page with other writable data. */
export const relroUnsealable: FindingRule = {
  id: "relro-unsealable",
  severity: "warning",
  parts: [],
  find: ({ model }) => {
    const sealed = (model.elf?.programHeaders ?? []).filter(({ p_type, p_memsz }) =>
      p_type === PT_GNU_RELRO && p_memsz > 0n
    );
    if (!isForX86(model) || sealed.length === 0) return [];
    const writable = loadsOf(model).filter(({ p_flags }) => (p_flags & PF_W) !== 0).map(virtualRange);
    const others = indexOf(without(union(writable), union(sealed.map(virtualRange))));
    return sealed.flatMap((header) => describe(header, others));
  },
  about:
    "The first or last page of a PT_GNU_RELRO range also has bytes of a writable segment that the range does not " +
    "cover.",
  why: "The range is to be made read-only once relocations are applied, and permissions are those of whole pages. A " +
    "loader either leaves such a page writable, and then the range is not protected as a whole (kload does), or seals " +
    "it, and then the kernel faults when it writes to its other data (rust-osdev/bootloader 0.11 does).",
  mend: "Start and end the range on pages: . = ALIGN(CONSTANT(COMMONPAGESIZE)); before it and after it in the linker " +
    "script, or DATA_SEGMENT_RELRO_END.",
  source: "GNU binutils, ld manual: DATA_SEGMENT_RELRO_END; -z relro",
};

function describe(header: ProgramHeader, others: FindOther): readonly Breach[] {
  const range = virtualRange(header);
  const pages = pagesOf(range);
  for (const start of new Set([pages.start, pages.end - PAGE])) {
    const other = others({ start, end: start + PAGE });
    if (!other) continue;
    const { index } = header;
    const message = `The range of program header ${index} (PT_GNU_RELRO, ${inWords(range)}) shares page ` +
      `${hexAddr(start)} with writable data at ${inWords(other)}: the page cannot be made read-only without that data.`;
    return [{
      index,
      message,
      ranges: [{ name: `program header ${index}`, ...range }, { name: "writable data", ...other }],
    }];
  }
  return [];
}

/** Merges ranges into ascending ones that do not touch. */
function union(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const merged: AddressRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0)) {
    const last = merged.at(-1);
    if (!last || range.start > last.end) merged.push(range);
    else if (range.end > last.end) merged[merged.length - 1] = { start: last.start, end: range.end };
  }
  return merged;
}

/** What ascending ranges have outside others, ascending too. */
function without(ranges: readonly AddressRange[], holes: readonly AddressRange[]): readonly AddressRange[] {
  const left: AddressRange[] = [];
  let at = 0;
  for (const { start, end } of ranges) {
    while (at < holes.length && holes[at].end <= start) at++;
    let from = start;
    for (let hole = at; hole < holes.length && holes[hole].start < end; hole++) {
      if (holes[hole].start > from) left.push({ start: from, end: holes[hole].start });
      if (holes[hole].end > from) from = holes[hole].end;
      at = hole;
    }
    if (from < end) left.push({ start: from, end });
  }
  return left;
}

/** Finds the first range that has an address of another. */
type FindOther = (range: AddressRange) => AddressRange | undefined;

function indexOf(ranges: readonly AddressRange[]): FindOther {
  return ({ start, end }) => {
    let low = 0;
    for (let high = ranges.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (ranges[middle].end > start) high = middle;
      else low = middle + 1;
    }
    return low < ranges.length && ranges[low].start < end ? ranges[low] : undefined;
  };
}
