/**
 * GRUB's hang on a kernel that it refuses for one of its last sections.
 *
 * @module
 */

import type { Rule } from "../rule.ts";
import * as sections from "./section_rules.ts";
import { hangsOnUnloading } from "./unloading.ts";
import type { GrubView } from "./view.ts";

/** What GRUB finds out of a section when it has reserved memory for it. */
const REFUSALS = [sections.SECTION_OUTSIDE, sections.SECTION_CUT].filter(({ outcome }) => outcome === "refuses");

/** The memory of the sections before is given back, in a way that damages the heap. */
export const SECTION_HANGS: Rule<GrubView> = {
  id: "section-refusal-hangs",
  outcome: "fails",
  broken: (view) => {
    const [breach] = REFUSALS.flatMap((rule) => rule.broken(view) ?? [])
      .sort(({ offset: a = 0 }, { offset: b = 0 }) => a - b);
    if (!breach) return undefined;
    const { words: _, ...place } = breach;
    const refused = view.sections.find(({ at }) => at === breach.offset)?.index ?? -1;
    const loading = view.loading();
    const reserved = loading.sections.filter(({ index }) => index <= refused);
    if (!hangsOnUnloading({ ...loading, sections: reserved })) return undefined;
    const message = `${breach.message} GRUB does not come to say so: it hangs as it gives back the memory of what it ` +
      "has loaded of the kernel.";
    return { ...place, message };
  },
  about:
    "The bytes of a section are not all in the file, and one of the sections that GRUB has loaded by then starts " +
    "right after another part, within 16 bytes.",
  why: "GRUB gives back the memory of what it has loaded, and damages its heap if two parts have shared one of its " +
    "units of 16 bytes.",
  mend:
    "Copy or build the file again: it is shorter than its section table says. A stripped copy has no such sections: " +
    "objcopy --strip-all kernel.elf boot.elf",
  source: "GRUB 2.06, as measured; grub-core/lib/relocator.c, grub_relocator_unload",
};
