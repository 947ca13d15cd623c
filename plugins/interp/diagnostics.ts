/**
 * The diagnostics of the plugin interp.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "user-program": {
    severity: "warning",
    hint: "Check that this is the right file. Link a kernel with -nostdlib, and with -static or -static-pie.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
