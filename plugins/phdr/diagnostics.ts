/**
 * The diagnostics of the plugin phdr.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "phdr-mismatch": {
    severity: "warning",
    hint: "Use PT_PHDR PHDRS in the PHDRS command of the linker script, and do not change headers after linking.",
  },
  "phdr-outside-load": {
    severity: "warning",
    hint: "Use FILEHDR PHDRS for the first PT_LOAD in the linker script, and leave room for them (SIZEOF_HEADERS).",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
