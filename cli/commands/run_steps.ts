/**
 * Runs work that is done in steps, and hears an abort between them.
 *
 * @module
 */

import { pauses } from "../../core/intake/pause.ts";

/**
 * Runs work to its end.
 *
 * @param steps The work, in steps of at most a few milliseconds.
 * @param signal Ends it with its reason.
 * @returns What the work returns.
 */
export async function runSteps<T>(steps: Iterator<unknown, T, void>, signal: AbortSignal): Promise<T> {
  const pause = pauses(signal);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    const turn = pause();
    if (turn) await turn;
  }
}
