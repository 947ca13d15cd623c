/**
 * Turns diagnostics into remarks of a report. Repeated diagnostics become one remark that names all their program
 * headers.
 *
 * @module
 */

import type { Diagnostic } from "../../mod.ts";
import type { Output } from "../output/output.ts";
import type { Paint } from "../output/paint.ts";
import { count, grouped, indexRanges, listed } from "../output/text.ts";
import { headline, remarkLines, sections } from "./report_parts.ts";

/** The most remarks to show; JSON lists them all. */
const MOST_REMARKS = 20;

/** Remarks that need no mention unless asked for: every kernel whose linker script uses AT() has them. */
const UNREMARKABLE: readonly string[] = ["physical-address-ignored"];

/** The command that lists all remarks on a load, if the one at hand may not. */
export const LOAD_LISTING = "kload load --json";

/** Diagnostics that differ only in their program header. */
interface Remark extends Pick<Diagnostic, "code" | "severity" | "message" | "hint"> {
  /** Indices of the program headers, ascending; may be empty. */
  readonly indices: readonly number[];
}

/**
 * Summarizes diagnostics for a verdict.
 *
 * @param diagnostics The diagnostics.
 * @returns Such as ["2 warnings"]; empty without warnings.
 */
export function warningCount(diagnostics: readonly Diagnostic[]): readonly string[] {
  const warnings = remarksOf(diagnostics).filter(({ severity }) => severity === "warning");
  return warnings.length === 0 ? [] : [count(warnings.length, "warning")];
}

/**
 * The exit status that follows from diagnostics.
 *
 * @param diagnostics What was reported about the file.
 * @param strict Whether a warning makes it 1.
 * @returns 0 or 1.
 */
export function strictStatus(diagnostics: readonly Diagnostic[], strict: boolean): number {
  return strict && diagnostics.some(({ severity }) => severity === "warning") ? 1 : 0;
}

/**
 * Lays out the diagnostics to show, and counts the hidden ones.
 *
 * @param diagnostics The diagnostics.
 * @param paint The colors and the width.
 * @param verbose Whether to show those of severity "info" too.
 * @param listing The flag or the command that lists them all.
 * @returns The lines; none without diagnostics.
 */
export function diagnosticLines(
  diagnostics: readonly Diagnostic[],
  paint: Paint,
  verbose: boolean = true,
  listing: string = "--json",
): readonly string[] {
  const remarks = remarksOf(diagnostics);
  const wanted = remarks.filter(({ severity }) => verbose || severity === "warning");
  const shown = wanted.slice(0, MOST_REMARKS);
  const hidden = remarks.filter((remark) => !wanted.includes(remark) && !UNREMARKABLE.includes(remark.code)).length;
  return [
    ...shown.flatMap((remark) => {
      const { code, severity, hint } = remark;
      const color = severity === "warning" ? paint.warning : paint.label;
      return remarkLines(`${severity}[${code}]:`, textOf(remark), hint, paint, color);
    }),
    ...(wanted.length > shown.length
      ? [paint.faint(`  ... and ${grouped(wanted.length - shown.length)} more (${listing} lists all)`)]
      : []),
    ...(hidden === 0 ? [] : [
      paint.faint(
        `  ${count(hidden, "remark")} of severity info hidden; -v shows ${hidden === 1 ? "it" : "them"}`,
      ),
    ]),
  ];
}

/**
 * The section of a report that shows diagnostics.
 *
 * @param diagnostics The diagnostics.
 * @param paint The colors and the width.
 * @param verbose Whether to show those of severity "info" too.
 * @param listing The flag or the command that lists them all.
 * @returns The lines, under a title if diagnostics are shown; none without diagnostics.
 */
export function diagnosticsSection(
  diagnostics: readonly Diagnostic[],
  paint: Paint,
  verbose: boolean,
  listing?: string,
): readonly string[] {
  const lines = diagnosticLines(diagnostics, paint, verbose, listing);
  const isShown = verbose || diagnostics.some(({ severity }) => severity === "warning");
  return lines.length > 0 && isShown ? [paint.title("Diagnostics"), ...lines] : lines;
}

/**
 * The report on a load that shows nothing but diagnostics, on standard error, for commands without --json.
 *
 * @param name What to call the file.
 * @param diagnostics The diagnostics.
 * @param consequence What follows from them, if anything does.
 * @param output Whether to show those of severity "info" too, and the colors and the width of standard error.
 * @returns The text; none if no diagnostic is to be shown.
 */
export function diagnosticsReport(
  name: string,
  diagnostics: readonly Diagnostic[],
  consequence: readonly string[],
  { paintError, verbose }: Pick<Output, "paintError" | "verbose">,
): string {
  if (!diagnostics.some(({ severity }) => verbose || severity === "warning")) return "";
  const about = diagnostics.some(({ code }) => code === "user-program") ? ["a user program"] : [];
  const verdict = [...about, "loads", ...warningCount(diagnostics), ...consequence];
  return sections([
    headline(name, verdict, paintError),
    diagnosticsSection(diagnostics, paintError, verbose, LOAD_LISTING),
  ]);
}

function remarksOf(diagnostics: readonly Diagnostic[]): readonly Remark[] {
  const remarks = new Map<string, { readonly remark: Omit<Remark, "indices">; readonly indices: Set<number> }>();
  for (const { code, severity, message, hint, index } of diagnostics) {
    const remark = { code, severity, message, ...(hint === undefined ? {} : { hint }) };
    const key = JSON.stringify(remark);
    const known = remarks.get(key) ?? { remark, indices: new Set() };
    if (index !== undefined) known.indices.add(index);
    remarks.set(key, known);
  }
  return Array.from(remarks.values(), ({ remark, indices }) => {
    return { ...remark, indices: [...indices].sort((one, other) => one - other) };
  });
}

function textOf({ indices, message }: Remark): string {
  if (indices.length === 0) return message;
  const headers = listed(indices.length === 2 ? indices.map(String) : indexRanges(indices));
  return `Program header${indices.length === 1 ? "" : "s"} ${headers}: ${message}`;
}
