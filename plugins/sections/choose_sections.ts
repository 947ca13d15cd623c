/**
 * The stage find-sections: finds the chosen sections before anything is loaded, so that their bytes are kept.
 *
 * @module
 */

import { SHF_ALLOC } from "../../core/elf/constants.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import { LoadError } from "../../core/errors.ts";
import { hexAddr } from "../../core/hex.ts";
import type { Kept } from "../../core/pipeline/context.ts";
import { type ImageStage, imageStage, type Reads } from "../../core/pipeline/stage.ts";
import { diagnostic } from "./diagnostics.ts";
import { arrived, hasBytes, readSections } from "./section_table.ts";

/** The most characters of a name to show in a message. */
const NAME_SHOWN = 64;

/** What find-sections adds besides {@linkcode Kept}. */
export interface Chosen {
  /** Headers of the sections to map, ascending by file offset; their bytes have arrived. */
  readonly chosenSections: readonly SectionHeader[];
}

/** Which sections to choose: those with these names, or those for which the function returns true. */
export type Choice = readonly string[] | ((section: SectionHeader) => boolean);

type Needs = Reads<"settings" | "intake" | "pause" | "report" | "fileHeader" | "virtualAddressOffset" | "keepUntil?">;

/** The stage that chooses sections. */
export type ChooseStage = ImageStage<
  "find-sections",
  Reads<"settings" | "intake" | "pause" | "report" | "fileHeader" | "virtualAddressOffset" | "keepUntil?">,
  Kept & Chosen
>;

/**
 * Creates the stage that finds sections and waits for their bytes.
 *
 * @param choice Which sections.
 * @returns The stage.
 */
export function chooseSections(choice: Choice): ChooseStage {
  return imageStage(
    "find-sections",
    {
      needs: ["settings", "intake", "pause", "report", "fileHeader", "virtualAddressOffset", "keepUntil?"],
      adds: ["keepUntil", "chosenSections"],
    },
    async (context) => {
      const chosen = choose(await readSections(context), choice, context);
      const chosenSections: SectionHeader[] = [];
      for (const section of chosen) {
        if (await isUsable(section, context)) chosenSections.push(section);
        const pausing = context.pause();
        if (pausing) await pausing;
      }
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
    report(diagnostic("section-missing", { message: `The file has no section ${missing}.` }));
  }
  return chosen;
}

/** Whether a section has bytes in the file that are not part of the kernel's image; waits for them. */
async function isUsable(section: SectionHeader, context: Needs): Promise<boolean> {
  const { sh_flags, sh_addr, sh_offset, sh_size } = section;
  const { report, virtualAddressOffset } = context;
  const who = `Section ${describe(section)}`;
  if (!hasBytes(section)) {
    report(diagnostic("section-empty", { message: `${who} has no bytes in the file; it was not mapped.` }));
    return false;
  }
  if ((sh_flags & SHF_ALLOC) !== 0n) {
    const virt = BigInt.asUintN(64, sh_addr + virtualAddressOffset);
    const message = `${who} is part of the kernel's image, at ${hexAddr(virt)}; it was not mapped again.`;
    report(diagnostic("section-loaded", { addresses: [virt], message }));
    return false;
  }
  if (await arrived(sh_offset, sh_size, context)) return true;
  const message = `${who}: sh_offset + sh_size is ${hexAddr(sh_offset + sh_size)}, ` +
    "past the end of the file or of the usable memory; it was not mapped.";
  report(diagnostic("section-malformed", { message }));
  return false;
}

function describe({ index, name }: SectionHeader): string {
  const shown = name.length <= NAME_SHOWN ? name : `${name.slice(0, NAME_SHOWN)}…`;
  return name === "" ? `${index}` : `${index} (${shown})`;
}

function reportOverlaps(ascending: readonly SectionHeader[], { report }: Needs): void {
  let last: SectionHeader | undefined;
  for (const section of ascending) {
    const lastEnd = last ? last.sh_offset + last.sh_size : 0n;
    if (last && section.sh_offset < lastEnd) {
      const message = `Sections ${describe(last)} and ${describe(section)} share bytes of the file at ` +
        `${hexAddr(section.sh_offset)}; both were mapped.`;
      report(diagnostic("sections-overlap", { message }));
    }
    if (section.sh_offset + section.sh_size > lastEnd) last = section;
  }
}
