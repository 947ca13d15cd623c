/**
 * A stack that is asked to be executable.
 *
 * @module
 */

import { PF_X, PT_GNU_STACK } from "../../core/elf/constants.ts";
import type { FindingRule } from "../finding.ts";

/** A `PT_GNU_STACK` with `PF_X`. */
export const stackExecutable: FindingRule = {
  id: "stack-executable",
  severity: "info",
  parts: [],
  find: ({ model }) => {
    const header = model.elf?.programHeaders.find(({ p_type, p_flags }) => p_type === PT_GNU_STACK && p_flags & PF_X);
    if (!header) return [];
    return [{
      index: header.index,
      message: `Program header ${header.index} (PT_GNU_STACK) asks for an executable stack.`,
    }];
  },
  about: "The PT_GNU_STACK header has PF_X.",
  why:
    "The header says how the stack has to be mapped. Few loaders of kernels read it, and a kernel hardly ever needs " +
    "code on its stack: the linker sets the flag if one object file, usually one written in assembly, does not say " +
    "that it needs none.",
  mend: 'Put .section .note.GNU-stack,"",@progbits into every assembly file, or link with -z noexecstack.',
  source: "GNU binutils, ld manual: -z execstack",
};
