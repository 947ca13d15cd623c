/**
 * The stage find-sections: finds the chosen sections before anything is loaded, so that their bytes are kept.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import { hexAddr } from "../../core/memory/addresses.ts";
import type { Kept } from "../../core/pipeline/context.ts";
import { type ImageStage, imageStage, type Reads } from "../../core/pipeline/stage.ts";
import { type SectionHeader, SHF_ALLOC } from "./section_header.ts";
import { arrived, hasBytes, readSections, remark } from "./section_table.ts";

/** What find-sections adds beside {@linkcode Kept}. */
export interface Chosen {
  /** Headers of the sections that are to be mapped, ascending by file offset; their bytes have arrived. */
  readonly chosenSections: readonly SectionHeader[];
}

/** Which sections are chosen: those of these names, or those that this function says true of. */
export type Choice = readonly string[] | ((section: SectionHeader) => boolean);

/** What find-sections reads of the context. */
export type FindNeeds = Reads<
  "settings" | "intake" | "report" | "fileHeader" | "virtualAddressOffset" | "keepUntil?"
>;

type Needs = FindNeeds;

/** The stage find-sections. */
export type FindStage = ImageStage<"find-sections", FindNeeds, Kept & Chosen>;

/**
 * Makes the stage that finds sections.
 *
 * @param choice Which ones.
 * @returns The stage.
 */
export function findStage(choice: Choice): FindStage {
  return imageStage(
    "find-sections",
    {
      needs: ["settings", "intake", "report", "fileHeader", "virtualAddressOffset", "keepUntil?"],
      adds: ["keepUntil", "chosenSections"],
    },
    async (context) => {
      const chosen = choose(await readSections(context), choice, context);
      const chosenSections: SectionHeader[] = [];
      for (const section of chosen) if (await isUsable(section, context)) chosenSections.push(section);
      chosenSections.sort((a, b) => a.sh_offset < b.sh_offset ? -1 : a.sh_offset > b.sh_offset ? 1 : 0);
      reportOverlaps(chosenSections, context);
      const ends = chosenSections.map(({ sh_offset, sh_size }) => Number(sh_offset + sh_size));
      const keepUntil = ends.reduce((a, b) => Math.max(a, b), context.keepUntil ?? 0);
      return { keepUntil, chosenSections };
    },
  );
}

function choose(sections: readonly SectionHeader[], choice: Choice, { report }: Needs): readonly SectionHeader[] {
  if (typeof choice === "function") {
    try {
      return sections.filter((section) => choice(Object.freeze(section)));
    } catch (cause) {
      throw new LoadError("plugin-failed", { field: "plugin", value: "sections" }, { cause });
    }
  }
  const chosen = sections.filter(({ name }) => name !== "" && choice.includes(name));
  if (sections.length === 0) return chosen;
  for (const missing of choice.filter((name) => !chosen.some((section) => section.name === name))) {
    report(remark("section-missing", "info", `The file has no section ${missing}.`));
  }
  return chosen;
}

/** Whether a section has bytes in the file that are not loaded; waits for them. */
async function isUsable(section: SectionHeader, context: Needs): Promise<boolean> {
  const { sh_flags, sh_addr, sh_offset, sh_size } = section;
  const { report, virtualAddressOffset } = context;
  const who = `Section ${section.index} (${section.name})`;
  if (!hasBytes(section)) {
    report(remark("section-empty", "info", `${who} has no bytes in the file; it was not mapped.`));
    return false;
  }
  if ((sh_flags & SHF_ALLOC) !== 0n) {
    const virt = BigInt.asUintN(64, sh_addr + virtualAddressOffset);
    const message = `${who} belongs to the kernel's image, at ${hexAddr(virt)}; it was not mapped again.`;
    report(remark("section-loaded", "info", message, [virt]));
    return false;
  }
  if (await arrived(sh_offset, sh_size, context)) return true;
  const message = `${who}: sh_offset + sh_size is ${hexAddr(sh_offset + sh_size)}, ` +
    "out of the file or of the memory that may be used; it was not mapped.";
  report(remark("section-malformed", "warning", message));
  return false;
}

function reportOverlaps(ascending: readonly SectionHeader[], { report }: Needs): void {
  let last: SectionHeader | undefined;
  for (const section of ascending) {
    const lastEnd = last ? last.sh_offset + last.sh_size : 0n;
    if (last && section.sh_offset < lastEnd) {
      const message = `Sections ${last.index} (${last.name}) and ${section.index} (${section.name}) share bytes of ` +
        `the file at ${hexAddr(section.sh_offset)}; they were mapped all the same.`;
      report(remark("sections-overlap", "warning", message));
    }
    if (section.sh_offset + section.sh_size > lastEnd) last = section;
  }
}
