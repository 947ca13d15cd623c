/**
 * The exit status of `kload check`.
 *
 * @module
 */

import type { CheckReport } from "../../loaders/check_kernel.ts";

/** The least severity of a finding that makes the exit status 1; "never" makes it 0 in any case. */
export type FailOn = "error" | "warning" | "never";

/**
 * The exit status that follows from a report.
 *
 * @param report The verdicts and findings.
 * @param failOn Which findings make it 1.
 * @returns 1 if a loader that the file is meant for does not boot it, or a finding is severe enough; otherwise 0.
 */
export function checkStatus({ verdicts, findings }: CheckReport, failOn: FailOn): number {
  if (failOn === "never") return 0;
  const isFailing = verdicts.some(({ intended, outcome }) => intended && outcome !== "boots");
  const isSevere = findings.some(({ severity }) => severity === "error" || severity === failOn);
  return isFailing || isSevere ? 1 : 0;
}
