/**
 * Limits on the size of files (`ulimit -f`).
 *
 * @module
 */

/** How the message of Deno's error for EFBIG ends, on Linux and macOS. */
const EFBIG = "(os error 27)";

/** How long to wait for a signal that the system has sent, in milliseconds. */
const PATIENCE = 1000;

/**
 * Does work during which a limit on the size of files makes a write fail, as a full disk does, instead of ending the
 * process at once.
 *
 * @param work The work.
 * @returns What the work returns.
 */
export async function withFileSizeErrors<T>(work: () => Promise<T>): Promise<T> {
  if (Deno.build.os === "windows") return await work();
  const sent = Promise.withResolvers<void>();
  const hear = (): void => sent.resolve(); // with a listener, the process lives on, and the write fails with EFBIG
  Deno.addSignalListener("SIGXFSZ", hear);
  try {
    return await work();
  } catch (error) {
    // If the signal arrived after the listener is removed, it would end the process.
    if (error instanceof Error && error.message.includes(EFBIG)) await settledSoon(sent.promise);
    throw error;
  } finally {
    Deno.removeSignalListener("SIGXFSZ", hear);
  }
}

/** A file system has a limit of its own, for which there is no signal. */
async function settledSoon(signal: Promise<void>): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, PATIENCE);
  await Promise.race([signal, enough.promise]);
  clearTimeout(timer);
}
