/**
 * GRUB's rules for loading a kernel whose Multiboot header it has accepted, in their order.
 *
 * @module
 */

import type { Rule } from "../rule.ts";
import * as addresses from "./address_rules.ts";
import * as elf from "./elf_rules.ts";
import { ENTRY_ABOVE_4G, ENTRY_OUTSIDE } from "./entry_rules.ts";
import * as sections from "./section_rules.ts";
import * as segments from "./segment_rules.ts";
import { SECTION_HANGS } from "./unloading_rule.ts";
import type { GrubView } from "./view.ts";

/** The rules that both commands have. */
export const LOAD_RULES: readonly (Rule<GrubView> | readonly Rule<GrubView>[])[] = [
  elf.ELF_CLASS,
  elf.NOT_ELF,
  elf.ELF_ENCODING,
  elf.ELF_MACHINE,
  elf.ELF_TYPE,
  elf.TABLE_TOO_FAR,
  elf.ABOVE_4G,
  addresses.RELOCATABLE_RANGE,
  addresses.RELOCATABLE_MEMORY,
  [
    addresses.ADDRESSES_WRAP,
    segments.OVERLAP,
    segments.NO_MEMORY,
    segments.SIZE_WRAPS,
    segments.SEGMENT_OUTSIDE_FILE,
    segments.FILE_SIZE_LARGER,
    segments.SEGMENT_CUT,
  ],
  addresses.ADDRESSES_OUTSIDE_FILE,
  addresses.ADDRESSES_CONTRADICT,
  ENTRY_OUTSIDE,
  ENTRY_ABOVE_4G,
  sections.SECTION_TABLE_OUTSIDE,
  sections.SECTION_TABLE_CUT,
  [
    sections.RELOCATIONS,
    sections.SECTION_MEMORY,
    SECTION_HANGS,
    sections.SECTION_OUTSIDE,
    sections.SECTION_ALIGN_ZERO,
    sections.SECTION_CUT,
  ],
];
