/**
 * Handles Ctrl-C: asks the work to stop, and allows it a moment to do so.
 *
 * @module
 */

import { CliError } from "./cli_error.ts";

/** How long aborted work may take to stop, in milliseconds; a read from a terminal never ends by itself. */
const GRACE = 250;

/**
 * Does work until it is done or Ctrl-C is pressed. A second Ctrl-C ends the process at once.
 *
 * @param work The work; its signal aborts on Ctrl-C.
 * @returns What the work returns.
 * @throws {CliError} "interrupted" after Ctrl-C; otherwise whatever the work throws.
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const interrupted = new CliError("interrupted", "Interrupted");
  const interrupt = (): void => {
    if (signal.aborted) Deno.exit(130);
    controller.abort(interrupted);
  };
  const graceOver = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => setTimeout(() => reject(interrupted), GRACE), { once: true });
  });
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    return await Promise.race([work(signal), graceOver]);
  } catch (error) {
    throw signal.aborted ? interrupted : error;
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
  }
}
