/** Runs many cases, and says what is wrong. */

import { type Case, describeCase, generateCase } from "./cases.ts";
import { runCase } from "./run.ts";

/** Which cases to run. */
export interface Range {
  readonly seed: number;
  readonly from: number;
  readonly runs: number;
}

/** A case with problems, described. */
export interface Failure {
  readonly fuzzCase: Case;
  readonly text: string;
}

/** What came of all cases. */
export interface Summary {
  /** How often each outcome was seen. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** How many cases a model had a say in. */
  readonly judged: number;
  readonly failures: readonly Failure[];
}

/** Runs a range of cases; stops after some with problems. */
export async function runCases(
  { seed, from, runs }: Range,
  { most = 10, onCase, onFailure }: {
    readonly most?: number;
    readonly onCase?: (fuzzCase: Case) => void;
    readonly onFailure?: (failure: Failure) => void;
  } = {},
): Promise<Summary> {
  const outcomes = new Map<string, number>();
  const failures: Failure[] = [];
  let judged = 0;
  for (let index = from; index < from + runs && failures.length < most; index++) {
    const fuzzCase = generateCase(seed, index);
    onCase?.(fuzzCase);
    const { problems, outcome, judged: isJudged } = await runCase(fuzzCase);
    const key = `${fuzzCase.setup.rules} ${outcome}`;
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    judged += Number(isJudged);
    if (problems.length === 0) continue;
    const failure = { fuzzCase, text: `${describeCase(fuzzCase)}\n  ${problems.slice(0, 5).join("\n  ")}` };
    failures.push(failure);
    onFailure?.(failure);
  }
  return { outcomes, judged, failures };
}
