/**
 * The SARIF log of `kload check`, for code scanning (OASIS, "Static Analysis Results Interchange Format 2.1.0").
 *
 * @module
 */

import type { CheckReport, Finding, Verdict } from "../../loaders/check_kernel.ts";
import type { Breach, Severity } from "../../loaders/mod.ts";
import config from "../../deno.json" with { type: "json" };
import { printable } from "../output/text.ts";
import { breachText, verdictAdvice } from "./breach_text.ts";
import { areInside } from "./checked_part.ts";
import { plainValue } from "./plain_value.ts";
import { allTopics, type Topic } from "./topics.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

const LEVELS = { error: "error", warning: "warning", info: "note" } as const satisfies Record<Severity, string>;

/** The most results of a log that GitHub shows; it refuses a log with five times as many. */
const MOST_RESULTS = 5000;

/** One thing to show: a verdict or a finding. */
interface Alert {
  readonly ruleId: string;
  readonly level: "error" | "warning" | "note";
  readonly text: string;
  readonly breach: Pick<Breach, "index" | "offset">;
  readonly topic?: Topic;
  /** Whether it is about what a compressed file holds. */
  readonly inside: boolean;
  /** What only this tool has, for those who read the log by program. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * What is wrong with a file, as a SARIF log: a result for each loader that the file is meant for and that does not boot
 * it, and one for each finding.
 *
 * @param name The path or URL of the file.
 * @param report The verdicts and findings.
 * @returns The log as JSON on one line, and a line break.
 */
export function checkSarif(name: string, report: CheckReport): string {
  const topics = Map.groupBy(allTopics(), ({ code }) => code);
  const topicsOf = (code: string): readonly Topic[] => topics.get(code) ?? [];
  const refusing = report.verdicts.filter(({ intended, outcome }) => intended && outcome !== "boots");
  const shown = mostSevere(report.findings, MOST_RESULTS - refusing.length);
  const left = report.findings.length - shown.length;
  const alerts = [
    ...refusing.map((verdict) => alertOfVerdict(verdict, name, topicsOf)),
    ...shown.map((finding) => alertOfFinding(finding, areInside(report), topicsOf)),
  ];
  const rules = new Map<string, Alert>();
  for (const alert of alerts) if (!rules.has(alert.ruleId)) rules.set(alert.ruleId, alert);
  const ruleIds = [...rules.keys()];
  const log = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "kload",
          semanticVersion: config.version,
          informationUri: new URL("../../docs/check.md", import.meta.url).href,
          rules: [...rules.values()].map(ruleOf),
        },
      },
      ...(left === 0 ? {} : { invocations: [invocationThatLeftOut(left)] }),
      artifacts: [{ location: { uri: uriOf(name) } }],
      results: alerts.map((alert) => resultOf(alert, ruleIds.indexOf(alert.ruleId), uriOf(name))),
    }],
  };
  return printable(JSON.stringify(plainValue(log))) + "\n";
}

/** Findings, as they are if they are few enough; of more, those that are left have the others' order. */
function mostSevere(findings: readonly Finding[], most: number): readonly Finding[] {
  if (findings.length <= most) return findings;
  const left = new Set(
    (["error", "warning", "info"] as const)
      .flatMap((severity) => findings.filter((finding) => finding.severity === severity)).slice(0, most),
  );
  return findings.filter((finding) => left.has(finding));
}

/** A remark on the run itself, which is not a result. */
function invocationThatLeftOut(count: number): object {
  const text = `${count} of the least severe findings are left out: a log has at most ${MOST_RESULTS} results. ` +
    "kload check --json lists all of them.";
  return { executionSuccessful: true, toolExecutionNotifications: [{ level: "note", message: { text } }] };
}

/** Returns the documentation of a code. */
type TopicsOf = (code: string) => readonly Topic[];

function alertOfVerdict(
  verdict: Verdict,
  name: string,
  topicsOf: TopicsOf,
): Alert {
  const { loader, outcome, rule = outcome, words, message = "", ranges, unpacked, ...breach } = verdict;
  const { hint, command } = verdictAdvice(verdict, name);
  const head = `${loader} ${outcome === "fails" ? "fails with this file" : "refuses this file"}`;
  const quoted = words === undefined || words === message ? "" : ` (“${words}”)`;
  return {
    ruleId: rule,
    level: "error",
    text: sentences([`${head}${quoted}.`, breachText({ ...breach, message }), hint, command]),
    breach,
    topic: topicsOf(rule).find(({ kind, loaders = [] }) => kind !== "rule" || loaders.includes(loader)),
    inside: unpacked !== undefined,
    properties: { loader, outcome, words, unpacked, index: breach.index, ranges },
  };
}

function alertOfFinding(
  { rule, severity, message, hint, url: _, ranges, ...breach }: Finding,
  inside: boolean,
  topicsOf: TopicsOf,
): Alert {
  return {
    ruleId: rule,
    level: LEVELS[severity],
    text: sentences([breachText({ ...breach, message }), hint]),
    breach,
    topic: topicsOf(rule).find(({ kind }) => kind === "finding"),
    inside,
    properties: { index: breach.index, ranges },
  };
}

/** One text: the message of a load has no full stop, and needs one if a hint follows. */
function sentences(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part).join("\n").replaceAll(/([.!?;:])?\n/g, (_, mark = ".") => `${mark} `);
}

/** GitHub asks for all of these texts. */
function ruleOf({ ruleId, level, topic, text }: Alert): object {
  const { about = text, why = about, hint = why, url } = topic ?? {};
  return {
    id: ruleId,
    shortDescription: { text: about },
    fullDescription: { text: why },
    help: { text: hint },
    ...(url === undefined ? {} : { helpUri: url }),
    defaultConfiguration: { level },
  };
}

function resultOf({ ruleId, level, text, breach, inside, properties }: Alert, ruleIndex: number, uri: string): object {
  const { index, offset } = breach;
  // GitHub shows only what has a line; of a binary file, SARIF keeps lines and bytes apart.
  const region = { startLine: 1, ...(offset === undefined || inside ? {} : { byteOffset: offset }) };
  const header = index === undefined ? {} : {
    logicalLocations: [{ name: `program header ${index}`, kind: "object" }],
  };
  return {
    ruleId,
    ruleIndex,
    level,
    message: { text },
    locations: [{ physicalLocation: { artifactLocation: { uri, index: 0 }, region }, ...header }],
    // Without one, results of one rule would be taken for each other in a file that has no lines.
    partialFingerprints: { "kload/v1": [ruleId, properties.loader ?? "finding", index ?? "file"].join(":") },
    properties,
  };
}

/** A relative path as a relative reference, and an absolute one as a file URL. */
function uriOf(name: string): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(name)) return URL.parse(name)?.href ?? encodeURI(name);
  const [, drive = "", rest] = /^([a-z]:(?=[\\/]))?(.*)$/is.exec(name)!;
  const path = rest.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
  return path.startsWith("/") ? `file://${drive && `/${drive}`}${path}` : path;
}
