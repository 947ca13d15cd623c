/**
 * What a load has to say about a file that it accepts.
 *
 * @module
 */

/** The diagnostics of the core, each with what it means and what to do about it. */
export const DIAGNOSTIC_HINTS = {
  "segment-copied": "Let p_vaddr and p_offset agree modulo 4 KiB (ld -z max-page-size=4096 without -n or -N).",
  "pages-merged": "Align the segments to 4 KiB in the linker script to keep their permissions apart.",
  "segment-type-unknown":
    "Nothing is known about this type: check the PHDRS command, or pass a plugin that handles it.",
  "alignment-mismatch": "Check AT(…) and ALIGN(…) in the linker script: p_vaddr and p_offset differ modulo p_align.",
  "tls-outside-load": "Put .tdata and .tbss into a PT_LOAD segment as well, or the template's bytes are not in memory.",
  "entry-not-executable": "Check ENTRY(…) in the linker script: the processor faults on its first instruction.",
  "physical-address-ignored":
    "The segments are placed by p_vaddr. A boot protocol that goes by p_paddr needs them elsewhere.",
  "relocations-unapplied": "Pass a plugin that relocates, or link the kernel for a fixed address.",
} as const;

/** The rule that a diagnostic of the core speaks for. */
export type DiagnosticRule = keyof typeof DIAGNOSTIC_HINTS;

/** One remark on a file that was accepted. */
export interface Diagnostic {
  /** The rule that speaks, in kebab-case. */
  readonly rule: string;
  /** How much it matters: a warning may keep the kernel from running. */
  readonly severity: "info" | "warning";
  /** Index of the program header that it concerns, where it concerns one. */
  readonly index?: number;
  /** The virtual addresses that it concerns; often the start of a page or segment. */
  readonly addresses: readonly bigint[];
  /** What was found. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** Takes a diagnostic as it is found. */
export type Report = (diagnostic: Diagnostic) => void;

/**
 * Makes a diagnostic of the core, with the hint of its rule.
 *
 * @param rule The rule that speaks.
 * @param about Severity, place and message.
 * @returns The diagnostic, complete.
 */
export function diagnostic(rule: DiagnosticRule, about: Omit<Diagnostic, "rule" | "hint">): Diagnostic {
  return { rule, ...about, hint: DIAGNOSTIC_HINTS[rule] };
}

/**
 * Checks a diagnostic that a stage or a plugin reports, and copies and freezes it.
 *
 * @param diagnostic What was reported.
 * @returns The same, frozen.
 * @throws {TypeError} Where a part of it is missing or of another type.
 */
export function checkDiagnostic(diagnostic: Diagnostic): Diagnostic {
  const { rule, severity, addresses, message, hint } = diagnostic ?? {};
  const texts = [rule, severity, message, hint].every((text) => typeof text === "string");
  if (!texts || !Array.isArray(addresses) || !addresses.every((address) => typeof address === "bigint")) {
    throw new TypeError("Cannot report: a diagnostic has the texts rule, severity, message and hint, and addresses");
  }
  return Object.freeze({ ...diagnostic, addresses: Object.freeze([...addresses]) });
}
