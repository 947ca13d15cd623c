/**
 * Handles Ctrl-C and the other signals that ask a process to end: asks the work to stop, and gives it a moment to do
 * so.
 *
 * @module
 */

import { CliError } from "./cli_error.ts";

/** The signals and their numbers, the same on all systems that have them: Ctrl-C, the end of a terminal, and kill. */
const SIGNALS = { SIGINT: 2, SIGHUP: 1, SIGTERM: 15 } as const;

/** The name of one of the signals. */
type SignalName = keyof typeof SIGNALS;

/** A shell's exit status for a process that a signal ended is this plus the signal's number. */
const SIGNALLED = 128;

/** How long aborted work may take to stop, in milliseconds; a read from a terminal never ends by itself. */
const GRACE = 25;

/**
 * Does work until it is done or a signal asks for its end. A second signal ends the process at once.
 *
 * @param work The work; its signal aborts when such a signal arrives.
 * @returns What the work returns.
 * @throws {CliError} "interrupted" after a signal, with the exit status for it; otherwise whatever the work throws.
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const graceOver = Promise.withResolvers<never>();
  graceOver.promise.catch(() => {});
  const interrupt = (name: SignalName): void => {
    const status = SIGNALLED + SIGNALS[name];
    if (signal.aborted) Deno.exit(status);
    const interrupted = new CliError("interrupted", `Interrupted by ${name}`, { detail: { signal: name }, status });
    controller.abort(interrupted);
    setTimeout(() => graceOver.reject(interrupted), GRACE);
  };
  const forget = (Object.keys(SIGNALS) as SignalName[]).map((name) => listen(name, () => interrupt(name)));
  try {
    return await Promise.race([work(signal), graceOver.promise]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    forget.forEach((stop) => stop());
  }
}

/** Listens for a signal, if the system has it; returns a function that stops listening. */
function listen(name: SignalName, onSignal: () => void): () => void {
  try {
    Deno.addSignalListener(name, onSignal);
    return () => Deno.removeSignalListener(name, onSignal);
  } catch {
    return () => {};
  }
}
