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
