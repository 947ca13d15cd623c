/**
 * The report of `kload check` for people.
 *
 * @module
 */

import type { CheckReport, Finding, Verdict } from "../../loaders/check_kernel.ts";
import type { Breach, Severity } from "../../loaders/mod.ts";
import type { Paint } from "../output/paint.ts";
import { table } from "../output/table.ts";
import { count, grouped, hex, listed, printable, wrap } from "../output/text.ts";
import { breachText, verdictAdvice } from "./breach_text.ts";
import { areInside } from "./checked_part.ts";
import type { FailOn } from "./check_status.ts";
import { protocolFacts } from "./file_facts.ts";
import { rangePicture } from "./range_picture.ts";
import { headline, labelled, remarkLines, sections } from "./report_parts.ts";

/** What a report needs besides the verdicts and findings. */
export interface CheckedAs {
  /** The name of the file. */
  readonly name: string;
  /** Whether to say more: about the other loaders, and findings of severity info. */
  readonly verbose: boolean;
  /** The findings that make the exit status 1. */
  readonly failOn: FailOn;
}

/** The most findings to show; `--json` lists them all. */
const MOST_FINDINGS = 20;

/** The rule about files that are not kernels at all, which is reported first. */
const USER_PROGRAM = "user-program";

/** Findings that are the reason for all else, in a few words. */
const HEADLINES: Readonly<Record<string, string>> = {
  [USER_PROGRAM]: "a user program",
  "header-too-far": "its Multiboot header lies where no loader looks",
  "multiboot-header-invalid": "its Multiboot header is not valid",
};

const SEVERITIES: readonly Severity[] = ["error", "warning", "info"];

/**
 * The report on what loaders will do with a file: the verdict first, then a line for each loader, the reasons of those
 * that the file is meant for, and the findings; those of severity error come before all verdicts.
 *
 * @param report The verdicts and findings.
 * @param checked What the report needs besides them.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function checkReport(report: CheckReport, checked: CheckedAs, paint: Paint): string {
  const { verdicts, findings } = report;
  const { verbose } = checked;
  const first = [
    ...findings.filter(({ rule }) => rule === USER_PROGRAM),
    ...findings.filter(({ severity }) => severity === "error"),
  ].slice(0, MOST_FINDINGS);
  const others = findings.filter((finding) => !first.includes(finding));
  const reasons = reasonsOf(verdicts.filter(({ intended }) => intended || verbose));
  return sections([
    [
      ...headline(checked.name, headlineFacts(report, checked), paint),
      ...labelled(factsOf(report), paint),
    ],
    first.flatMap((finding) => findingLines(finding, areInside(report), paint)),
    verdicts.length === 0 ? [] : isForNone(report) && !verbose
      ? [
        paint.title("Loaders"),
        `  not a kernel for ${verdicts.length > 1 ? "any of these loaders (-v lists them)" : verdicts[0].loader}`,
      ]
      : [paint.title("Loaders"), ...verdictTable(verdicts, paint)],
    ...reasons.map((reason) => reasonLines(reason, checked.name, paint)),
    findingsSection(others, MOST_FINDINGS - first.length, areInside(report), verbose, paint),
    seeAlso(report, verbose, paint),
  ]);
}

function headlineFacts({ verdicts, findings }: CheckReport, { failOn }: CheckedAs): readonly string[] {
  const intended = verdicts.filter((verdict) => verdict.intended);
  const namesOf = (outcome: Verdict["outcome"]): readonly string[] =>
    intended.filter((verdict) => verdict.outcome === outcome).map(({ loader }) => loader);
  const clause = (names: readonly string[], one: string, several: string): readonly string[] =>
    names.length === 0 ? [] : [`${listed(names)} ${names.length === 1 ? one : several}`];
  const counts = (["error", "warning"] as const).flatMap((severity) => {
    const found = findings.filter((finding) => finding.severity === severity).length;
    return found === 0 ? [] : [count(found, severity)];
  });
  const onlyWarnings = failOn === "warning" && namesOf("boots").length === intended.length &&
    !findings.some(({ severity }) => severity === "error") && counts.length > 0;
  return [
    ...new Set(findings.map(headlineWords).filter((words) => words !== undefined)),
    ...clause(namesOf("refuses"), "refuses it", "refuse it"),
    ...clause(namesOf("fails"), "fails with it", "fail with it"),
    ...clause(namesOf("boots"), "loads and enters it", "load and enter it"),
    ...(counts.length === 0 && namesOf("boots").length === intended.length ? ["no errors or warnings"] : counts),
    ...(onlyWarnings ? ["exit status 1 because of --fail-on warning"] : []),
  ];
}

function headlineWords({ rule, message }: Finding): string | undefined {
  return rule === USER_PROGRAM && message.startsWith("A shared library") ? "a shared library" : HEADLINES[rule];
}

/** What the file is: its format unless that is the usual one, its contents, and its boot protocols. */
function factsOf({ format, description, inside, protocols }: CheckReport): readonly (readonly [string, string])[] {
  const all = [...protocols, ...inside?.protocols ?? []];
  return [
    ...(format === "elf" ? [] : [["file", printable(description)] as const]),
    ...(inside === undefined ? [] : [["contents", printable(inside.description)] as const]),
    ...(all.length === 0 ? [["boot protocol", "none recognized"] as const] : protocolFacts(all)),
  ];
}

/** Whether a file is no kernel for all that is known: it is not ELF, does not hold it, and every loader refuses it. */
function isForNone({ format, inside, protocols, verdicts }: CheckReport): boolean {
  return format !== "elf" && inside === undefined && protocols.length === 0 &&
    verdicts.every(({ outcome }) => outcome === "refuses");
}

