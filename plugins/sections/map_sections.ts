/**
 * The stage sections: maps the pages of the file that hold the chosen sections.
 *
 * @module
 */

import type { AddressSpace } from "../../core/address_space/address_space.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import { alignUp, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import { LEVEL_SPAN, NO_EXECUTE, PRESENT } from "../../core/paging/entry.ts";
import { type ImageStage, imageStage, type Reads } from "../../core/pipeline/stage.ts";
import type { ChooseStage } from "./choose_sections.ts";

/** A section of the file that is mapped. */
export interface MappedSection {
  /** Its name; empty if it has none. */
  readonly name: string;
  /** Index in the section header table, which the `link` of another section may refer to. */
  readonly index: number;
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Number of bytes. */
  readonly size: number;
  /** `sh_type`, such as 2 (`SHT_SYMTAB`). */
  readonly type: number;
  /** `sh_flags`, such as 0x800 (`SHF_COMPRESSED`). */
  readonly flags: bigint;
  /** `sh_entsize`: size of each entry in bytes, if it is a table. */
  readonly entsize: bigint;
  /** `sh_link`: index of a related section; for a symbol table, its string table. */
  readonly link: number;
  /** `sh_info`: for a symbol table, the index of the first non-local symbol. */
  readonly info: number;
}

/** Pages of the file that are mapped. */
export interface SectionPages {
  /** Virtual address of the first page. */
  readonly virt: bigint;
  /** Number of bytes, a multiple of 4096. */
  readonly size: number;
  /** File offset of the first page. */
  readonly fileOffset: number;
}

/** What the plugin sections did. */
export interface Sections {
  /** The sections, ascending by address. */
  readonly mappedSections: readonly MappedSection[];
  /** The pages that they lie in, ascending by address. Pages are as far apart as in the file. */
  readonly sectionPages: readonly SectionPages[];
  /** Number of bytes in these pages that belong to none of the sections but can be read too. */
  readonly neighbourBytes: number;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The stage that maps sections. */
export type MapStage = ImageStage<"sections", Reads<"addressSpace" | ChooseStage>, Sections>;

/**
 * Creates the stage that maps the chosen sections.
 *
 * @param choose The stage that chooses them.
 * @returns The stage.
 */
export function mapSections(choose: ChooseStage): MapStage {
  return imageStage(
    "sections",
    {
      needs: ["addressSpace", choose],
      adds: ["mappedSections", "sectionPages", "neighbourBytes"],
      takes: ({ keptBytes }) => tableBytes(keptBytes),
    },
    ({ addressSpace, chosenSections }) => mapAll(chosenSections, addressSpace),
  );
}

/** Maps sections read-only at free level-4 entries, onto the frames that hold the file's bytes. */
function mapAll(chosenSections: readonly SectionHeader[], addressSpace: AddressSpace): Sections {
  const bytes = chosenSections.map(rangeOf);
  const pages = merged(bytes.map(({ start, end }) => ({ start: pageStart(start), end: alignUp(end) })));
  if (pages.length === 0) return { mappedSections: [], sectionPages: [], neighbourBytes: 0 };
  const first = pages[0].start;
  const window = addressSpace.reserve(pages[pages.length - 1].end - first);
  const addressOf = (fileOffset: number): bigint => window + BigInt(fileOffset - first);
  const sectionPages = pages.map(({ start, end }) => {
    const page = { virt: addressOf(start), size: end - start, fileOffset: start };
    addressSpace.map(page.virt, addressSpace.file.phys + start, PRESENT | NO_EXECUTE, { size: page.size });
    return page;
  });
  const mappedSections = chosenSections.map((section) => describe(section, addressOf(rangeOf(section).start)));
  return { mappedSections, sectionPages, neighbourBytes: total(pages) - total(merged(bytes)) };
}

/** The size of the page tables: no more than those for the whole file. */
function tableBytes(keptBytes: number): number {
  return PAGE_SIZE * ([2, 3, 4] as const).reduce((sum, level) => sum + Math.ceil(keptBytes / LEVEL_SPAN[level]), 0);
}

function rangeOf({ sh_offset, sh_size }: SectionHeader): Range {
  return { start: Number(sh_offset), end: Number(sh_offset + sh_size) };
}

/** Merges ascending ranges that touch or overlap. */
function merged(ascending: readonly Range[]): readonly Range[] {
  const runs: Range[] = [];
  for (const { start, end } of ascending) {
    const last = runs.at(-1);
    if (last && start <= last.end) runs[runs.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    else runs.push({ start, end });
  }
  return runs;
}

function total(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + (end - start), 0);
}

function describe(section: SectionHeader, virt: bigint): MappedSection {
  const { name, index, sh_size, sh_type, sh_flags, sh_entsize, sh_link, sh_info } = section;
  return {
    name,
    index,
    virt,
    size: Number(sh_size),
    type: sh_type,
    flags: sh_flags,
    entsize: sh_entsize,
    link: sh_link,
    info: sh_info,
  };
}
