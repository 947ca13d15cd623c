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
    hint: "Let p_vaddr and p_offset agree modulo 4 KiB (ld -z max-page-size=4096 without -n or -N).",
  },
  "bytes-misplaced": {
    severity: "warning",
    hint: "Let p_vaddr and p_offset agree modulo 4 KiB. The default rules, if they accept the file, copy the segment.",
  },
  "pages-merged": {
    severity: "warning",
    hint: "Align the segments to 4 KiB in the linker script to keep their permissions apart.",
  },
  "page-unshared": {
    severity: "info",
    hint: "To load without the copy, let each segment start on a page of the file (ld and lld: -z separate-code).",
  },
  "segment-type-unknown": {
    severity: "info",
    hint: "Check the PHDRS command of the linker script, or pass a plugin that handles the type.",
  },
  "alignment-mismatch": {
    severity: "warning",
    hint: "Check AT(…) and ALIGN(…) in the linker script: p_vaddr and p_offset differ modulo p_align.",
  },
  "tls-outside-load": {
    severity: "warning",
    hint: "Put .tdata and .tbss into a PT_LOAD segment as well, or the template's bytes are not in memory.",
  },
  "entry-not-executable": {
    severity: "warning",
    hint: "Check ENTRY(…) in the linker script: the processor faults on its first instruction.",
  },
  "physical-address-ignored": {
    severity: "info",
    hint: "The segments are placed by p_vaddr. A boot protocol that goes by p_paddr needs them elsewhere.",
  },
  "relocations-unapplied": {
    severity: "warning",
    hint: "Pass a plugin that relocates, or link the kernel for a fixed address.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of a built-in stage. */
export const loadDiagnostic: (code: keyof typeof LOAD_DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(
  LOAD_DIAGNOSTICS,
);