function verdictTable(verdicts: readonly Verdict[], paint: Paint): readonly string[] {
  return table(["loader", "intended", "verdict"], verdicts, (verdict) => {
    return { cells: [verdict.loader, verdict.intended ? "yes" : "-", shortened(printable(verdictText(verdict)))] };
  }, paint);
}

/** The most characters of a verdict in the table; the reasons have the loader's words whole. */
const MOST_WORDS = 100;

function shortened(text: string): string {
  return text.length <= MOST_WORDS ? text : `${text.slice(0, MOST_WORDS - 1).trimEnd()}…`;
}

/**
 * A verdict in a few words.
 *
 * @param verdict The verdict.
 * @returns "loads and enters it", or "refuses" or "fails" with what the loader prints or, if that is nothing, the rule.
 */
export function verdictText(
  { outcome, words, rule, unpacked }: Pick<Verdict, "outcome" | "words" | "rule" | "unpacked">,
): string {
  if (outcome === "boots") return unpacked ? "unpacks it, loads and enters its contents" : "loads and enters it";
  const why = words ?? rule;
  return why === undefined ? outcome : `${outcome}: ${why}`;
}

/** Why some loaders do not boot a file; those with the same reason share one. */
interface Reason {
  readonly verdict: Verdict;
  readonly loaders: string[];
}

function reasonsOf(verdicts: readonly Verdict[]): readonly Reason[] {
  const reasons = new Map<string, Reason>();
  for (const verdict of verdicts) {
    if (verdict.outcome === "boots") continue;
    const { outcome, rule, words, index, offset, message, hint, command, unpacked } = verdict;
    const key = JSON.stringify([outcome, rule, words, index, offset, message, hint, command, unpacked]);
    const known = reasons.get(key);
    if (known) known.loaders.push(verdict.loader);
    else reasons.set(key, { verdict, loaders: [verdict.loader] });
  }
  return [...reasons.values()];
}

function reasonLines({ verdict, loaders }: Reason, name: string, paint: Paint): readonly string[] {
  const { outcome, rule, message = "" } = verdict;
  const verb = loaders.length > 1 ? outcome.replace(/s$/, "") : outcome;
  const title = `Why ${listed(loaders)} ${verb}${outcome === "refuses" ? " it" : ""}`;
  const { hint, command } = verdictAdvice(verdict, name);
  return [
    ...wrap(title, paint.width).map(paint.title),
    ...breachLines(
      `error[${rule ?? outcome}]:`,
      { ...verdict, message, hint },
      verdict.unpacked !== undefined,
      paint,
      paint.error,
    ),
    ...(command === undefined ? [] : [`      ${printable(command)}`]),
  ];
}

function findingsSection(
  findings: readonly Finding[],
  most: number,
  inside: boolean,
  verbose: boolean,
  paint: Paint,
): readonly string[] {
  const wanted = SEVERITIES.filter((severity) => verbose || severity !== "info")
    .flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  const shown = wanted.slice(0, most);
  const left = wanted.length - shown.length;
  const hidden = findings.length - wanted.length;
  const hiddenRules = [...new Set(findings.filter((finding) => !wanted.includes(finding)).map(({ rule }) => rule))];
  const note = `${count(hidden, "finding")} of severity info (${hiddenRules.join(", ")}) hidden; -v shows ` +
    (hidden === 1 ? "it" : "them");
  return [
    ...(shown.length === 0 ? [] : [paint.title("Findings")]),
    ...shown.flatMap((finding) => findingLines(finding, inside, paint)),
    ...(left > 0 ? [paint.faint(`  ... and ${grouped(left)} more (--json lists all)`)] : []),
    ...(hidden > 0 ? wrap(note, paint.width - 2).map((line) => paint.faint(`  ${line}`)) : []),
  ];
}

function findingLines(finding: Finding, inside: boolean, paint: Paint): readonly string[] {
  const { severity, rule } = finding;
  const color = { error: paint.error, warning: paint.warning, info: paint.label }[severity];
  return breachLines(`${severity}[${rule}]:`, finding, inside, paint, color);
}

/** A label with what was found, what the loader prints, where, a picture, and what to do. */
function breachLines(
  label: string,
  { index, offset, message, words, hint, ranges }: Breach,
  inside: boolean,
  paint: Paint,
  color: (text: string) => string,
): readonly string[] {
  const where = [
    ...(index === undefined ? [] : [`program header ${index}`]),
    ...(offset === undefined ? [] : [inside ? `offset ${hex(offset)} of the contents` : `file offset ${hex(offset)}`]),
  ];
  const indented = (text: string): readonly string[] => wrap(text, paint.width - 4).map((line) => `    ${line}`);
  return [
    ...remarkLines(label, breachText({ index, message }), undefined, paint, color),
    ...(words === undefined || words === message ? [] : indented(`symptom: ${printable(words)}`)),
    ...(where.length === 0 ? [] : indented(`where: ${where.join(", ")}`)),
    ...(ranges ? rangePicture(ranges, 4, paint) : []),
    ...(hint ? indented(`hint: ${printable(hint)}`).map(paint.faint) : []),
  ];
}

/** The command that says more about what is shown. */
function seeAlso({ verdicts, findings }: CheckReport, verbose: boolean, paint: Paint): readonly string[] {
  const shown = [
    ...verdicts.filter(({ intended, outcome }) => (intended || verbose) && outcome !== "boots"),
    ...findings.filter(({ severity }) => verbose || severity !== "info"),
  ];
  const rules = [...new Set(shown.map(({ rule }) => rule).filter((rule) => rule !== undefined))];
  if (rules.length === 0) return [];
  return [`  ${paint.faint("more:")} kload explain ${rules.length === 1 ? rules[0] : "CODE"}`];
}
