/**
 * Cleans up however the process ends, as far as a process can.
 *
 * @module
 */

/** 128 and the number of SIGQUIT, which Ctrl-\ sends. */
const QUIT = 131;

/**
 * Does something if the process exits before it is called off: at the end of an interrupted command whose work did not
 * stop in time, at a second Ctrl-C, or at Ctrl-\. Only SIGKILL leaves no time for it.
 *
 * @param work What to do, synchronously.
 * @returns Calls it off.
 */
export function onExit(work: () => void): () => void {
  const quit = (): void => Deno.exit(QUIT);
  globalThis.addEventListener("unload", work);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGQUIT", quit);
  return () => {
    globalThis.removeEventListener("unload", work);
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGQUIT", quit);
  };
}

/** How long to wait for the signal of a failed write, in milliseconds; most errors have none. */
const SIGNAL_PATIENCE = 20;

/**
 * Does work during which a limit on the size of files makes a write fail, as a full disk does, instead of ending the
 * process at once.
 *
 * @param work The work.
 * @returns What the work returns.
 */
export async function withFileSizeErrors<T>(work: () => Promise<T>): Promise<T> {
  if (Deno.build.os === "windows") return await work();
  const arrived = Promise.withResolvers<void>();
  const onSignal = (): void => arrived.resolve(); // with a listener, the write fails with EFBIG
  Deno.addSignalListener("SIGXFSZ", onSignal);
  try {
    return await work();
  } catch (error) {
    // The signal comes after the error: without a listener by then, it would end the process all the same.
    await Promise.race([arrived.promise, new Promise((resolve) => setTimeout(resolve, SIGNAL_PATIENCE))]);
    throw error;
  } finally {
    Deno.removeSignalListener("SIGXFSZ", onSignal);
  }
}
