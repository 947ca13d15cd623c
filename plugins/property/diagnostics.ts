/**
 * The diagnostics of the plugin property.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "property-malformed": {
    severity: "warning",
    hint: "Let the linker generate .note.gnu.property, and give it its own segment in the PHDRS command.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
