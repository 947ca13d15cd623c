/**
 * Diagnostics: what a load reports about a file, apart from errors.
 *
 * @module
 */

/** Something worth knowing about a file. */
export interface Diagnostic {
  /** What was found: one of the codes of the stage or plugin that reports it, in kebab-case. */
  readonly code: string;
  /** "warning": the kernel may not run as intended. "info": no action is needed. */
  readonly severity: "info" | "warning";
  /** Index of the program header that it is about, if any. */
  readonly index?: number;
  /** The virtual addresses that it is about, often the starts of pages or segments; may be empty. */
  readonly addresses: readonly bigint[];
  /** What was found and what follows from it, without naming the program header of `index`. */
  readonly message: string;
  /** What to do about it, if anything. */
  readonly hint?: string;
}

/** Takes a diagnostic as it is found. */
export type Report = (diagnostic: Diagnostic) => void;

/** What all diagnostics with the same code have in common. */
export interface DiagnosticKind {
  /** How much it matters. */
  readonly severity: Diagnostic["severity"];
  /** What to do about it, if anything. */
  readonly hint?: string;
}

/** What differs between diagnostics with the same code; `hint` replaces the code's own. */
export type Finding = Pick<Diagnostic, "index" | "message"> & Partial<Pick<Diagnostic, "addresses" | "hint">>;

/**
 * Declares the diagnostics of a stage or plugin: each code once, with its severity and hint.
 *
 * @example
 * ```ts
 * import { diagnostics } from "@kload/kload/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const diagnostic = diagnostics({ "text-writable": { severity: "warning", hint: "Drop PF_W from the text segment." } });
 * assertEquals(diagnostic("text-writable", { index: 0, message: "It is both writable and executable." }), {
 *   code: "text-writable",
 *   severity: "warning",
 *   index: 0,
 *   addresses: [],
 *   message: "It is both writable and executable.",
 *   hint: "Drop PF_W from the text segment.",
 * });
 * ```
 *
 * @param kinds The kinds by their codes, in kebab-case.
 * @returns A function that turns a code and a finding into a diagnostic; a hint in the finding replaces the code's.
 */
export function diagnostics<Code extends string>(
  kinds: Readonly<Record<Code, DiagnosticKind>>,
): (
  code: Code,
  finding: Pick<Diagnostic, "index" | "message"> & Partial<Pick<Diagnostic, "addresses" | "hint">>,
) => Diagnostic {
  return (code, { index, addresses = [], message, hint = kinds[code].hint }) => ({
    code,
    severity: kinds[code].severity,
    ...(index === undefined ? {} : { index }),
    addresses,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * Checks a diagnostic that a stage or plugin reports, then copies and freezes it.
 *
 * @param diagnostic The diagnostic.
 * @returns A frozen copy.
 * @throws {TypeError} If a part of it is missing or of the wrong type.
 */
export function checkDiagnostic(diagnostic: Diagnostic): Diagnostic {
  const { code, severity, addresses, message, hint = "" } = diagnostic ?? {};
  const texts = [code, severity, message, hint].every((text) => typeof text === "string");
  if (!texts || !Array.isArray(addresses) || !addresses.every((address) => typeof address === "bigint")) {
    throw new TypeError(
      "Cannot report: a diagnostic needs the strings code, severity and message, and an array of bigint addresses",
    );
  }
  return Object.freeze({ ...diagnostic, addresses: Object.freeze([...addresses]) });
}
