/**
 * Prints which share of the sources the tests ran, from a folder of coverage that `deno test --coverage` wrote, and fails
 * where it is too low:
 *
 *     deno task coverage
 *
 * Processes that tests start write to the same folder, so the command line counts with its runs.
 */

import { fromFileUrl } from "@std/path/from-file-url";

/** The least shares, in percent. */
const LEAST: Readonly<Record<string, { readonly lines: number; readonly branches?: number }>> = {
  core: { lines: 98.5, branches: 97 },
  plugins: { lines: 98.5, branches: 97 },
  boot: { lines: 98.5, branches: 97 },
  formats: { lines: 97, branches: 94 },
  protocols: { lines: 99, branches: 97 },
  loaders: { lines: 99, branches: 95 },
  explain: { lines: 98, branches: 94 },
  cli: { lines: 97 },
};

const root = fromFileUrl(new URL("../", import.meta.url));

/** What an LCOV record counts of a file: all there are, and those that ran. */
interface Counts {
  readonly lines: readonly [found: number, hit: number];
  readonly branches: readonly [found: number, hit: number];
}

/** Reads the records of LCOV (geninfo(1), "Files"), by path. */
function parseLcov(text: string): ReadonlyMap<string, Counts> {
  const records = text.split("end_of_record\n").filter((record) => record.trim() !== "");
  return new Map(records.map((record) => {
    const field = (name: string): string => record.match(new RegExp(`^${name}:(.*)$`, "m"))?.[1] ?? "0";
    const counts: Counts = {
      lines: [Number(field("LF")), Number(field("LH"))],
      branches: [Number(field("BRF")), Number(field("BRH"))],
    };
    return [field("SF"), counts];
  }));
}

const share = (all: readonly Counts[], what: keyof Counts): number => {
  const [found, hit] = [0, 1].map((which) => all.reduce((sum, counts) => sum + counts[what][which], 0));
  return found === 0 ? 100 : hit / found * 100;
};

const groups = Object.keys(LEAST);
const { success, stdout } = await new Deno.Command(Deno.execPath(), {
  args: ["coverage", Deno.args[0] ?? "coverage", "--lcov", `--include=/(${groups.join("|")})/`],
  cwd: root,
  stderr: "inherit",
}).output();
if (!success) Deno.exit(1);

const files = [...parseLcov(new TextDecoder().decode(stdout))].map(([path, counts]) => {
  return { path: path.startsWith(root) ? path.slice(root.length) : path, counts };
});
let failed = false;
console.log("| Folder    | Lines % | Branches % | Least       |");
console.log("| --------- | ------- | ---------- | ----------- |");
for (const [group, least] of Object.entries(LEAST)) {
  const counts = files.filter(({ path }) => path.startsWith(`${group}/`)).map(({ counts }) => counts);
  const [lines, branches] = [share(counts, "lines"), share(counts, "branches")];
  const isLow = counts.length === 0 || lines < least.lines || branches < (least.branches ?? 0);
  const wanted = least.branches === undefined ? `${least.lines}` : `${least.lines}, ${least.branches}`;
  const columns = [group.padEnd(9), lines.toFixed(2).padStart(7), branches.toFixed(2).padStart(10), wanted.padEnd(11)];
  console.log(`| ${columns.join(" | ")} |${isLow ? " too low" : ""}`);
  failed ||= isLow;
}
if (failed) Deno.exit(1);
