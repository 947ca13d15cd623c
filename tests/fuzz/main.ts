/** `deno task fuzz --seed N --runs N [--from N] [--most N] [--keep FOLDER]`: runs cases, describes those that fail. */

import { taskOptions } from "../task_options.ts";
import { type Case, describeCase } from "./cases.ts";
import { runCases } from "./fuzz.ts";

const USAGE = `Usage: deno task fuzz [--seed N] [--runs N] [--from N] [--most N] [--keep FOLDER]

Loads random files under every rule set, and compares the results with slow models.

  --seed N       Seed of the cases (default: 1)
  --runs N       How many cases to run (default: 1000); one case alone is described
  --from N       Number of the first case (default: 0)
  --most N       Stop after this many cases with problems (default: 10)
  --keep FOLDER  Write the files of cases with problems, or of the one case, to FOLDER`;

const answer = taskOptions(
  Deno.args,
  USAGE,
  { seed: "1", runs: "1000", from: "0", most: "10", keep: "" },
  ["seed", "runs", "from", "most"],
);
if ("text" in answer) {
  (answer.status === 0 ? console.log : console.error)(answer.text);
  Deno.exit(answer.status);
}
const { values } = answer;
const range = { seed: Number(values.seed), from: Number(values.from), runs: Number(values.runs) };

/** Writes the file of a case to the folder that was asked for. */
function keep({ seed, index, file }: Case): void {
  if (values.keep === "") return;
  Deno.mkdirSync(values.keep, { recursive: true });
  Deno.writeFileSync(`${values.keep}/${seed}-${index}.elf`, file.bytes);
}

const { outcomes, judged, failures } = await runCases(range, {
  most: Number(values.most),
  onCase: (fuzzCase) => {
    if (range.runs !== 1) return;
    console.log(describeCase(fuzzCase));
    keep(fuzzCase);
  },
  onFailure: ({ fuzzCase, text }) => {
    console.log(text);
    keep(fuzzCase);
  },
});
for (const [outcome, count] of [...outcomes].sort(([a], [b]) => a < b ? -1 : 1)) {
  console.log(`${String(count).padStart(7)} ${outcome}`);
}
console.log(`${judged} judged by a model, ${failures.length} with problems`);
if (failures.length > 0) Deno.exitCode = 1;
