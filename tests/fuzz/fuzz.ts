/** Runs many cases, and says what is wrong. */

import { type Case, describeCase, generateCase } from "./cases.ts";
import { runCase } from "./run.ts";

/** Which cases to run. */
export interface Range {
  readonly seed: number;
  readonly from: number;
  readonly runs: number;
}

/** What came of all cases. */
export interface Summary {
  /** How often each outcome was seen. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** How many cases a model had a say in. */
  readonly judged: number;
  /** The cases with problems, described. */
  readonly failures: readonly { readonly fuzzCase: Case; readonly text: string }[];
}

/** Runs a range of cases; stops after some with problems. */
export async function runCases(
  { seed, from, runs }: Range,
  { most = 10, onCase }: { readonly most?: number; readonly onCase?: (fuzzCase: Case) => void } = {},
): Promise<Summary> {
  const outcomes = new Map<string, number>();
  const failures: { fuzzCase: Case; text: string }[] = [];
  let judged = 0;
  for (let index = from; index < from + runs && failures.length < most; index++) {
    const fuzzCase = generateCase(seed, index);
    onCase?.(fuzzCase);
    const { problems, outcome, judged: isJudged } = await runCase(fuzzCase);
    const key = `${fuzzCase.setup.rules} ${outcome}`;
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    judged += Number(isJudged);
    if (problems.length === 0) continue;
    failures.push({ fuzzCase, text: `${describeCase(fuzzCase)}\n  ${problems.slice(0, 5).join("\n  ")}` });
  }
  return { outcomes, judged, failures };
}
