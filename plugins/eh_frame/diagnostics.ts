/**
 * The diagnostics of the plugin eh-frame.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../../core/diagnostics.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "eh-frame-malformed": {
    severity: "warning",
    hint:
      "Keep .eh_frame_hdr and .eh_frame in a PT_LOAD segment, and let the linker generate .eh_frame_hdr (--eh-frame-hdr).",
  },
  "eh-frame-encoding": {
    severity: "info",
    hint: "Let the linker generate .eh_frame_hdr (--eh-frame-hdr): its encodings (0x1b, 0x03 and 0x3b) are supported.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);
