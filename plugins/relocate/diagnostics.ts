/**
 * The diagnostics of the plugin relocate.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "shared-libraries-needed": {
    severity: "warning",
    hint: "Link the kernel statically (-static-pie).",
  },
  "text-relocations": {
    severity: "warning",
    hint: "Compile the kernel as position-independent (-fPIE).",
  },
  "relocations-of-fixed-kernel": {
    severity: "info",
    hint: "If the kernel does not relocate itself, link it without a dynamic section (-static -no-pie).",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
