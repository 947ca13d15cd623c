/**
 * Runs tests against mutants of the sources:
 *
 *     deno task mutate [--seed 1] [--runs 150] [--only core/paging] [--jobs 2]
 *
 * The same seed picks the same mutants of the same sources. A verdict is kept in `.mutants/` as soon as it is known, so
 * that an interrupted run can go on. Mutants that cannot make a difference are listed, with the reason, in
 * `equivalents.json`, and do not count.
 */

import { fromFileUrl } from "@std/path/from-file-url";
import { taskOptions } from "../task_options.ts";
import { describeMutant, type Equivalent, keyOf } from "./equivalents.ts";
import { type Mutant, mutantsOf, mutated } from "./mutants.ts";
import { testLists } from "./tests_of.ts";
import { openVerdicts } from "./verdicts.ts";

/** The share of mutants that tests must notice. */
const AIM = 0.92;

/** How long a test and a list of tests may take, in milliseconds: a mutant that runs forever counts as noticed. */
const PATIENCE = { one: 100_000, list: 400_000 };

/** Files that hold the words of messages alone. */
const WORDS: readonly string[] = ["core/error_texts.ts", "core/intake/source_advice.ts"];

const root = fromFileUrl(new URL("../../", import.meta.url));

const USAGE = `Usage: deno task mutate [--seed N] [--runs N] [--only PATH] [--jobs N]

Runs tests against mutants of the sources.

  --seed N     Seed of the choice of mutants (default: 1)
  --runs N     How many mutants to try (default: 150)
  --only PATH  Only mutants of sources whose paths start so, such as core/paging
  --jobs N     How many to try at a time (default: 2)`;

function refuse(text: string, status: 0 | 2): never {
  (status === 0 ? console.log : console.error)(text);
  Deno.exit(status);
}

async function output(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args: [...args], cwd, stderr: "inherit" }).output();
  return new TextDecoder().decode(stdout);
}

/** A number that a text determines (FNV-1a, and the finalizer of MurmurHash3). */
function hash(text: string): number {
  let mixed = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Picks mutants. A change of the sources changes few of them, so that most verdicts of a seed stay. */
function pick(all: readonly Mutant[], count: number, seed: number): readonly Mutant[] {
  const scores = new Map(all.map((mutant) => [mutant, hash(`${seed} ${keyOfMutant(mutant)}`)]));
  return all.toSorted((one, other) => scores.get(one)! - scores.get(other)!).slice(0, count);
}

const running = new Set<Deno.ChildProcess>();

/** Runs lists of tests in a copy of the project; resolves to the list that fails, or `null` if none does. */
async function firstFailing(folder: string, lists: readonly (readonly string[])[]): Promise<string | null> {
  for (const paths of lists) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--quiet", "--fail-fast", ...paths.length > 1 ? ["--parallel"] : [], ...paths],
      cwd: folder,
      stdout: "null",
      stderr: "null",
      env: { NO_COLOR: "1" },
    }).spawn();
    running.add(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), paths.length > 1 ? PATIENCE.list : PATIENCE.one);
    const { success, signal } = await child.status;
    clearTimeout(timer);
    running.delete(child);
    const how = signal ? ", which does not end" : "";
    if (!success) return `${paths.length > 1 ? `one of ${paths.length} tests` : paths[0]}${how}`;
  }
  return null;
}

async function copyOfProject(files: readonly string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "kload-mutants-" });
  for (const file of files) {
    const target = `${folder}/${file}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(`${root}/${file}`, target);
  }
  return folder;
}

const answer = taskOptions(Deno.args, USAGE, { seed: "1", runs: "150", jobs: "2", only: "" }, ["seed", "runs", "jobs"]);
if ("text" in answer) refuse(answer.text, answer.status);
const { only, ...numbers } = answer.values;
const [seed, runs, jobs] = [numbers.seed, numbers.runs, numbers.jobs].map(Number);
const files = (await output("git", ["ls-files", "-co", "--exclude-standard"], root)).split("\n").filter(Boolean).sort();
const scripts = files.filter((file) => file.endsWith(".ts"));
const texts = new Map(scripts.map((file) => [file, Deno.readTextFileSync(`${root}/${file}`)]));
const sources = scripts.filter((file) => /^(core|plugins|boot|explain)\//.test(file) && !WORDS.includes(file));
if (!sources.some((file) => file.startsWith(only))) {
  refuse(`Cannot use --only ${only}: no source has a path that starts so\n\n${USAGE}`, 2);
}
const keyOfMutant = (mutant: Mutant): string => keyOf(describeMutant(mutant, texts.get(mutant.file)!));
const made = sources.flatMap((file) => mutantsOf(file, texts.get(file)!));

const equivalents: readonly Equivalent[] = JSON.parse(
  Deno.readTextFileSync(new URL("./equivalents.json", import.meta.url)),
);
const uncounted = new Set(equivalents.map(keyOf));
const keys = new Set(made.map(keyOfMutant));
for (const key of uncounted) if (!keys.has(key)) console.log(`Not a mutant of these sources: ${key}`);

const all = made.filter((mutant) => mutant.file.startsWith(only) && !uncounted.has(keyOfMutant(mutant)));
const picked = pick(all, runs, seed);
await Deno.mkdir(`${root}/.mutants`, { recursive: true });
const verdicts = await openVerdicts(`${root}/.mutants/verdicts.jsonl`, texts);
const waiting = picked.filter((mutant) => verdicts.of(mutant) === undefined);
console.log(`${picked.length} of ${all.length} mutants, ${picked.length - waiting.length} known`);

const listsOf = testLists(texts);
const folders = await Promise.all(Array.from({ length: jobs }, () => copyOfProject(files)));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    for (const child of running) child.kill("SIGKILL");
    for (const folder of folders) Deno.removeSync(folder, { recursive: true });
    Deno.exit(1);
  });
}
try {
  await Promise.all(folders.map(async (folder) => {
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const path = `${folder}/${mutant.file}`;
      const text = texts.get(mutant.file)!;
      const begun = performance.now();
      await Deno.writeTextFile(path, mutated(text, mutant));
      const noticedBy = await firstFailing(folder, listsOf(mutant.file));
      await Deno.writeTextFile(path, text);
      await verdicts.add(mutant, noticedBy);
      const what = `${mutant.file}:${mutant.line}  ${mutant.before.split("\n", 1)[0]}  →  ${mutant.after}`;
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      console.log(noticedBy === null ? "SURVIVED" : "noticed ", what, ` ${seconds} s: ${noticedBy ?? "no test"}`);
    }
  }));
} finally {
  for (const folder of folders) await Deno.remove(folder, { recursive: true });
}

const survivors = picked.filter((mutant) => verdicts.of(mutant) === null);
console.log(`\n${survivors.length} survived:`);
for (const mutant of survivors) {
  const { file, code, mutant: changed } = describeMutant(mutant, texts.get(mutant.file)!);
  console.log(`${file}:${mutant.line}\n    ${code}\n    ${changed}`);
}
const share = (picked.length - survivors.length) / picked.length;
console.log(`\n${picked.length - survivors.length} of ${picked.length} noticed: ${(share * 100).toFixed(1)} %`);
if (share < AIM) Deno.exit(1);
