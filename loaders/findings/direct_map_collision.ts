/**
 * Kernels that are linked where others map all of physical memory.
 *
 * @module
 */

import { EM_X86_64, ET_EXEC } from "../../core/elf/constants.ts";
import type { FindingRule } from "../finding.ts";
import { inWords, loadsOf, named, overlap, virtualRange } from "./segments.ts";

/** The first level-4 entry of the higher half, with 4 levels of page tables. */
const ENTRY = { start: 0xffff_8000_0000_0000n, end: 0xffff_8080_0000_0000n };

/** A `PT_LOAD` in level-4 entry 256. */
export const directMapCollision: FindingRule = {
  id: "direct-map-collision",
  severity: "info",
  parts: [],
  find: ({ model }) => {
    const { e_machine, e_type } = model.elf?.fileHeader ?? {};
    if (e_machine !== EM_X86_64 || e_type !== ET_EXEC) return []; // others can be placed elsewhere
    const header = loadsOf(model).find((each) => overlap(virtualRange(each), ENTRY));
    if (!header) return [];
    const range = virtualRange(header);
    const message = `Program header ${header.index} (${inWords(range)}) lies in level-4 entry 256, the first of the ` +
      "higher half, where a map of all physical memory at 0xffff800000000000 would start as well.";
    return [{ index: header.index, message, ranges: [named(header, range), { name: "level-4 entry 256", ...ENTRY }] }];
  },
  about:
    "A PT_LOAD segment of a kernel with fixed addresses has virtual addresses from 0xffff800000000000 to 0xffff807fffffffff: level-4 entry 256.",
  why: "Many kernels map all of physical memory at 0xffff800000000000, and Limine does so for them. A kernel that is " +
    "linked there cannot have such a map at that address.",
  mend:
    "Link the kernel into the top 2 GiB, which the code model kernel is for: . = 0xffffffff80000000; or put the map " +
    "of physical memory elsewhere.",
  source: "Limine protocol, HHDM request: its base is 0xffff800000000000 with 4 levels, unless it is randomized",
};
