/**
 * The plugin sections: maps sections that are not loaded, such as the symbol table, for the kernel to read (gABI,
 * "Section Header Table").
 *
 * The section header table is usually at the end of the file, so the whole file is read. Pages are mapped in place, and
 * nothing is copied: whatever else lies in the first and last page of a section can be read too.
 *
 * @module
 */

import type { SectionHeader } from "../core/elf/section_header.ts";
import { checkKeys, wrongKind } from "../core/pipeline/settings.ts";
import type { ImageStage } from "../core/pipeline/stage.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import { type Choice, chooseSections } from "./sections/choose_sections.ts";
import { type MappedSection, mapSections, type SectionPages, type Sections } from "./sections/map_sections.ts";

export type { MappedSection, SectionHeader, SectionPages, Sections };

/** Which sections to map: those with the given names, or those for which `select` returns true. */
export type SectionsOptions = {
  /** Exact names. Default: `.symtab` and `.strtab`. */
  readonly names?: readonly string[];
} | {
  /** Whether to map a section. */
  readonly select: (section: SectionHeader) => boolean;
};

/** The plugin sections. */
export type SectionsPlugin = Plugin<
  "sections",
  never,
  readonly [
    { readonly after: "sanity-check"; readonly stage: ImageStage<"find-sections", never, unknown> },
    { readonly after: "l4-usage"; readonly stage: ImageStage<"sections", never, Sections> },
  ]
>;

type Select = (section: SectionHeader) => boolean;

const DEFAULT_NAMES: readonly string[] = [".symtab", ".strtab"];

/**
 * Maps sections that are not loaded, for the kernel to read.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { sections } from "@kload/kload/plugins/sections";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [sections()] });
 * const [symbols, strings] = kernel.results.sections.mappedSections;
 * assertEquals([symbols.name, symbols.link], [".symtab", strings.index]);
 * assertEquals(kernel.read(strings.virt, strings.size)[0], 0);
 * ```
 *
 * @param options Which sections.
 * @returns The plugin. Its result has the address of each section; sections that cannot be mapped are reported.
 * @throws {TypeError} If the options are of the wrong kind, or both names and a function are given.
 */
export function sections(options: SectionsOptions = {}): SectionsPlugin {
  checkKeys(options, ["names", "select"]);
  const choose = chooseSections(choiceOf(options));
  return {
    name: "sections",
    stages: [
      { after: "sanity-check", stage: choose },
      { after: "l4-usage", stage: mapSections(choose) },
    ],
  };
}

function choiceOf({ names, select }: { names?: readonly string[]; select?: Select }): Choice {
  if (names !== undefined && select !== undefined) {
    throw new TypeError("Cannot choose sections: pass names or select, not both");
  }
  if (select !== undefined && typeof select !== "function") {
    throw wrongKind("select", select, "it must be a function");
  }
  if (select) return select;
  if (names !== undefined && !(Array.isArray(names) && names.every((name) => typeof name === "string"))) {
    throw wrongKind("names", names, "it must be an array of strings");
  }
  return [...names ?? DEFAULT_NAMES];
}
