/**
 * Runs tests against mutants of the sources:
 *
 *     deno task mutate [--seed 1] [--runs 150] [--only core/paging] [--jobs 2]
 *
 * A verdict is kept in `.mutants/` as soon as it is known, so that an interrupted run can go on. Mutants that cannot make
 * a difference are listed, with the reason, in `equivalents.json`, and do not count.
 */

import { fromFileUrl } from "@std/path/from-file-url";
import { type Mutant, mutantsOf, mutated } from "./mutants.ts";
import { taskOptions } from "../task_options.ts";
import { testsOf } from "./tests_of.ts";

/** The share of mutants that tests must notice. */
const AIM = 0.92;

/** How long a list of tests may take, in milliseconds, before a mutant counts as noticed: it may run forever. */
const PATIENCE = 300_000;

const root = fromFileUrl(new URL("../../", import.meta.url));

const USAGE = `Usage: deno task mutate [--seed N] [--runs N] [--only PATH] [--jobs N]

Runs tests against mutants of the sources, for minutes each.

  --seed N     Seed of the choice of mutants (default: 1)
  --runs N     How many mutants to try (default: 150)
  --only PATH  Only mutants of sources whose paths start so, such as core/paging
  --jobs N     How many to try at a time (default: 2)`;

interface Verdict {
  readonly id: string;
  readonly noticedBy: string | null;
}

interface Equivalent {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  /** The line it is in, without spaces at its ends. */
  readonly code: string;
  readonly why: string;
}

function refuse(text: string, status: 0 | 2): never {
  (status === 0 ? console.log : console.error)(text);
  Deno.exit(status);
}

async function output(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args: [...args], cwd, stderr: "inherit" }).output();
  return new TextDecoder().decode(stdout);
}

/** Numbers from 0 to 1 that a seed determines (Mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Picks mutants; the same ones for the same seed and sources. */
function pick(all: readonly Mutant[], count: number, seed: number): readonly Mutant[] {
  const next = random(seed);
  const left = [...all];
  const picked: Mutant[] = [];
  while (picked.length < count && left.length > 0) {
    picked.push(...left.splice(Math.floor(next() * left.length), 1));
  }
  return picked;
}

const idOf = ({ file, start, before, after }: Mutant): string => `${file}:${start}:${before}:${after}`;

function lineOf(text: string, start: number): string {
  return text.slice(text.lastIndexOf("\n", start) + 1).split("\n", 1)[0].trim();
}

/** Runs lists of tests in a copy of the project; resolves to the list that fails, or `null` if none does. */
async function firstFailing(folder: string, lists: readonly (readonly string[])[]): Promise<string | null> {
  for (const paths of lists) {
    const there = paths.filter((path) => exists(`${folder}/${path}`));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--quiet", "--fail-fast", ...there],
      cwd: folder,
      stdout: "null",
      stderr: "null",
      env: { NO_COLOR: "1" },
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    const { success } = await child.status;
    clearTimeout(timer);
    if (!success) return paths.join(" ");
  }
  return null;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
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
const files = (await output("git", ["ls-files", "-co", "--exclude-standard"], root)).split("\n").filter(Boolean);
const sources = files.filter((file) => /^(core|plugins|boot)\/.*\.ts$/.test(file) && file.startsWith(only));
if (sources.length === 0) refuse(`Cannot use --only ${only}: no source has a path that starts so\n\n${USAGE}`, 2);
const texts = new Map(sources.map((file) => [file, Deno.readTextFileSync(`${root}/${file}`)]));
const equivalents = JSON.parse(
  Deno.readTextFileSync(new URL("./equivalents.json", import.meta.url)),
) as readonly Equivalent[];
const isEquivalent = ({ file, before, after, start }: Mutant): boolean =>
  equivalents.some((known) =>
    known.file === file && known.before === before && known.after === after &&
    known.code === lineOf(texts.get(file)!, start)
  );
const all = sources.flatMap((file) => mutantsOf(file, texts.get(file)!)).filter((mutant) => !isEquivalent(mutant));
const picked = pick(all, runs, seed);

const log = `${root}/.mutants/seed-${seed}${only && `-${only.replaceAll("/", "-")}`}.jsonl`;
await Deno.mkdir(`${root}/.mutants`, { recursive: true });
const known = new Map<string, Verdict>();
if (exists(log)) {
  for (const line of Deno.readTextFileSync(log).split("\n").filter(Boolean)) {
    const verdict: Verdict = JSON.parse(line);
    known.set(verdict.id, verdict);
  }
}

console.log(`${picked.length} of ${all.length} mutants, ${picked.filter((one) => known.has(idOf(one))).length} known`);
const waiting = picked.filter((mutant) => !known.has(idOf(mutant)));
const folders = await Promise.all(Array.from({ length: jobs }, () => copyOfProject(files)));
try {
  await Promise.all(folders.map(async (folder) => {
    for (let mutant = waiting.pop(); mutant; mutant = waiting.pop()) {
      const path = `${folder}/${mutant.file}`;
      const text = texts.get(mutant.file)!;
      await Deno.writeTextFile(path, mutated(text, mutant));
      const noticedBy = await firstFailing(folder, testsOf(mutant.file, (test) => exists(`${folder}/${test}`)));
      await Deno.writeTextFile(path, text);
      const verdict: Verdict = { id: idOf(mutant), noticedBy };
      known.set(verdict.id, verdict);
      await Deno.writeTextFile(log, `${JSON.stringify(verdict)}\n`, { append: true });
      const what = `${mutant.file}:${mutant.line}  ${mutant.before.split("\n", 1)[0]}  →  ${mutant.after}`;
      console.log(noticedBy === null ? "SURVIVED" : "noticed ", what);
    }
  }));
} finally {
  for (const folder of folders) await Deno.remove(folder, { recursive: true });
}

const survivors = picked.filter((mutant) => known.get(idOf(mutant))?.noticedBy === null);
console.log(`\n${survivors.length} survived:`);
for (const { file, line, before, after, start } of survivors) {
  console.log(`${file}:${line}  ${before.split("\n", 1)[0]}  →  ${after}\n    ${lineOf(texts.get(file)!, start)}`);
}
const share = (picked.length - survivors.length) / picked.length;
console.log(`\n${picked.length - survivors.length} of ${picked.length} noticed: ${(share * 100).toFixed(1)} %`);
if (share < AIM) Deno.exit(1);
