/**
 * The names of relocation tables: those of the sections that they lie in.
 *
 * @module
 */

import { SHT_RELA, SHT_RELR } from "../../core/elf/constants.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import type { RelocationTag } from "./kernel_relocations.ts";
import { entrySize } from "./relocation_list.ts";

/** Consecutive entries of a table that lie in one section, or in none. */
export interface TablePart {
  /** Name of the section; the tag if there is none. */
  readonly name: string;
  /** Index of the first entry in the table that the dynamic table names. */
  readonly from: number;
  /** Number of entries. */
  readonly count: number;
  /** Index of the first entry in the table of that name. */
  readonly first: number;
}

/** The most parts of a table: linkers make one or two. */
const PARTS_MAX = 16;

/**
 * Divides a table by the sections that its entries lie in.
 *
 * @param tag The tag of the table.
 * @param offset File offset of its first entry.
 * @param count Number of entries.
 * @param sections The section headers.
 * @returns The parts, in order.
 */
export function tableParts(
  tag: RelocationTag,
  offset: number,
  count: number,
  sections: readonly SectionHeader[],
): readonly TablePart[] {
  const type = tag === "DT_RELR" ? SHT_RELR : SHT_RELA;
  const size = entrySize(tag);
  const fitting = sections.filter(({ sh_type, sh_size, name }) => sh_type === type && sh_size > 0n && name !== "")
    .map(({ name, sh_offset, sh_size }) => ({ name, start: Number(sh_offset), end: Number(sh_offset + sh_size) }))
    .filter(({ start }) => (offset - start) % size === 0);
  const parts: TablePart[] = [];
  for (let from = 0; from < count;) {
    const at = offset + from * size;
    const section = parts.length < PARTS_MAX
      ? fitting.find(({ start, end }) => start <= at && at + size <= end)
      : undefined;
    if (!section) {
      const next = fitting.reduce((first, { start }) => start > at ? Math.min(first, start) : first, Infinity);
      const rest = parts.length < PARTS_MAX ? Math.min(count - from, Math.ceil((next - at) / size)) : count - from;
      parts.push({ name: tag, from, count: rest, first: from });
      from += rest;
    } else {
      const inSection = Math.min(count - from, Math.floor((section.end - at) / size));
      parts.push({ name: section.name, from, count: inSection, first: (at - section.start) / size });
      from += inSection;
    }
  }
  return parts;
}
