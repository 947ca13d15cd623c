/**
 * Everything that has a code: errors, diagnostics, findings, the rules of loaders, and how guests end and why, each with its documentation.
 *
 * @module
 */

import { ERROR_CODES, errorHint } from "../../core/errors.ts";
import type { DiagnosticKind } from "../../core/diagnostics.ts";
import { LOAD_DIAGNOSTICS } from "../../core/stages/load_diagnostics.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import { ruleUrl } from "../../loaders/check_kernel.ts";
import { FINDING_RULES } from "../../loaders/findings.ts";
import type { LoaderName, Outcome, Severity } from "../../loaders/mod.ts";
import { pluginDiagnostics } from "../../plugins/presets.ts";
import { RUN_CAUSES, RUN_ENDS, type RunCode } from "./run_causes.ts";
import { COMMAND_ERRORS, DIAGNOSTIC_CAUSES, ERROR_CAUSES } from "./code_causes.ts";

/** What a code belongs to. */
export type TopicKind = "error" | "command error" | "diagnostic" | "rule" | "finding" | "end" | "cause";

/** The documentation of one code. A code can have several, such as one as an error and one as a diagnostic. */
export interface Topic {
  /** The code. */
  readonly code: string;
  /** What it belongs to. */
  readonly kind: TopicKind;
  /** When it is reported. */
  readonly about: string;
  /** The loaders whose rule it is. */
  readonly loaders?: readonly LoaderName[];
  /** What these loaders do then. */
  readonly outcome?: Outcome;
  /** What these loaders print. */
  readonly words?: string;
  /** The plugin that reports it. */
  readonly plugin?: string;
  /** How much it matters. */
  readonly severity?: Severity;
  /** Why it matters. */
  readonly why?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Where a rule comes from. */
  readonly source?: string;
  /** The versions of the loader that have it. */
  readonly versions?: string;
  /** Where it is documented. */
  readonly url?: string;
}

/** Where errors and diagnostics are documented. */
const ERRORS_URL = new URL("../../docs/errors.md", import.meta.url).href;

/** Where the reports of `kload run` are documented. */
const RUN_URL = new URL("../../docs/json.md", import.meta.url).href;

/**
 * Lists the documentation of all codes.
 *
 * @returns The topics, by kind.
 */
export function allTopics(): readonly Topic[] {
  return [
    ...ERROR_CODES.map((code): Topic => {
      return { code, kind: "error", about: ERROR_CAUSES[code], hint: errorHint(code), url: ERRORS_URL };
    }),
    ...Object.entries(COMMAND_ERRORS).map(([code, text]): Topic => ({ code, kind: "command error", ...text })),
    ...diagnosticTopics("", LOAD_DIAGNOSTICS),
    ...Object.entries(pluginDiagnostics).flatMap(([plugin, kinds]) => diagnosticTopics(plugin, kinds)),
    ...FINDING_RULES.map(({ id, severity, about, why, mend, source }): Topic => {
      return { code: id, kind: "finding", about, severity, why, hint: mend, source, url: ruleUrl(id) };
    }),
    ...ruleTopics(),
    ...runTopics("end", RUN_ENDS),
    ...runTopics("cause", RUN_CAUSES),
  ];
}

function runTopics(kind: "end" | "cause", codes: Readonly<Record<string, RunCode>>): readonly Topic[] {
  return Object.entries(codes).map(([code, text]): Topic => ({ code, kind, ...text, url: RUN_URL }));
}

function diagnosticTopics(plugin: string, kinds: Readonly<Record<string, DiagnosticKind>>): readonly Topic[] {
  return Object.entries(kinds).map(([code, { severity, hint }]): Topic => {
    return {
      ...{ code, kind: "diagnostic", about: DIAGNOSTIC_CAUSES[code] },
      ...(plugin === "" ? {} : { plugin }),
      severity,
      ...(hint === undefined ? {} : { hint }),
      url: ERRORS_URL,
    };
  });
}

/** A rule, as the loaders have it that have the very same. */
interface SharedRule {
  readonly topic: Topic;
  /** The versions that have it, by loader. */
  readonly versions: Map<LoaderName, string>;
}

/** The rules of loaders, in the order of the loaders; those that have the very same rule share a topic. */
function ruleTopics(): readonly Topic[] {
  const shared = new Map<string, SharedRule>();
  for (const { name, versions: all, rules } of LOADERS) {
    for (const { id, outcome, words, about, why, mend, source, versions = all } of rules) {
      const texts = { outcome, ...(words === undefined ? {} : { words }), why, hint: mend, source };
      const topic: Topic = { code: id, kind: "rule", about, ...texts, url: ruleUrl(id) };
      const key = JSON.stringify(topic);
      const known = shared.get(key) ?? { topic, versions: new Map() };
      shared.set(key, known);
      known.versions.set(name, versions);
    }
  }
  const topics = [...shared.values()].map(({ topic, versions }): Topic => {
    return { ...topic, loaders: [...versions.keys()], versions: versionsText(versions) };
  });
  // Loaders come in their order, but rules of one name belong together.
  return [...Map.groupBy(topics, ({ code }) => code).values()].flat();
}

/** Versions, with the loaders that they are of if they differ. */
function versionsText(versions: ReadonlyMap<LoaderName, string>): string {
  const loaders = Map.groupBy(versions.keys(), (name) => versions.get(name)!);
  if (loaders.size === 1) return [...loaders.keys()][0];
  return [...loaders].map(([text, names]) => `${names.join(", ")}: ${text.replace(/\.$/, "")}`).join(". ");
}
