/**
 * The diagnostics of the plugin stack.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "stack-executable": {
    severity: "warning",
    hint: 'Link with -z noexecstack, and put .section .note.GNU-stack,"",@progbits into assembly files.',
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
