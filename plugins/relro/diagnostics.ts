/**
 * The diagnostics of the plugin relro.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "relro-page-shared": {
    severity: "warning",
    hint: "Align the end of the RELRO segment to a page (DATA_SEGMENT_RELRO_END in the linker script).",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
