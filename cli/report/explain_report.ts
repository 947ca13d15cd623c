/**
 * What `kload explain` prints.
 *
 * @module
 */

import type { Paint } from "../output/paint.ts";
import { listed, wrap } from "../output/text.ts";
import { labelled, sections } from "./report_parts.ts";
import type { Topic, TopicKind } from "./topics.ts";

/** The titles of the groups in the list of all codes, in their order. */
const GROUPS: Readonly<Record<TopicKind, string>> = {
  "error": "Errors of a load",
  "diagnostic": "Diagnostics of a load",
  "rule": "Rules of loaders (kload check)",
  "finding": "Findings (kload check)",
  "end": "Ends of a guest (kload run)",
  "cause": "Causes of a fault (kload run)",
  "command error": "Errors of the command line",
};

/** The narrowest column of text next to codes; on a page with less room, the text goes under its code. */
const LEAST_ROOM = 36;

/**
 * The documentation of one code.
 *
 * @param topics Its topics, at least one.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function explanation(topics: readonly Topic[], paint: Paint): string {
  return sections(topics.map((topic) => {
    const { why, words, hint, source, versions, url } = topic;
    const facts: readonly (readonly [string, string | undefined])[] = [
      ["symptom", words],
      ["why", why],
      ["what to do", hint],
      ["source", source],
      ["versions", versions],
      ["more", url],
    ];
    return [
      ...wrap(`${topic.code}: ${roleOf(topic)}`, paint.width).map(paint.title),
      ...wrap(plain(topic.about), paint.width - 2).map((line) => `  ${line}`),
      ...labelled(facts.flatMap(([label, text]) => text ? [[label, plain(text)] as const] : []), paint, [url ?? ""]),
    ];
  }));
}

/** What a topic is, in a few words. */
function roleOf({ kind, severity, plugin, loaders, outcome }: Topic): string {
  switch (kind) {
    case "error":
      return "an error of a load";
    case "command error":
      return "an error of the command line";
    case "diagnostic":
      return `a diagnostic of ${plugin === undefined ? "the loader" : `the plugin ${plugin}`} (${severity})`;
    case "finding":
      return `a finding of kload check (${severity})`;
    case "end":
      return "how a guest of kload run ended";
    case "cause":
      return "a cause in a report of kload run";
    case "rule": {
      const does = outcome === "fails" ? "fail with the file" : "refuse the file";
      const [names, verb] = [listed(loaders ?? []), loaders?.length === 1 ? does.replace(" ", "s ") : does];
      return `a rule of ${names}, which ${verb}`;
    }
  }
}

/**
 * The list of all codes.
 *
 * @param topics The topics.
 * @param paint The colors and the width.
 * @returns Lines of text, a group for each kind.
 */
export function codeList(topics: readonly Topic[], paint: Paint): string {
  return sections((Object.keys(GROUPS) as readonly TopicKind[]).map((kind) => {
    const rows = new Map<string, string>();
    for (const topic of topics) {
      if (topic.kind === kind && !rows.has(topic.code)) rows.set(topic.code, plain(topic.about));
    }
    if (rows.size === 0) return [];
    const width = Math.max(...[...rows.keys()].map(({ length }) => length));
    if (paint.width - width - 4 >= LEAST_ROOM) return [paint.title(GROUPS[kind]), ...labelled([...rows], paint)];
    const under = (text: string) => wrap(text, paint.width - 6).map((line) => `      ${line}`);
    return [paint.title(GROUPS[kind]), ...[...rows].flatMap(([code, text]) => [`  ${code}`, ...under(text)])];
  }));
}

/** Text of the documentation without its marks for code. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}
