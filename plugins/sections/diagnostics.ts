/**
 * The diagnostics of the plugin sections.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "section-table-missing": {
    severity: "info",
    hint: "Do not strip the section headers from the file.",
  },
  "section-table-malformed": {
    severity: "warning",
    hint: "The file is truncated, or its header is damaged: compare with readelf -hSW.",
  },
  "section-names-malformed": {
    severity: "warning",
    hint: "The section name string table is damaged: compare with readelf -SW.",
  },
  "section-missing": {
    severity: "info",
    hint: "Compare with readelf -SW; do not strip the file (strip, ld -s).",
  },
  "section-empty": {
    severity: "info",
    hint: "Remove it from the chosen sections.",
  },
  "section-loaded": {
    severity: "info",
    hint: "Read it at that address.",
  },
  "section-malformed": {
    severity: "warning",
    hint: "The section header is damaged, or the file is truncated: compare with readelf -SW.",
  },
  "sections-overlap": {
    severity: "warning",
    hint: "The section headers are damaged: compare with readelf -SW.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
