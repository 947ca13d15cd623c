/**
 * Writes docs/rules/: a page for each rule of a loader and each finding, and an index, from the tables in loaders/.
 *
 * Run it after changing one of them:
 *
 *     deno task rules
 */

import { allTopics, type Topic } from "../cli/report/topics.ts";
import { LOADERS } from "../loaders/all_loaders.ts";

const ROOT = new URL("../", import.meta.url);

/**
 * Composes the pages, not yet formatted.
 *
 * @param topics The documentation of all codes.
 * @returns The text of each file by its name in docs/rules.
 */
export function rulePages(topics: readonly Topic[] = allTopics()): ReadonlyMap<string, string> {
  const codesOfRules = new Set(
    topics.filter(({ kind }) => kind === "rule" || kind === "finding").map(({ code }) => code),
  );
  // A code can also be that of an error or a diagnostic: kload's own form of the rule.
  const byCode = Map.groupBy(topics.filter(({ code }) => codesOfRules.has(code)), ({ code }) => code);
  const codes = [...byCode.keys()].sort();
  return new Map([
    ["README.md", indexPage(codes.map((code) => byCode.get(code)!))],
    ...codes.map((code): [string, string] => [`${code}.md`, page(code, byCode.get(code)!)]),
  ]);
}

function indexPage(rules: readonly (readonly Topic[])[]): string {
  const rows = rules.map((topics) => {
    const [{ code }] = topics;
    const { about } = topics.find(({ kind }) => kind === "rule" || kind === "finding") ?? topics[0];
    return `| [\`${code}\`](${code}.md) | ${topics.map(whose).join(", ")} | ${cell(about)} |`;
  });
  return `# Rules

What \`kload check\` judges by: the rules of each loader, and findings, which can be about any file. kload itself and
rust-osdev/bootloader are judged by a load, whose codes are in [errors and diagnostics](../errors.md); a code that is a
rule of another loader too also has a page here. \`kload explain\` prints the same. The pages are generated from the
tables in [loaders/](../../loaders).

| rule | of | when a file breaks it |
| --- | --- | --- |
${rows.join("\n")}
`;
}

/** Who has a rule, for the index. */
function whose({ kind, loaders, severity }: Topic): string {
  if (kind === "error" || kind === "diagnostic") return `kload's own ${kind}`;
  return loaders ? loaders.map((name) => `\`${name}\``).join(", ") : `finding (${severity})`;
}

function page(code: string, topics: readonly Topic[]): string {
  return `# ${code}\n\n${topics.map(section).join("\n")}`;
}

function section(topic: Topic): string {
  const { kind, about, loaders, words, why, hint, source, versions } = topic;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Loaders", loaders?.map((name) => `\`${name}\` (${titleOf(name)})`).join(", ")],
    ["Symptom", words && code(words)],
    ["Why", why && escaped(why)],
    ["What to do", hint && escaped(hint)],
    ["Source", source && escaped(source)],
    ["Versions", versions && escaped(versions)],
    ["More", kind === "error" || kind === "diagnostic" ? "[errors and diagnostics](../errors.md)" : undefined],
  ];
  const list = facts.flatMap(([label, text]) => text === undefined || text === "" ? [] : [`- **${label}:** ${text}\n`]);
  return `## ${headingOf(topic)}\n\n${escaped(about)}\n\n${list.join("")}`;
}

function headingOf({ kind, loaders = [], outcome, severity, plugin }: Topic): string {
  if (kind === "error") return "An error of kload's own";
  if (kind === "diagnostic") return `A diagnostic of kload's own (${plugin ? `plugin ${plugin}, ` : ""}${severity})`;
  if (severity) return `Finding of severity ${severity}`;
  const [first = "", ...more] = loaders;
  const names = more.length === 0 ? first : `${[first, ...more.slice(0, -1)].join(", ")} and ${more.at(-1)}`;
  return `${names} ${more.length === 0 ? outcome : outcome?.replace(/s$/, "")}`;
}

function titleOf(name: string): string {
  return LOADERS.find((loader) => loader.name === name)?.title ?? name;
}

/** A code span; one with a backtick in it needs two around it. */
function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** Prose in which only its code spans are markup. */
function escaped(text: string): string {
  return text.split(/(`[^`]*`)/).map((part, at) => at % 2 === 1 ? part : part.replaceAll(/[*<[\]\\]/g, "\\$&")).join(
    "",
  );
}

function cell(text: string): string {
  return escaped(text).replaceAll("|", "\\|");
}

/**
 * Writes the pages into a folder and formats them; pages of rules that no longer exist are removed.
 *
 * @param folder The folder, with a slash at its end.
 */
export async function writeRulePages(folder: URL): Promise<void> {
  const pages = rulePages();
  await Deno.mkdir(folder, { recursive: true });
  for (const { name } of Deno.readDirSync(folder)) if (!pages.has(name)) await Deno.remove(new URL(name, folder));
  for (const [name, text] of pages) await Deno.writeTextFile(new URL(name, folder), text);
  const config = new URL("deno.json", ROOT).pathname;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--config", decodeURIComponent(config), "."],
    cwd: folder,
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

if (import.meta.main) await writeRulePages(new URL("docs/rules/", ROOT));
