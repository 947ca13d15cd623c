/** `deno task fuzz --seed N --runs N [--from N] [--keep FOLDER]`: runs cases and describes those that fail. */

import { parseArgs } from "node:util";
import { type Case, describeCase } from "./cases.ts";
import { runCases } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1000" },
    from: { type: "string", default: "0" },
    most: { type: "string", default: "10" },
    keep: { type: "string" },
  },
});
const range = { seed: Number(values.seed), from: Number(values.from), runs: Number(values.runs) };
if (!Object.values(range).every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error("Cannot fuzz: --seed, --from and --runs must be numbers");
  Deno.exit(2);
}

/** Writes the file of a case to the folder that was asked for. */
function keep({ seed, index, file }: Case): void {
  if (values.keep === undefined) return;
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
