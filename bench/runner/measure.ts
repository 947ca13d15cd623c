/** Measures a workload in interleaved rounds, and judges it. */

import type { Sides, Unit, Workload } from "./workload.ts";

/** How long to measure one workload. */
export interface Effort {
  /** No round is started after that many seconds, once there are `minRounds`. */
  readonly seconds: number;
  /** The fewest rounds. */
  readonly minRounds: number;
  /** The most rounds. */
  readonly maxRounds: number;
}

/** The efforts of a whole run and of `--quick`. */
export const EFFORTS: { readonly full: Effort; readonly quick: Effort } = {
  full: { seconds: 3, minRounds: 5, maxRounds: 400 },
  quick: { seconds: 0.4, minRounds: 3, maxRounds: 60 },
};

/** Whether the aim was reached; "info" without one. A row that could not be measured "failed". */
export type Verdict = "ok" | "missed" | "info" | "failed";

/** What was measured: a row of the table. */
export interface Result {
  readonly group: string;
  readonly name: string;
  readonly unit: Unit;
  /** Median cost of the floor. */
  readonly floor: number;
  /** Median cost of kload. */
  readonly kload: number;
  /** Median of the rounds' ratios of kload to the floor. */
  readonly ratio: number;
  readonly aim?: number;
  readonly verdict: Verdict;
  /** Number of rounds that counted. */
  readonly rounds: number;
  /** Why there are no figures, if it failed. */
  readonly reason?: string;
}

/** Share of the time for rounds that do not count, in which code is compiled and memory is first touched. */
const WARM_UP = 0.2;
const WARM_UP_ROUNDS = 20;

/** Measures a workload. */
export async function measure(group: string, workload: Workload, effort: Effort): Promise<Result> {
  const { name, unit = "µs", aim } = workload;
  const row = { group, name, unit, ...(aim === undefined ? {} : { aim }) };
  try {
    const rounds = await measureRounds(workload, effort);
    const ratio = median(rounds.map(({ floor, kload }) => kload / floor));
    return {
      ...row,
      floor: median(rounds.map(({ floor }) => floor)),
      kload: median(rounds.map(({ kload }) => kload)),
      ratio,
      verdict: verdictOf(ratio, aim),
      rounds: rounds.length,
    };
  } catch (error) {
    return { ...row, floor: 0, kload: 0, ratio: 0, verdict: "failed", rounds: 0, reason: String(error) };
  }
}

async function measureRounds({ open }: Workload, { seconds, minRounds, maxRounds }: Effort): Promise<readonly Round[]> {
  const sides = await open();
  try {
    await takeRounds(sides, { seconds: seconds * WARM_UP, minRounds: 1, maxRounds: WARM_UP_ROUNDS });
    return await takeRounds(sides, { seconds, minRounds, maxRounds });
  } finally {
    await sides[Symbol.asyncDispose]?.();
  }
}

/** Judges a ratio. One that is not a number misses every aim. */
export function verdictOf(ratio: number, aim?: number): Verdict {
  if (aim === undefined) return "info";
  return ratio <= aim ? "ok" : "missed";
}

/** Returns the middle one of some values, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The costs of both sides in one round. */
interface Round {
  readonly floor: number;
  readonly kload: number;
}

async function takeRounds(sides: Sides, { seconds, minRounds, maxRounds }: Effort): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  const end = performance.now() + seconds * 1000;
  while (rounds.length < minRounds || (rounds.length < maxRounds && performance.now() < end)) {
    await sides.prepare?.();
    rounds.push(await takeRound(sides, rounds.length % 2 === 0));
    // Without this, timers and the collection of buffers would wait until the end.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return rounds;
}

/** The sides take turns going first, because the second one pays for the garbage that the first one left. */
async function takeRound({ floor, kload }: Sides, floorFirst: boolean): Promise<Round> {
  if (floorFirst) return { floor: await floor(), kload: await kload() };
  const cost = await kload();
  return { floor: await floor(), kload: cost };
}
