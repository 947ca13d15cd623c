/**
 * Segments that are both writable and executable.
 *
 * @module
 */

import { PF_W, PF_X } from "../../core/elf/constants.ts";
import type { FindingRule } from "../finding.ts";
import { inWords, loadsOf, virtualRange } from "./segments.ts";

/** A `PT_LOAD` with `PF_W` and `PF_X`. */
export const rwxLoad: FindingRule = {
  id: "rwx-load",
  severity: "warning",
  parts: [],
  find: ({ model }) =>
    loadsOf(model).filter(({ p_flags }) => (p_flags & (PF_W | PF_X)) === (PF_W | PF_X)).map((header) => ({
      index: header.index,
      message: `Program header ${header.index} (${inWords(virtualRange(header))}) is both writable and executable: ` +
        "a stray write there can change code, and data can be run.",
    })),
  about: "A PT_LOAD segment has both PF_W and PF_X.",
  why: "No page needs both. Loaders that honor p_flags map such a segment writable and executable, so that one wrong " +
    "write changes the kernel's code, and what an attacker writes can be run. Linkers make such segments if a script " +
    "puts code and data into one of them, or with -N.",
  mend:
    "Give code and data segments of their own: PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); } in the linker " +
    "script, each starting on a new page, and no -N (--omagic).",
  source: 'gABI, "Program Header": p_flags',
};
