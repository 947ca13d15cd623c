/**
 * Sections that belong into memory and that no loader puts there.
 *
 * @module
 */

import { SHF_ALLOC, SHF_TLS, SHT_NOTE } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import type { FindingRule } from "../finding.ts";
import { type AddressRange, inWords, loadsOf, virtualRange } from "./segments.ts";

/** A section with SHF_ALLOC outside every `PT_LOAD`. */
export const sectionNotLoaded: FindingRule = {
  id: "section-not-loaded",
  severity: "warning",
  parts: ["sections"],
  find: ({ model }) => {
    const loads = loadsOf(model);
    if (loads.length === 0) return [];
    const isLoaded = loadedBy(loads);
    const left = model.elf?.sections.filter((section) => isForMemory(section) && !isLoaded(rangeOf(section))) ?? [];
    if (left.length === 0) return [];
    const [first] = left;
    const others = left.length === 1 ? "" : `, and of ${left.length - 1} more`;
    const message =
      `The addresses of the section ${first.name || first.index} (${inWords(rangeOf(first))})${others}, ` +
      `with SHF_ALLOC, are not wholly in a PT_LOAD: nothing loads ${
        left.length === 1 ? "it" : "them"
      }, and the kernel ` +
      "finds other bytes there.";
    return [{ offset: Number(first.sh_offset), message }];
  },
  about: "A section that is marked to be in memory (SHF_ALLOC), and is neither empty nor a note, lies in no PT_LOAD.",
  why:
    "Loaders load segments. In a linker script with PHDRS, a section goes into the segments of the one before it unless " +
    "it names its own: after one with :note only, it gets into the PT_NOTE alone. ld warns: allocated section not in segment.",
  mend:
    "Name the segment in the linker script: .data : { *(.data*) } :data, and :text :note for notes that are loaded too.",
  source: 'gABI, "Sections", SHF_ALLOC; GNU ld manual, "PHDRS Command"',
};

function isForMemory({ name, sh_type, sh_flags, sh_size }: SectionHeader): boolean {
  // ld gives every section that is in a PT_NOTE alone the type SHT_NOTE, also .data.
  const isNote = sh_type === SHT_NOTE && (name === "" || name.startsWith(".note"));
  return (sh_flags & (SHF_ALLOC | SHF_TLS)) === SHF_ALLOC && sh_size > 0n && !isNote;
}

function rangeOf({ sh_addr, sh_size }: SectionHeader): AddressRange {
  return { start: sh_addr, end: sh_addr + sh_size };
}

/** Prepares to tell whether segments have all of a range. */
function loadedBy(loads: readonly ProgramHeader[]): (range: AddressRange) => boolean {
  const merged: { start: bigint; end: bigint }[] = [];
  const ranges = loads.map(virtualRange).sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  for (const { start, end } of ranges) {
    const last = merged.at(-1);
    if (!last || start > last.end) merged.push({ start, end });
    else if (end > last.end) last.end = end;
  }
  return ({ start, end }) => {
    let [low, high] = [0, merged.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (merged[middle].start <= start) low = middle + 1;
      else high = middle;
    }
    return low > 0 && merged[low - 1].end >= end;
  };
}
