/**
 * The diagnostics of the built-in stages, each with what to do about it.
 *
 * @module
 */

import { type Diagnostic, type DiagnosticKind, diagnostics, type Finding } from "../diagnostics.ts";

/** The kinds, by code. */
export const LOAD_DIAGNOSTICS = {
  "segment-copied": {
    severity: "info",
    hint: "Make p_vaddr and p_offset congruent modulo 4 KiB (ld -z max-page-size=4096, without -n or -N).",
  },
  "bytes-misplaced": {
    severity: "warning",
    hint:
      "Make p_vaddr and p_offset congruent modulo 4 KiB. The default rules, if they accept the file, copy the segment.",
  },
  "pages-merged": {
    severity: "warning",
    hint: "Align the segments to 4 KiB in the linker script to keep their permissions separate.",
  },
  "page-unshared": {
    severity: "info",
    hint: "To avoid the copy, start each segment on a new page of the file (ld and lld: -z separate-code).",
  },
  "segment-type-unknown": {
    severity: "info",
    hint: "Check the PHDRS command of the linker script, or use a plugin that handles the type.",
  },
  "alignment-mismatch": {
    severity: "warning",
    hint: "Link without -n and -N, and check ALIGN(…) in the linker script.",
  },
  "tls-outside-load": {
    severity: "warning",
    hint: "Put .tdata and .tbss into a PT_LOAD segment as well: otherwise the template's bytes are not in memory.",
  },
  "entry-not-executable": {
    severity: "warning",
    hint: "Check ENTRY(…) in the linker script: the processor will fault on the first instruction.",
  },
  "physical-address-ignored": {
    severity: "info",
    hint: "Segments are placed by p_vaddr. A boot protocol that uses p_paddr would place them elsewhere.",
  },
  "relocations-unapplied": {
    severity: "warning",
    hint: "Use the plugin relocate, or link the kernel for a fixed address.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of a built-in stage. */
export const loadDiagnostic: (code: keyof typeof LOAD_DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(
  LOAD_DIAGNOSTICS,
);
