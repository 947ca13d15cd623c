/**
 * The diagnostics of the plugin openbsd.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "openbsd-range-not-loaded": {
    severity: "warning",
    hint: "Put the section into a PT_LOAD segment as well (PHDRS in the linker script).",
  },
  "openbsd-bootdata-empty": {
    severity: "info",
    hint: "Write the boot data there before the kernel runs, if it expects any.",
  },
  "openbsd-wx-needed": {
    severity: "info",
    hint: "Link without -z wxneeded unless the kernel writes code at run time.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
